"""What workers show while they run: a small shared file, one row of numbers for each worker slot."""

import mmap
import os
from pathlib import Path
from typing import Final

SLOTS = 64
CELLS: Final = 16  # 8 bytes each

# Gauges: start at 0 with each process.
CONNECTIONS = 0
IN_FLIGHT: Final = 1
HEARTBEAT_MS = 2  # wall clock, milliseconds since the epoch
GENERATION = 3  # of the config in use
PID = 4
# Counters: go on over restarts of the process, so that they never fall.
REJECTED_AUTH = 8
REJECTED_OTHER = 9  # refused before the caller was known, for another reason
JOURNAL_LOST = 10
STARTS = 11
ADMISSIONS = 12  # requests that budgets or limits looked at
ADMISSIONS_ASKED = 13  # of them, those for which the ledger had to be asked
LEDGER_ASKS = 14

FIRST_COUNTER = 8


class Slot:
    """One worker's row. Only that worker writes; no locks: a cell is one aligned word."""

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
    """The file `data_dir/board`, mapped. The recorder reads all rows, each worker writes its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Growing only: another process may have it mapped.
            if os.fstat(fd).st_size < SLOTS * CELLS * 8:
                os.ftruncate(fd, SLOTS * CELLS * 8)
            self._map = mmap.mmap(fd, SLOTS * CELLS * 8)
        finally:
            os.close(fd)
        self._cells = memoryview(self._map).cast("q")

    def claim(self, index: int) -> Slot:
        """Take a worker's row at its start: gauges go to 0, counters go on."""
        slot = self.slot(index)
        for cell in range(FIRST_COUNTER):
            slot.set(cell, 0)
        slot.add(STARTS)
        return slot

    def slot(self, index: int) -> Slot:
        """Look at a row without changing it."""
        if not 0 <= index < SLOTS:
            raise ValueError(f"worker slot {index} is not within 0..{SLOTS - 1}")
        return Slot(self._cells[index * CELLS : (index + 1) * CELLS])
