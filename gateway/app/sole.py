"""One at a time: who comes waits until the one before has gone, by a lock that dies with its process."""

import asyncio
import fcntl
from pathlib import Path
from typing import IO

POLL_S = 0.05


async def sole(path: Path) -> IO[str]:
    """Wait for the lock; it is held until the file is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("a")
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(POLL_S)
            continue
        return lock
