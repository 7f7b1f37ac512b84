"""`tollway doctor`, run as a person runs it."""

import sys
from pathlib import Path

import msgspec
import pytest

from tests.app.test_examination import free_port
from tests.cli.commands import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(
        f'[server]\ndata_dir = "data"\nlisten = "127.0.0.1:{free_port()}"\nadmin = "127.0.0.1:{free_port()}"\n'
        '[providers.openai]\napi_keys = ["file:openai.key"]\n'
    )
    (tmp_path / "openai.key").write_text("sk-secret")
    return tmp_path


def test_fit_machine_has_no_problem(folder: Path) -> None:
    """Everything is named, warnings are no failure, and no key is shown."""
    result = run(folder, "doctor")

    assert (0, "") == (result.code, result.err)
    for part in ("config", "a key for openai", "data_dir", "disk", "listen", "admin", "open files"):
        assert part in result.text
    assert "sk-secret" not in result.text
    if sys.platform == "linux":
        for measure in ("files", "user", "limits", "processes", "network", "cgroup"):
            assert f"isolation: {measure}" in result.text


def test_programs_read_json(folder: Path) -> None:
    """One object, with a finding for each thing that was looked at."""
    (found,) = run(folder, "doctor", "--json").lines

    assert found["ok"] is True
    assert {"subject", "state", "word"} == set(found["findings"][0])
    assert {"ok", "warning"} >= {each["state"] for each in found["findings"]}


def test_broken_config_is_a_problem_and_the_rest_is_told_all_the_same(folder: Path) -> None:
    """Each problem on a line of its own, the machine behind them."""
    (folder / "config.toml").write_text("[server]\nlisten = 7\nworkers = 0\n")
    result = run(folder, "doctor", "--json")
    (found,) = result.lines

    assert 1 == result.code
    assert found["ok"] is False
    problems = [each["word"] for each in found["findings"] if each["state"] == "problem"]
    assert 2 == len([each for each in problems if "server" in each]), msgspec.json.encode(problems)
    assert any(each["subject"] == "open files" for each in found["findings"])
