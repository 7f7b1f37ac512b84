"""What processes show while they run: a small shared file, a row of numbers for each worker slot and other role."""

import mmap
import os
from pathlib import Path
from typing import Final

SLOTS = 64
SUPERVISOR = SLOTS
RECORDER = SLOTS + 1
EVALUATOR = SLOTS + 2  # shows what a worker shows of itself
ROWS = SLOTS + 3
CELLS: Final = 32  # 8 bytes each
# Of the layout: counters of another one would be read as what they are not.
LAYOUT = ".2"

# A worker's gauges: start at 0 with each process.
CONNECTIONS = 0
HEARTBEAT_MS = 2  # wall clock, milliseconds since the epoch
GENERATION = 3  # of the config in use
PID = 4
LOOP_LAG_US = 5  # the most of the last seconds
MEMORY_BYTES = 6
# A worker's counters: go on over restarts of the process, so that they never fall.
REJECTED_AUTH = 8
REJECTED_OTHER = 9  # refused before the caller was known, for another reason
JOURNAL_LOST = 10
STARTS = 11
ADMISSIONS = 12  # requests that budgets or limits looked at
ADMISSIONS_ASKED = 13  # of them, those for which the ledger had to be asked
LEDGER_ASKS = 14
ACCEPTED: Final = 15  # exchanges: counted before their first frame can be in the journal,
ENDED: Final = 16  # and before their last
DROPPED = 17  # exchanges of which no frame could be written
APPEND_US = 18  # of appends to the journal that were timed: how long they took, and behind it their buckets
APPENDS = 19

# The supervisor's counters, and a gauge among them.
DIED_CRASH = 8
DIED_KILLED = 9
DIED_WATCHDOG = 10
RELOADS_OK = 11
RELOADS_FAILED = 12
RELOADED_AT_MS = 13
EVALUATOR_DIED = 14

# The recorder's.
EARLIER = 8  # exchanges in the store that no worker of this board accepted
LOST_CORRUPT = 9
LOST_DIED = 10
LOST_UNKNOWN = 11
KNOWN_STARTS = 12  # of workers, as of when it was looked last for what is lost

FIRST_COUNTER = 8

# Who showed a heartbeat so long ago is alive.
FRESH_MS = 10_000


class Slot:
    """One process's row. Only that process writes; no locks: a cell is one aligned word."""

    __slots__ = ("_cells",)

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells

    def add(self, cell: int, amount: int = 1) -> None:
        """Move a cell by `amount`."""
        self._cells[cell] += amount

    def set(self, cell: int, value: int) -> None:
        """Set a cell."""
        self._cells[cell] = value

    def get(self, cell: int) -> int:
        """Read a cell."""
        return int(self._cells[cell])


class Board:
    """The file `data_dir/board`, mapped. The recorder reads all rows, each process writes its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path.with_suffix(LAYOUT), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Growing only: another process may have it mapped.
            if os.fstat(fd).st_size < ROWS * CELLS * 8:
                os.ftruncate(fd, ROWS * CELLS * 8)
            self._map = mmap.mmap(fd, ROWS * CELLS * 8)
        finally:
            os.close(fd)
        self._cells = memoryview(self._map).cast("q")

    def claim(self, index: int) -> Slot:
        """Take a worker's row at its start: gauges go to 0, counters go on; what ran in the one before has ended."""
        slot = self.slot(index)
        slot.set(ENDED, slot.get(ACCEPTED))
        for cell in range(FIRST_COUNTER):
            slot.set(cell, 0)
        slot.add(STARTS)
        return slot

    def slot(self, index: int) -> Slot:
        """Look at a row without changing it."""
        if not 0 <= index < ROWS:
            raise ValueError(f"row {index} is not within 0..{ROWS - 1}")
        return Slot(self._cells[index * CELLS : (index + 1) * CELLS])
