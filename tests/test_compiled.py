"""The data plane runs compiled and as it is written, and does the same."""

import importlib.machinery
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILED = {file.name.partition(".")[0] for file in (ROOT / "gateway").rglob("*.so")}
# What passes through every module that is compiled: real sockets, all dialects, every way to end.
THROUGH = ("tests/test_proxy.py", "tests/exchange/test_relay.py", "tests/wire/test_meter.py")


def test_whole_or_not_at_all() -> None:
    """Either every module that setup.py names is compiled, or none."""
    named = {line.rpartition("/")[2] for line in (ROOT / "setup.py").read_text().split('"""')[3].split()}

    assert COMPILED in (set(), named)
    if os.environ.get("CI") == "true" and shutil.which("cc"):
        assert COMPILED, "there is a compiler, and nothing was compiled"


@pytest.mark.slow
def test_sources_do_the_same_uncompiled(tmp_path: Path) -> None:
    """On a machine without a C compiler the same tests pass; there the whole suite has shown it."""
    if not COMPILED:
        return
    sources = tmp_path / "sources"
    for name in ("gateway", "tests", "bench", "plugins"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", sources)
    (tmp_path / "shared").symlink_to(ROOT.parent / "shared")  # recorded exchanges lie beside a checkout
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *THROUGH],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == run.returncode, run.stdout[-4000:]
    assert not list(tmp_path.rglob("*" + importlib.machinery.EXTENSION_SUFFIXES[0]))
