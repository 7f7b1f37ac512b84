"""How is this worker? How late its event loop is, and how much memory it takes."""

import os
import time
from collections import deque
from pathlib import Path

from gateway.metrics.board import LOOP_LAG_US, MEMORY_BYTES, Slot

LOOKS_BACK_S = 10.0
_STATM = Path("/proc/self/statm")


class Vitals:
    """Shows them on a board row with each beat, of which there is one in `every_s`."""

    def __init__(self, slot: Slot, every_s: float) -> None:
        self._slot = slot
        self._every_s = every_s
        self._late_us: deque[int] = deque(maxlen=round(LOOKS_BACK_S / every_s))
        self._due_s: float | None = None
        self._tells_memory = _STATM.exists()

    def beat(self) -> None:
        """Look now; the next time is due in `every_s`."""
        now_s = time.monotonic()
        if self._due_s is not None:
            self._late_us.append(max(0, round((now_s - self._due_s) * 1e6)))
            self._slot.set(LOOP_LAG_US, max(self._late_us))
        self._due_s = now_s + self._every_s
        if self._tells_memory:
            self._slot.set(MEMORY_BYTES, int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
