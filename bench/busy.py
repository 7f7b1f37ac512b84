"""What do any programs in the background cost those who ask? Some that compute and rest in turns, and go last.

They are what to compare with: as Linux schedules, whoever sleeps often and then runs costs its neighbours the most.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_PROGRAM: Final = """
import time
from gateway.evaluation.priority import yield_to_others
yield_to_others()
while True:
    end = time.perf_counter() + 0.003
    while time.perf_counter() < end:
        pass
    time.sleep(0.002)
"""


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Have so many of them run."""
    running = [subprocess.Popen([sys.executable, "-c", _PROGRAM]) for _ in range(programs)]
    try:
        yield
    finally:
        for each in running:
            each.send_signal(signal.SIGKILL)
            each.wait()
