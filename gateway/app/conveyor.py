"""Carrying the journal into the store, turn by turn: poll, batch, commit, delete what is no longer needed."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.journal.evaluated import Evaluated
from gateway.journal.reader import Finished, Reader
from gateway.metrics import catalogue
from gateway.metrics.histogram import observe
from gateway.store.interface import Store, StoreBusy, TotalKey
from gateway.store.jobs import Jobs

# A turn wakes a thread, and a commit costs as much as dozens of rows: few and large ones are cheap. Still well below
# the second that is promised.
POLL_S = 0.2
# What a turn takes at most; it is held in memory until the store has it.
POLL_BYTES = 8 * 1024 * 1024
RETRY_S = 0.5
TIDY_S = 1.0
COMPLAIN_S = 10.0

logger = logging.getLogger("tollway.recorder")


class Complaints:
    """Count what goes wrong and log it now and then: a store locked for minutes is lag, not a flood of lines."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged_at_s = float("-inf")
        self._said: set[str] = set()

    def add(self, what: str, error: Exception) -> None:
        """Note that `what` (one of those that `gauges.py` lists) failed and will be tried again."""
        self.counts[what] += 1
        now = time.monotonic()
        if now - self._logged_at_s >= COMPLAIN_S:
            self._logged_at_s = now
            logger.warning("the store lags, nothing is lost: %s failed, trying again", what, extra={"error": error})

    def say_once(self, message: str) -> None:
        """Log what will not change by itself."""
        if message not in self._said:
            self._said.add(message)
            logger.error("%s", message)


class Conveyor:
    """Move exchanges from `reader` to `store`; `settle` completes those whose worker died. One thread.

    `jobs` learns on the way which work goes on, and adds what became known of it. `alarm` looks at each batch before it
    is committed, and raises OSError where it must see it again.
    """

    def __init__(
        self,
        reader: Reader,
        store: Store,
        *,
        settle: Callable[[Finished], Finished],
        jobs: Jobs,
        complaints: Complaints,
        alarm: Callable[[Sequence[Finished]], None] = lambda _: None,
    ) -> None:
        self.results: Counter[str] = Counter()  # applied, amended, duplicate
        self.took: Counter[TotalKey] = Counter()  # how long commits did
        self.last_apply_s = 0.0
        self.pending_bytes = 0
        self.is_stuck = False  # the last turn could not read, or the store would not take the batch
        self._reader = reader
        self._store = store
        self._settle = settle
        self._jobs = jobs
        self._complaints = complaints
        self._alarm = alarm
        self._batch: list[Finished] = []
        self._evaluated: list[Evaluated] = []  # of the same batch
        self._is_new = False  # the batch was not shown to the jobs yet
        self._late: Record | None = None  # the oldest exchange in hand, or the last one before more that is there
        self._tidied_at_s = 0.0

    def turn(self, *, thorough: bool = False) -> float:
        """Read, commit, and return how long to wait before the next turn.

        While the store would not take what was read nothing more is: it stays in the journal. `thorough`: look for
        new segments and dead writers even if that was done a moment ago.
        """
        self.is_stuck = not (self._read(thorough) and self._show_to_jobs() and self._commit())
        if self.is_stuck:
            return RETRY_S
        if time.monotonic() - self._tidied_at_s >= TIDY_S:
            self._tidy()
        return 0.0 if self._more_is_there() else POLL_S

    def is_empty(self) -> bool:
        """Whether the last turn found nothing new and left nothing to write."""
        return not self.is_stuck and not self._reader.moved

    @property
    def is_idle(self) -> bool:
        """Whether all that stands in the journal is in the store, as far as the last turn could see."""
        return self.is_empty() and self.is_clear and not self.pending_bytes

    @property
    def is_clear(self) -> bool:
        """Whether everything that was read is in the store."""
        return not self._batch and not self._evaluated

    def finish(self) -> None:
        """Write what was read, once, and clean up."""
        if self._commit():
            self._tidy()

    def lag_s(self) -> float:
        """How old the oldest finished exchange is that is not in the store; 0: there is none. From any thread."""
        late = self._late
        if late is None:
            return 0.0
        return max(0.0, time.time() - (started_ms(late.id) + (late.duration_ms or 0.0)) / 1000)

    def jobs_open(self) -> int:
        """Count the work that goes on at providers. From any thread."""
        return self._jobs.open_now

    def counts(self) -> dict[str, int]:
        """What became of everything that was read since the start. From any thread."""
        met = self._reader.counts
        return {
            "applied": self.results["applied"],
            "amended": self.results["amended"],
            "duplicate": self.results["duplicate"],
            "dead": met.dead,
            "torn": met.torn,
            "corrupt": met.corrupt,
        }

    def _read(self, thorough: bool) -> bool:
        """Read the next batch, once the last one is written; False: the journal cannot be read."""
        if not self.is_clear:
            return True
        try:
            finished = self._reader.poll(POLL_BYTES, thorough=thorough)
        except OSError as error:
            self._complaints.add("read", error)
            return False
        self._batch = [self._settle(one) if one.died else one for one in finished]
        self._evaluated = self._reader.evaluations
        self._is_new = True
        self._late = finished[0].record if finished else None
        self.pending_bytes = self._reader.pending_bytes()
        for refusal in self._reader.refusals():
            self._complaints.say_once(f"a journal segment is left alone: {refusal}")
        return True

    def _show_to_jobs(self) -> bool:
        """Let the jobs learn from a new batch, and add what is owed for them; False: their file cannot be used now."""
        if not self._is_new:
            return True
        try:
            self._batch = self._jobs.take(self._batch)
            if not self._more_is_there():
                self._batch += self._jobs.due()
        except (StoreBusy, OSError) as error:
            self._complaints.add("jobs", error)
            return False
        self._is_new = False
        return True

    def _more_is_there(self) -> bool:
        return self._reader.moved >= POLL_BYTES

    def _commit(self) -> bool:
        """Write the batch; False: the store would not take it, and it is kept."""
        if self.is_clear:
            return True
        try:
            self._alarm(self._batch)
        except OSError as error:
            self._complaints.add("alarm", error)
            return False
        began_s = time.perf_counter()
        try:
            done = self._store.commit(self._batch, self._reader.watermarks(), self._evaluated)
        except (StoreBusy, OSError) as error:
            self._complaints.add("commit", error)
            return False
        self.results.update(applied=done.inserted, amended=done.amended, duplicate=done.duplicates)
        observe(self.took, catalogue.APPLY, (), [(time.perf_counter() - began_s) * catalogue.MICRO])
        self.last_apply_s = time.time()
        self._late = self._batch[-1].record if self._batch and self._more_is_there() else None
        self._batch, self._evaluated = [], []
        return True

    def _tidy(self) -> None:
        """Delete segments that were read to the end, once the store no longer needs them even after a power loss."""
        self._tidied_at_s = time.monotonic()
        done = self._reader.removable()
        try:
            if (done or self._jobs.wants_sync()) and self._store.sync():
                self._jobs.synced()
                for name in done:
                    self._reader.remove(name)
        except (StoreBusy, OSError) as error:
            self._complaints.add("sync", error)
