"""What processes show of themselves, gathered for a scrape: the board, the supervisor's word, the recording thread."""

import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import gateway
from gateway.app.channel import State
from gateway.app.price_refresh import Refresher
from gateway.app.recording import Recording
from gateway.metrics import board, catalogue
from gateway.metrics.board import SLOTS, Board, Slot
from gateway.metrics.render import Samples

FRESH_MS = 10_000
_OPS = ("open", "read", "jobs", "alarm", "commit", "charges", "sync", "retention")


class Gauges:
    """Give the samples that do not come from records. `state`: what the supervisor said last.

    `budgets` gives theirs.
    """

    def __init__(
        self,
        board: Board,
        recording: Recording,
        store_dir: Path,
        refresher: Refresher,
        budgets: Callable[[], Samples],
    ) -> None:
        self.state = State(generation=0, reload_ok=True)
        self._slots = [board.slot(index) for index in range(SLOTS)]
        self._recording = recording
        self._store_dir = store_dir
        self._refresher = refresher
        self._budgets = budgets

    def worker_is_up(self) -> bool:
        """Whether any worker shows a fresh heartbeat."""
        return any(_is_fresh(slot) for slot in self._slots[: self.state.workers])

    def samples(self) -> Samples:
        """Gather everything now; looks at files, so not on the loop."""
        return {
            **self._of_workers(),
            **self._of_recording(),
            **self._of_config(),
            **self._of_prices(),
            **self._budgets(),
        }

    def _of_workers(self) -> Samples:
        slots = {(str(index),): slot for index, slot in enumerate(self._slots[: self.state.workers])}
        replaced = sum(times for child, times in self.state.restarts.items() if child.startswith("worker"))
        return {
            catalogue.IN_FLIGHT: [(label, slot.get(board.IN_FLIGHT)) for label, slot in slots.items()],
            catalogue.CONNECTIONS: [(label, slot.get(board.CONNECTIONS)) for label, slot in slots.items()],
            catalogue.WORKER_UP: [(label, float(_is_fresh(slot))) for label, slot in slots.items()],
            catalogue.CONFIG_GENERATION: [(label, slot.get(board.GENERATION)) for label, slot in slots.items()],
            catalogue.WORKER_RESTARTS: [(("crash",), replaced)],
            catalogue.JOURNAL_DROPPED: [(("append_failed",), self._sum(board.JOURNAL_LOST))],
            catalogue.ADMISSIONS: [((), self._sum(board.ADMISSIONS))],
            catalogue.ADMISSIONS_ASKED: [((), self._sum(board.ADMISSIONS_ASKED))],
            catalogue.LEDGER_ASKS: [((), self._sum(board.LEDGER_ASKS))],
            catalogue.REJECTIONS: [
                (("auth",), self._sum(board.REJECTED_AUTH)),
                (("other",), self._sum(board.REJECTED_OTHER)),
            ],
        }

    def _of_recording(self) -> Samples:
        conveyor = self._recording.conveyor
        errors = self._recording.complaints.counts
        counts: Mapping[str, int] = conveyor.counts() if conveyor else {}
        return {
            catalogue.JOURNAL_LAG: [((), conveyor.lag_s() if conveyor else 0.0)],
            catalogue.JOURNAL_PENDING: [((), conveyor.pending_bytes if conveyor else 0)],
            catalogue.JOURNAL_RECORDS: [((result,), number) for result, number in counts.items()],
            catalogue.STORE_ERRORS: [((what,), errors[what]) for what in _OPS],
            catalogue.STORE_SIZE: [((), _size(self._store_dir))],
            catalogue.JOBS_OPEN: [((), conveyor.jobs_open() if conveyor else 0)],
            catalogue.LAST_APPLY: [((), conveyor.last_apply_s if conveyor else 0.0)],
        }

    def _of_config(self) -> Samples:
        return {
            catalogue.CONFIG_RELOADED: [((), float(self.state.reload_ok))],
            catalogue.BUILD: [((gateway.__version__, platform.python_version()), 1)],
        }

    def _of_prices(self) -> Samples:
        """Without a source there is nothing to say: a missing series raises no alert."""
        succeeded, obtained_at_s = self._refresher.succeeded, self._refresher.obtained_at_s
        return {
            catalogue.PRICES_REFRESHED: [] if succeeded is None else [((), float(succeeded))],
            catalogue.PRICES_OBTAINED: [] if obtained_at_s is None else [((), obtained_at_s)],
        }

    def _sum(self, cell: int) -> int:
        """Add a counter up over all slots: fewer workers than before must not make it fall."""
        return sum(slot.get(cell) for slot in self._slots)


def _is_fresh(slot: Slot) -> bool:
    return time.time() * 1000 - slot.get(board.HEARTBEAT_MS) < FRESH_MS


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.db*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
