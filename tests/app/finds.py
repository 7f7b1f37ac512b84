"""What another process can be asked for that is not in any log."""

import os
import signal
import time
from pathlib import Path
from typing import NoReturn

from gateway.store.opening import Deadline


def process(_: Path, __: Deadline) -> int:
    """Say who answers."""
    return os.getpid()


def priority(_: Path, __: Deadline) -> tuple[int, int]:
    """Say how it is scheduled."""
    return os.nice(0), os.sched_getscheduler(0)


def waiting(folder: Path, deadline: Deadline, begun: str, ended: str) -> None:
    """Touch a file, wait until called off, and touch another."""
    (folder / begun).touch()
    while not deadline.has_passed:
        time.sleep(0.001)
    (folder / ended).touch()


def dying(folder: Path, _: Deadline, most: int) -> int:
    """Die of it, the first times."""
    deaths = len(list(folder.glob("death*")))
    if deaths < most:
        (folder / f"death{deaths}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def failing(_: Path, __: Deadline) -> NoReturn:
    """Fail as nobody expects."""
    raise LookupError("where is it?")


def unspeakable(_: Path, __: Deadline) -> object:
    """Return what no other process can be told."""
    return lambda: None
