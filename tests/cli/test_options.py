"""Options: which config a command means, and how it says that something is wrong."""

from pathlib import Path

import pytest
import typer

from gateway.cli import options


def test_config_is_the_named_one_or_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named one must exist; the usual one need not."""
    monkeypatch.chdir(tmp_path)

    assert (Path("x/my.toml"), True) == options.place_of(Path("x/my.toml"))
    assert tmp_path / "x" == options.place_of(Path("x/my.toml")).root
    assert (Path("config.toml"), False) == options.place_of(None)
    assert tmp_path == options.place_of(None).root


def test_load_gives_the_config_or_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands need not care: with problems they never get so far."""
    file = tmp_path / "config.toml"
    file.write_text("[server]\nworkers = 2")
    assert 2 == options.load(file).company.server.workers

    file.write_text("[server]\nworkers = 0\nx = 1")
    with pytest.raises(typer.Exit) as caught:
        options.load(file)

    assert options.PROBLEM == caught.value.exit_code
    assert 2 == len(capsys.readouterr().err.splitlines())


def test_failure_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """stdout is for results."""
    with pytest.raises(typer.Exit) as caught:
        options.fail("no", options.USAGE)

    assert (options.USAGE, ("", "no\n")) == (caught.value.exit_code, capsys.readouterr())


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Compact, UTF-8."""
    options.print_json({"a": "é\n", "b": None})

    assert '{"a":"é\\n","b":null}\n' == capsys.readouterr().out
