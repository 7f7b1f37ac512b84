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


class Unmade(Exception):
    """An error that cannot be made again from what it says."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


def dying_beside(folder: Path, _: Deadline, others: int) -> NoReturn:
    """Die as soon as so many others are at work."""
    while len(list(folder.glob("begun*"))) < others:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def harmless(folder: Path, _: Deadline, name: int) -> int:
    """Touch a file and, the first time, wait for the end of the process."""
    begun = folder / f"begun{name}"
    if not begun.exists():
        begun.touch()
        time.sleep(60)
    return name


def unmade(_: Path, __: Deadline) -> NoReturn:
    """Fail in a way that no other process can be told."""
    raise Unmade(1, 2)


def failing(_: Path, __: Deadline) -> NoReturn:
    """Fail as nobody expects."""
    raise LookupError("where is it?")


def unspeakable(_: Path, __: Deadline) -> object:
    """Return what no other process can be told."""
    return lambda: None
