"""The process that finds answers ends with whoever asks it."""

import socket
import subprocess
import sys
from pathlib import Path

from gateway.app.apart import LENGTH, Question, framed
from tests.app import finds
from tests.provider import until


def started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start one; give our end of its socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        words = [sys.executable, "-m", "gateway.app.answerer", str(theirs.fileno())]
        return subprocess.Popen(words, pass_fds=(theirs.fileno(),)), ours


def test_it_ends_when_nobody_can_ask_any_more(tmp_path: Path) -> None:
    """With a question under way, and without an error: a recorder that is killed leaves nothing behind."""
    process, line = started()
    with line:
        line.sendall(framed((0, Question(finds.waiting, tmp_path, 60.0, ("begun", "ended")))))
        until((tmp_path / "begun").exists, "the question to be begun")

    assert 0 == process.wait(20)
    assert (tmp_path / "ended").exists()


def test_an_answer_that_nobody_reads_does_not_keep_it(tmp_path: Path) -> None:
    """What was said and not read is lost with who left."""
    process, line = started()
    with line:
        line.sendall(framed((0, Question(finds.process, tmp_path, 60.0, ()))))
        assert LENGTH.size == len(line.recv(LENGTH.size))

    assert 0 == process.wait(20)
