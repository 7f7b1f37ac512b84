"""A new plugin is a package that works as it is."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.cli.plugin_files import BadName, write_package


def test_what_is_written_works(tmp_path: Path) -> None:
    """Its own tests pass, conformance among them; nothing is left to fill in."""
    made = write_package("too-long", tmp_path / "made")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(made.folder)]
    environment = {"PYTHONPATH": f"{made.folder}:{Path.cwd()}"}
    done = subprocess.run(command, capture_output=True, cwd=made.folder, env=environment, timeout=120, check=False)
    project = tomllib.loads((made.folder / "pyproject.toml").read_text())

    assert 0 == done.returncode, done.stdout.decode()
    assert {"too_long": "tollway_too_long:TooLong"} == project["project"]["entry-points"]["tollway.evaluators"]
    assert ("tollway_too_long.py", "TooLong", "too_long") == (made.module, made.cls, made.use)
    assert not any("@" in (made.folder / file).read_text() for file in made.files)


@pytest.mark.parametrize("name", ["", "Caps", "with space", "-x", "x-", "a/b", "1a", "x" * 41, "json_valid"])
def test_names_that_no_package_can_have(tmp_path: Path, name: str) -> None:
    """Nothing is written then."""
    with pytest.raises(BadName):
        write_package(name, tmp_path / "made")

    assert [] == list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """What stands there is somebody's work."""
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(FileExistsError, match=r"README\.md exists already"):
        write_package("mine", tmp_path)

    assert ["README.md"] == [file.name for file in tmp_path.iterdir()]
