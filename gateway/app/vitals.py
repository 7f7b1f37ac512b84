"""How is this worker? How late its event loop is, how much memory it takes, how long the journal holds it up."""

import os
import time
from collections import deque
from pathlib import Path

from gateway.metrics import catalogue
from gateway.metrics.board import APPEND_US, APPENDS, LOOP_LAG_US, MEMORY_BYTES, Slot
from gateway.metrics.histogram import bucket_of

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

    def appended(self, took_ns: int) -> None:
        """Note how long an append took."""
        took_us = took_ns // 1000
        self._slot.add(APPENDS + bucket_of(catalogue.APPEND, took_us))
        self._slot.add(APPEND_US, took_us)

    def beat(self) -> None:
        """Look now; the next time is due in `every_s`."""
        now_s = time.monotonic()
        if self._due_s is not None:
            self._late_us.append(max(0, round((now_s - self._due_s) * 1e6)))
            self._slot.set(LOOP_LAG_US, max(self._late_us))
        self._due_s = now_s + self._every_s
        if self._tells_memory:
            self._slot.set(MEMORY_BYTES, int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
