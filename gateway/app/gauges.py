"""What processes show of themselves, gathered for a scrape: the board, the supervisor's word, the recording thread."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import gateway
from gateway.app.channel import State
from gateway.app.price_refresh import Refresher
from gateway.app.reckoning import STORED, Reckoning
from gateway.app.recording import Recording
from gateway.metrics import board, catalogue
from gateway.metrics.board import FRESH_MS, SLOTS, Board, Slot
from gateway.metrics.debts import SUM, TotalKey
from gateway.metrics.render import Samples

_OPS = ("open", "read", "jobs", "alarm", "commit", "charges", "sync", "retention")


class Source(Protocol):
    """Somebody else who has gauges and counters: the budgets and their ledger, evaluation."""

    def samples(self) -> Samples:
        """Give gauges as they are now."""

    def counters(self) -> Mapping[TotalKey, int]:
        """Give what was counted since this process began."""


class Gauges:
    """Give what does not come from records. `state`: what the supervisor said last."""

    def __init__(
        self,
        shared: Board,
        recording: Recording,
        folders: tuple[Path, Path],
        refresher: Refresher,
        others: Sequence[Source],
        reckoning: Reckoning,
    ) -> None:
        """`folders`: of the journal, and of the store."""
        self.state = State(generation=0, reload_ok=True)
        self._slots = [shared.slot(index) for index in range(SLOTS)]
        self._supervisor = shared.slot(board.SUPERVISOR)
        self._recording = recording
        self._journal_dir, self._store_dir = folders
        self._refresher = refresher
        self._others = others
        self._reckoning = reckoning

    def worker_is_up(self) -> bool:
        """Whether any worker shows a fresh heartbeat."""
        return any(_is_fresh(slot) for slot in self._slots[: self.state.workers])

    def samples(self, totals: Mapping[TotalKey, int]) -> Samples:
        """Gather everything now, which is after `totals`; looks at files, so not on the loop."""
        return {
            **self._of_exchanges(totals.get(STORED, 0)),
            **self._of_workers(),
            **self._of_recording(),
            **self._of_config(),
            **self._of_prices(),
            **{metric: samples for other in self._others for metric, samples in other.samples().items()},
        }

    def counters(self) -> dict[TotalKey, int]:
        """Gather what this process has counted since it began."""
        conveyor, errors = self._recording.conveyor, self._recording.complaints.counts
        results = conveyor.counts() if conveyor else {}
        return {
            **{(catalogue.JOURNAL_RECORDS.name, (result,), ""): number for result, number in results.items()},
            **{(catalogue.STORE_ERRORS.name, (what,), ""): errors[what] for what in _OPS},
            **(conveyor.took.copy() if conveyor else {}),
            **{key: count for other in self._others for key, count in other.counters().items()},
        }

    def appends(self) -> dict[TotalKey, int]:
        """Add up how long workers were held up by the journal."""
        name = catalogue.APPEND.name
        buckets = enumerate(catalogue.APPEND.buckets)
        return {
            **{(name, (), edge): self._sum(board.APPENDS + index) for index, edge in buckets},
            (name, (), SUM): self._sum(board.APPEND_US),
        }

    def _of_exchanges(self, stored: int) -> Samples:
        books = self._reckoning.view(stored)
        return {
            catalogue.ACCEPTED: [((), books.accepted)],
            catalogue.RUNNING: [((), books.running)],
            catalogue.SPOOLED: [((), books.spooled)],
            catalogue.DROPPED: [((reason,), number) for reason, number in books.dropped.items()],
        }

    def _of_workers(self) -> Samples:
        slots = {(str(index),): slot for index, slot in enumerate(self._slots[: self.state.workers])}
        died = {"crash": board.DIED_CRASH, "killed": board.DIED_KILLED, "watchdog": board.DIED_WATCHDOG}
        return {
            catalogue.IN_FLIGHT: [(label, self._reckoning.running(slot)) for label, slot in slots.items()],
            catalogue.CONNECTIONS: [(label, slot.get(board.CONNECTIONS)) for label, slot in slots.items()],
            catalogue.WORKER_UP: [(label, float(_is_fresh(slot))) for label, slot in slots.items()],
            catalogue.CONFIG_GENERATION: [(label, slot.get(board.GENERATION)) for label, slot in slots.items()],
            catalogue.WORKER_RESTARTS: [((why,), self._supervisor.get(cell)) for why, cell in died.items()],
            catalogue.LOOP_LAG: [(label, slot.get(board.LOOP_LAG_US)) for label, slot in slots.items()],
            catalogue.WORKER_MEMORY: [
                (label, taken) for label, slot in slots.items() if (taken := slot.get(board.MEMORY_BYTES))
            ],
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
        return {
            catalogue.JOURNAL_LAG: [((), conveyor.lag_s() if conveyor else 0.0)],
            catalogue.JOURNAL_PENDING: [((), conveyor.pending_bytes if conveyor else 0)],
            catalogue.JOURNAL_FREE: _free(self._journal_dir),
            catalogue.STORE_SIZE: [((), _size(self._store_dir))],
            catalogue.JOBS_OPEN: [((), conveyor.jobs_open() if conveyor else 0)],
            catalogue.LAST_APPLY: [((), conveyor.last_apply_s if conveyor else 0.0)],
        }

    def _of_config(self) -> Samples:
        return {
            catalogue.CONFIG_RELOADED: [((), float(self.state.reload_ok))],
            catalogue.CONFIG_RELOADED_AT: [((), self._supervisor.get(board.RELOADED_AT_MS))],
            catalogue.CONFIG_RELOADS: [
                (("ok",), self._supervisor.get(board.RELOADS_OK)),
                (("failed",), self._supervisor.get(board.RELOADS_FAILED)),
            ],
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


def _free(folder: Path) -> list[tuple[tuple[str, ...], float]]:
    """Say how much may still be written there; nothing where nobody knows."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return []
    return [((), room.f_bavail * room.f_frsize)]


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.db*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
