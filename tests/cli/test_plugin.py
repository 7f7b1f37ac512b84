"""`tollway plugin`, as a person runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import plugin
from gateway.evaluation.inspection import Description, Parameter

ROOT = Path(__file__).parents[2]
WRONG = """
from gateway.evaluation.api import Evaluator

class Wrong(Evaluator):
    name = "wrong"
    version = "1"

    def evaluate(self, target):
        return 3
"""


def tollway(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    command = [sys.executable, "-m", "gateway", "plugin", *arguments]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, cwd=folder, timeout=120, text=True, env=environment, check=False
    )


def test_a_new_one_conforms(tmp_path: Path) -> None:
    """The command says what to do next, and that works."""
    made = tollway(tmp_path, "new", "too-long")
    (command,) = (line.split() for line in made.stdout.splitlines() if "plugin check" in line)
    checked = tollway(tmp_path, *command[2:])

    assert (0, 0) == (made.returncode, checked.returncode)
    assert "It conforms." in checked.stdout
    assert re.search(r"targets +\d+: \d+ scored, \d+ skipped", checked.stdout)


def test_where_to_make_it(tmp_path: Path) -> None:
    """Another folder; told as JSON."""
    made = json.loads(tollway(tmp_path, "new", "too-long", "--dir", "here", "--json").stdout)
    again = tollway(tmp_path, "new", "too-long", "--dir", "here")

    assert {"dir": "here", "use": "too_long"}.items() <= made.items()
    assert all((tmp_path / "here" / file).is_file() for file in made["files"])
    assert (1, True) == (again.returncode, "exists already" in again.stderr)
    assert 2 == tollway(tmp_path, "new", "Too Long").returncode


def test_what_does_not_conform_is_said(tmp_path: Path) -> None:
    """With what to do, and an exit code for scripts."""
    (tmp_path / "wrong.py").write_text(WRONG)
    told = tollway(tmp_path, "check", "file:wrong.py:Wrong")
    as_json = tollway(tmp_path, "check", "file:wrong.py:Wrong", "--json")
    found: dict[str, Any] = json.loads(as_json.stdout)

    assert (1, 1) == (told.returncode, as_json.returncode)
    assert "the main score is boolean, and 3 is an int on `a plain answer`" in told.stdout
    assert "Return what `scores` declares" in told.stdout
    assert (False, "contract") == (found["conforms"], found["report"]["findings"][0]["rule"])


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["no_such"], 1, "no evaluator `no_such` is installed"),
        (["file:none.py:X"], 1, "there is no such file"),
        (["no_such", "--params", "{"], 2, "no JSON"),
        (["no_such", "--params", "[]"], 2, "must be a JSON object"),
    ],
)
def test_what_cannot_be_checked(tmp_path: Path, arguments: list[str], code: int, expected: str) -> None:
    """Says why, and what to write."""
    told = tollway(tmp_path, "check", *arguments)

    assert (code, True) == (told.returncode, expected in told.stderr)


def test_the_list(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """One line each; one that cannot be loaded says why below."""
    found = [
        Description(
            "mine",
            plugin="mine",
            version="1.2",
            distribution="acme==2.0",
            scores=["boolean", ".n: numeric"],
            needs=["judge"],
            parameters=[Parameter("pattern", "string"), Parameter("most", "integer", "3")],
        ),
        Description("broken", problem="broken: its import fails"),
    ]
    monkeypatch.setattr(plugin, "describe", lambda uses: found)
    plugin.list_plugins(as_json=False)
    shown = capfd.readouterr().out

    assert "mine    1.2      acme 2.0  boolean; .n: numeric  judge  pattern (string), most=3" in shown
    assert "broken: its import fails" in shown


def test_every_installed_one_is_listed(tmp_path: Path) -> None:
    """As one JSON object a line."""
    listed = [json.loads(line) for line in tollway(tmp_path, "list", "--json").stdout.splitlines()]

    assert {"json_valid", "llm_judge", "truncated"} <= {each["use"] for each in listed}
