"""Files that a process may touch after it was restricted, tried for real where the kernel has Landlock."""

from pathlib import Path

import pytest

from gateway.evaluation import landlock
from tests.evaluation.alone import alone

pytestmark = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")

TRY = """
import ctypes, os, socket
from pathlib import Path
from gateway.evaluation import landlock
def tried(do):
    try:
        do()
        return "yes"
    except PermissionError:
        return "no"
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
folder = Path("FOLDER")
landlock.restrict([(folder / "read", landlock.READ), (folder / "write", landlock.READ | landlock.WRITE),
    (folder / "list", landlock.LIST), (folder / "one", landlock.READ), (folder / "gone", landlock.READ)], network=False)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("read", "write", "list", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "one").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("(folder / 'read/file').read_text()", "yes"),
        ("(folder / 'read/file').write_text('y')", "no"),
        ("(folder / 'read/new').write_text('y')", "no"),
        ("(folder / 'write/new').write_text('y')", "yes"),
        ("(folder / 'write/file').unlink()", "yes"),
        ("os.listdir(folder / 'list')", "yes"),
        ("(folder / 'list/file').read_text()", "no"),
        ("(folder / 'closed/file').read_text()", "no"),
        ("os.listdir(folder / 'closed')", "no"),
        ("(folder / 'one').read_text()", "yes"),
        ("os.truncate(folder / 'read/file', 0)", "no"),
        ("os.execv('/bin/true', ['true'])", "no"),
        ("socket.create_connection(('127.0.0.1', 9))", "no"),
        ("os.kill(os.getppid(), 0)", "no"),
        ("Path(f'/proc/{os.getppid()}/environ').read_bytes()", "no"),
    ],
)
def test_only_what_is_allowed(folder: Path, what: str, expected: str) -> None:
    """Reading, writing, listing each by its own right; no programs, no TCP, no other process; also for root."""
    if landlock.version() < 6 and ("create_connection" in what or "kill" in what):
        pytest.skip("the kernel's Landlock is older")
    code = TRY.replace("FOLDER", str(folder)) + f"print(tried(lambda: {what}))"

    assert expected == alone(code)
