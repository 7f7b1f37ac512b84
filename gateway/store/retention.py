"""When is what removed? The recorder's low-priority work on its own files, a small step between two batches.

A pass goes through the day files, oldest first: bodies and rows whose time is over are removed, free pages given back,
and a day of which no row is left is folded into its sums. Whatever is removed can neither come again from the journal
nor be amended: so it was counted once and for all.
"""

import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gateway.policies.retention import Due, Retention
from gateway.store import removal, schema, score_removal
from gateway.store.charges import Balance
from gateway.store.removal import Pace, Stay, Sweep
from gateway.store.score_removal import BEGINNING, ScoreSweep
from gateway.store.sqlite import SqliteStore

# The first pass waits for workers that outlived the last recorder: they hold money, and say so when they are here.
FIRST_S = 60.0
EVERY_S = 900.0
# So much is written before the log of a file is folded in: a large one would take longer than a step should.
CHECKPOINT_BYTES = 4 * 1024 * 1024
# What was put aside as damaged may hold what people said: long enough for somebody to look at it.
PUT_ASIDE_S = 30 * 86_400
# Clocks of two processes, and of one before and after it was set.
SLACK_MS = 3_600_000


class Knowledge(NamedTuple):
    """What others know. `oldest_open_ms`: when the oldest exchange began that still runs (None: none runs).

    `unsettled`: the ids of exchanges whose cost is not known yet. `holders`: whose charges the ledger may still ask
    for. `is_over`: whether a balance counts no more.
    """

    rules: Callable[[], Retention]
    oldest_open_ms: Callable[[], int | None]
    unsettled: Callable[[], Collection[bytes]]
    holders: Callable[[], Collection[str]]
    is_over: Callable[[Balance], bool]


class Keeper:
    """Removes what is due. Used by the thread that commits, between two batches, when everything read is committed.

    `put_aside`: folders and patterns of damaged files that were kept for somebody to look at.
    """

    def __init__(
        self,
        store: SqliteStore,
        knowledge: Knowledge,
        put_aside: Collection[tuple[Path, str]] = (),
        *,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rows = Pace(removal.ROWS_FIRST, removal.ROWS_MOST)
        self.pages = Pace(removal.PAGES_FIRST, removal.PAGES_MOST)
        self._store = store
        self._knowledge = knowledge
        self._put_aside = put_aside
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._pass: Iterator[None] | None = None
        self._next_s = monotonic_s() + FIRST_S

    def step(self) -> bool:
        """Do the next little thing, if it is time; whether there is more to do now. Raise StoreBusy, OSError."""
        if self._pass is None:
            if self._monotonic_s() < self._next_s:
                return False
            self._pass = self._steps()
        self._next_s = self._monotonic_s() + EVERY_S  # also after an error: a disk that is full stays so for a while
        try:
            next(self._pass)
        except StopIteration:
            self._pass = None
        except BaseException:
            self._pass = None
            raise
        return self._pass is not None

    def hurry(self) -> None:
        """Let the next pass begin now."""
        self._next_s = self._monotonic_s()

    def finish(self) -> None:
        """Do all that there is to do now."""
        self.hurry()
        while self.step():
            pass

    def _steps(self) -> Iterator[None]:
        """Go once through everything; what is yielded between can wait."""
        self._drop_put_aside()
        today = int(self._now_s() * 1000) // schema.DAY_MS
        rules = self._knowledge.rules()
        due = {path: rules.due(today - _day(path)) for path in self._store.days()}
        if all(one.is_nothing for one in due.values()):
            return
        yield
        # What a power loss could still take away must not be gone from where it would come again.
        if not self._store.sync():
            return
        below = self._store.next_seq
        unsettled = tuple(self._knowledge.unsettled())
        yield
        for path, one in due.items():
            if not one.is_nothing and path.exists():
                spared = tuple(sorted(key for key in unsettled if schema.day_number(key) == _day(path)))
                yield from self._keep(path, one, self._stay(path, below, spared))

    def _keep(self, path: Path, due: Due, stay: Stay) -> Iterator[None]:
        """Bring one day to what is to be kept of it."""
        if due.rows.is_everybody and (yield from self._is_settled(path, stay)):
            yield from self._fold(path)
            return
        sweep = Sweep(due, stay)
        while self._sweep(path, sweep):
            yield from self._checkpoint(path, CHECKPOINT_BYTES)
            yield
        scores = ScoreSweep(due, stay)
        while self._sweep_scores(path, scores):
            yield
        while self._shrink(path):
            yield from self._checkpoint(path, CHECKPOINT_BYTES)
            yield
        yield from self._checkpoint(path, 1)
        with self._store.open_day(path) as file:
            is_empty = removal.is_empty(file)
        if is_empty and not due.rows.is_nobody:
            yield from self._fold(path)

    def _sweep(self, path: Path, sweep: Sweep) -> bool:
        with self._store.open_day(path) as file:
            removed = sweep.step(file, self.rows)
        if removed is None:
            return False
        self._store.count_in(removal.counted(removed))
        return True

    def _sweep_scores(self, path: Path, sweep: ScoreSweep) -> bool:
        with self._store.open_day(path) as file:
            return sweep.step(file, self.rows)

    def _shrink(self, path: Path) -> bool:
        with self._store.open_day(path) as file:
            return removal.shrink(file, self.pages)

    def _checkpoint(self, path: Path, from_bytes: int) -> Iterator[None]:
        """Fold the log of a file in, in a step of its own, if it has become so long."""
        with self._store.open_day(path) as file:
            if file.written_bytes < from_bytes:
                return
        yield
        with self._store.open_day(path) as file:
            file.checkpoint()

    def _is_settled(self, path: Path, stay: Stay) -> Generator[None, None, bool]:
        """Whether everything in a file was counted once and for all."""
        if stay.spared:
            return False
        last: bytes | None = b""
        while last is not None:
            with self._store.open_day(path) as file:
                last, seq, longest_us = removal.last_of(file, last)
            if seq >= stay.below or longest_us > stay.duration_us:
                return False
            yield
        place: score_removal.Place | None = BEGINNING
        while place is not None:
            with self._store.open_day(path) as file:
                place, seq, created_us = score_removal.latest_of(file, place)
            if seq >= stay.below or created_us >= stay.before_us:
                return False
            yield
        return True

    def _fold(self, path: Path) -> Iterator[None]:
        self._store.fold(path, self._knowledge.holders(), self._knowledge.is_over)
        yield

    def _stay(self, path: Path, below: int, spared: tuple[bytes, ...]) -> Stay:
        """Say what stays: what was written down after the oldest exchange began that still runs, may be read again."""
        now_ms = int(self._now_s() * 1000)
        oldest_ms = self._knowledge.oldest_open_ms()
        ended_ms = (now_ms if oldest_ms is None else min(now_ms, oldest_ms)) - SLACK_MS
        longest_us = (ended_ms - (_day(path) + 1) * schema.DAY_MS) * 1000
        return Stay(below, longest_us, spared, ended_ms * 1000)

    def _drop_put_aside(self) -> None:
        before_s = self._now_s() - PUT_ASIDE_S
        for folder, pattern in self._put_aside:
            for path in folder.glob(pattern):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before_s:
                        path.unlink()


def _day(path: Path) -> int:
    """Return the day of a file, since the epoch."""
    return (date.fromisoformat(path.stem) - date(1970, 1, 1)).days
