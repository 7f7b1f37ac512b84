"""`tollway team new`: a file with a first key, shown once."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config.load import parse, read


def run(root: Path, *words: str) -> tuple[int, str, str]:
    (root / "config.toml").touch()
    result = CliRunner().invoke(app, [*words, "--config", str(root / "config.toml")])
    return result.exit_code, result.stdout, result.stderr


def test_new_team_prints_its_key_alone_on_stdout(tmp_path: Path) -> None:
    """`KEY=$(tollway team new search)` works; the words for people are on stderr."""
    status, out, err = run(tmp_path, "team", "new", "search")
    (entry,) = parse(read(tmp_path / "config.toml"), {}).teams["search"].keys

    assert 0 == status
    assert sha256(out.strip().encode()).hexdigest() == entry.sha256
    assert "the only time that it is shown" in err


def test_json_of_a_new_team(tmp_path: Path) -> None:
    """Team, key's name, key."""
    status, out, err = run(tmp_path, "team", "new", "search", "--json")
    said = msgspec.json.decode(out)

    assert (0, "") == (status, err)
    assert ("search", "default") == (said["team"], said["name"])
    assert said["key"].startswith("tw-")


def test_team_is_not_made_twice_or_under_a_bad_name(tmp_path: Path) -> None:
    """Status 1 and a sentence; nothing is written."""
    run(tmp_path, "team", "new", "search")
    before = (tmp_path / "teams" / "search.toml").read_text()

    for name, said in (("search", "there is a team 'search' already"), ("a/b", "cannot be the name of a team")):
        status, out, err = run(tmp_path, "team", "new", name)
        assert (1, "") == (status, out)
        assert said in err
    assert before == (tmp_path / "teams" / "search.toml").read_text()


def test_team_beside_a_config_that_is_not_there(tmp_path: Path) -> None:
    """A mistyped --config must not make a team where nobody looks for it."""
    result = CliRunner().invoke(app, ["team", "new", "search", "--config", str(tmp_path / "nope.toml")])

    assert 1 == result.exit_code
    assert "no such file" in result.stderr
    assert not (tmp_path / "teams").exists()


def test_team_without_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in defaults have their teams beside where config.toml would be."""
    monkeypatch.chdir(tmp_path)

    assert 0 == CliRunner().invoke(app, ["team", "new", "search"]).exit_code
    assert (tmp_path / "teams" / "search.toml").exists()
