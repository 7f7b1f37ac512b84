"""Processes that are there, that are not any more, and that are somebody else's."""

import os
import subprocess
import sys

import pytest

from gateway.metrics.alive import is_alive


def test_process_is_there_until_it_was_waited_for() -> None:
    """Ours is; one that ended is not; no number is none."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass

    assert [True, False, False] == [is_alive(pid) for pid in (os.getpid(), gone.pid, 0)]


def test_somebody_elses_is_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a process may not be signalled says that there is one."""

    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)

    assert is_alive(1)
