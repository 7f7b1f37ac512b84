"""A compiled module goes before its source: whoever changed the source must hear of it."""

import os
from pathlib import Path

import pytest

from gateway.app.compiled import advice, stale


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A checkout with two compiled modules, the first of them changed since."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    (tmp_path / "setup.py").touch()
    for name, changed_s in (("changed", 200), ("same", 50)):
        for file, at_s in ((f"{name}.py", changed_s), (f"{name}.cpython-311-x86_64-linux-gnu.so", 100)):
            (folder / file).touch()
            os.utime(folder / file, (at_s, at_s))
    return folder


def test_changed_sources_are_found(package: Path) -> None:
    """And the advice names one of them and what to do."""
    found = stale(package)

    assert [package / "changed.py"] == found
    assert "changed.py changed since" in advice(found)
    assert "make install" in advice(found)


def test_a_module_without_its_source_is_stale(package: Path) -> None:
    """It was renamed or deleted, and would live on."""
    (package / "same.py").unlink()

    assert {"changed.py", "same.py"} == {source.name for source in stale(package)}


def test_an_installed_package_is_never_stale(package: Path) -> None:
    """pip writes sources and compiled modules in any order."""
    package.with_name("setup.py").unlink()

    assert [] == stale(package)
