"""`tollway redact` shows what would be kept."""

import subprocess
from pathlib import Path

from tests.cli.commands import command, run

TEAM = '[logging.redact]\nkinds = ["email"]\npatterns = ["PROJECT-[0-9]+"]\npaths = ["user"]\n'


def test_built_in_kinds_are_taken_out(tmp_path: Path) -> None:
    """A file by its path; what is kept goes to stdout as it is, how much was taken out to stderr."""
    (tmp_path / "body").write_bytes(b'{"content":"to a@b.example"}')

    shown = run(tmp_path, "redact", str(tmp_path / "body"))

    assert (0, b'{"content":"to [email]"}') == (shown.code, shown.out)
    assert "1 part taken out" in shown.err


def test_rules_of_a_team_are_tried(tmp_path: Path) -> None:
    """With its own patterns and paths, from stdin, as JSON."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "search.toml").write_text(TEAM)
    line = command(tmp_path, "redact", "--team", "search", "--json", "-")
    body = b'{"user":"ann","content":"PROJECT-1 of a@b.example, +49 30 901820"}'

    done = subprocess.run(line, input=body, capture_output=True, check=True)

    kept = '{\\"user\\":\\"[redacted]\\",\\"content\\":\\"[redacted] of [email], +49 30 901820\\"}'
    assert f'{{"kept":"{kept}","redactions":3}}\n' == done.stdout.decode()


def test_stream_is_read_as_one(tmp_path: Path) -> None:
    """What stands in several events is found, too."""
    (tmp_path / "body").write_bytes(
        b'data: {"choices":[{"delta":{"content":"a@b."}}]}\n\ndata: {"choices":[{"delta":{"content":"example"}}]}\n\n'
    )

    shown = run(tmp_path, "redact", str(tmp_path / "body"))

    assert b'"content":"[email]"' in shown.out


def test_what_would_not_be_kept_is_said(tmp_path: Path) -> None:
    """So is a file or a team that is not there."""
    (tmp_path / "body").write_bytes(b"\x89PNG\x00")

    assert "nothing of it would be kept" in run(tmp_path, "redact", str(tmp_path / "body")).err
    assert "No such file" in run(tmp_path, "redact", str(tmp_path / "nobody")).err
    assert "there is no team 'x'" in run(tmp_path, "redact", "--team", "x", str(tmp_path / "body")).err
