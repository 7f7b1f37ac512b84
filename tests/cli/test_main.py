"""Main: the commands that exist, and a clear word about those that do not yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gateway
from gateway.cli.main import NOT_BUILT, app


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), prog_name="tollway")
    return result.exit_code, result.stdout, result.stderr


def test_version_is_printed() -> None:
    """Name and version, nothing else."""
    assert (0, f"tollway {gateway.__version__}\n", "") == run("--version")


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help_shows_what_is_there_and_only_that(words: list[str]) -> None:
    """A command that is not built yet is not offered."""
    status, out, _ = run(*words)

    assert 0 == status
    for name in (
        "serve",
        "demo",
        "doctor",
        "check",
        "team",
        "key",
        "logs",
        "spend",
        "price",
        "--version",
        "--install-completion",
    ):
        assert name in out
    assert "replay" not in out


@pytest.mark.parametrize("name", NOT_BUILT)
@pytest.mark.parametrize("rest", [[], ["list", "--team", "x"], ["--help"]])
def test_command_that_is_not_built_says_so(name: str, rest: list[str]) -> None:
    """Never accepted silently, whatever follows: exit 2."""
    status, out, err = run(name, *rest)

    assert (2, "") == (status, out)
    assert f"`tollway {name}`" in err
    assert "not built yet" in err


@pytest.mark.parametrize(
    ("words", "hint"), [(["chek"], "'check'"), (["key", "lst"], "list"), (["check", "--jsn"], "--json")]
)
def test_typo_is_a_usage_error_with_a_hint(words: list[str], hint: str) -> None:
    """Exit 2 tells scripts that the command line is wrong, not the config."""
    status, _, err = run(*words)

    assert 2 == status
    assert hint in err


@pytest.mark.parametrize(
    "words", [["check"], ["key", "list"], ["key", "new"], ["key", "revoke"], ["team", "new"], ["serve"], ["price"]]
)
def test_every_command_takes_a_config(words: list[str]) -> None:
    """--config FILE, and the variable that stands for it."""
    status, out, _ = run(*words, "--help")

    assert 0 == status
    assert "--config" in out
    assert "TOLLWAY_CONFIG" in out


def test_module_is_the_command(tmp_path: Path) -> None:
    """`python -m gateway` does what `tollway` does, and calls itself that."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "key"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(gateway.__file__).parents[1])},
    )

    assert 2 == done.returncode
    assert "Usage: tollway key" in done.stdout + done.stderr
