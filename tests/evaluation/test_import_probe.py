"""What an import touches is seen, whoever asks for it."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.evaluation.import_probe import Imported


def probe(module: str, folder: Path) -> Imported:
    """Import in a process of its own."""
    command = [sys.executable, "-m", "gateway.evaluation.import_probe", module]
    environment = {"PYTHONPATH": f"{Path.cwd()}:{folder}"}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Imported)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('hello')", []),
        ("import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.close()", ["socket.bind"]),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])", ["subprocess.Popen"]),
    ],
)
def test_what_is_touched(tmp_path: Path, code: str, expected: list[str]) -> None:
    """Whatever it prints; by a file or by a module's name."""
    file = tmp_path / "probed_code.py"
    file.write_text(code)
    for module in (str(file), "probed_code"):
        assert set(expected) <= set(probe(module, tmp_path).touched)
        if not expected:
            assert [] == probe(module, tmp_path).touched


def test_its_time_is_its_own(tmp_path: Path) -> None:
    """Of the CPU, so that a busy machine makes nobody slow."""
    (tmp_path / "quick.py").write_text("import time\ntime.sleep(0.3)\n")

    assert probe(str(tmp_path / "quick.py"), tmp_path).cpu_s < 0.25
