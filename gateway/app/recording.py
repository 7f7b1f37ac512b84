"""The recorder's writing thread: it opens store and journal, and lets the conveyor run until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gateway.app.barring import raise_alarm
from gateway.app.closing import Closer, Ledger
from gateway.app.conveyor import RETRY_S, Complaints, Conveyor
from gateway.app.reckoning import STORED, Quiet
from gateway.journal.reader import QUARANTINE, Finished, Reader
from gateway.metrics.totals import Tally
from gateway.policies.retention import Retention
from gateway.store.interface import StoreBusy, StoreRefused, TotalKey
from gateway.store.jobs import Book, Jobs
from gateway.store.retention import Keeper, Knowledge
from gateway.store.sqlite import SqliteStore

# So long a drain goes on while the store takes nothing: less than the supervisor's patience with the recorder.
DRAIN_PATIENCE_S = 10.0

logger = logging.getLogger("tollway.recorder")


class Rules(NamedTuple):
    """What the config in force says: `settle` completes exchanges of dead workers, `book` those whose cost became known
    later; `retention`: what is kept how long."""

    settle: Callable[[Finished], Finished]
    book: Book
    retention: Callable[[], Retention] = Retention


class Recording:
    """The thread, and what it shows of itself. Everything public is safe from other threads.

    `ledger` is told what the store knows of holders. `quiet` is called while all that was written is in the store.
    `tried` is set once the store was opened, or could not be. `refused`: why it never will be, and what to do.
    """

    def __init__(
        self,
        journal_dir: Path,
        store_dir: Path,
        tally: Tally,
        rules: Rules,
        ledger: Ledger,
        *,
        full_text: bool = False,
    ) -> None:
        self.complaints = Complaints()
        self.refused: str | None = None
        self.tried = threading.Event()
        self.conveyor: Conveyor | None = None
        self.quiet: Callable[[Quiet], object] = _nobody
        self._journal_dir = journal_dir
        self._store_dir = store_dir
        self._full_text = full_text
        self._tally = tally
        self._rules = rules
        self._ledger = ledger
        self._store: SqliteStore | None = None
        self._jobs: Jobs | None = None
        self._stop = threading.Event()
        self._drain = False
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, drain: bool) -> None:
        """Ask the thread to end: `drain` reads the journals to their end first, else only the batch is finished.

        A drain ends, too, when the store takes nothing for DRAIN_PATIENCE_S: the journal keeps what is left.
        """
        self._drain = drain
        self._stop.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def totals(self) -> Mapping[TotalKey, int]:
        """Return the committed totals."""
        return self._store.totals() if self._store is not None else {}

    def _run(self) -> None:
        try:
            self._store = self._open()
            if self._store is not None and self._jobs is not None:
                self._carry(self._store, self._jobs)
        except StoreRefused as refused:
            self.refused = str(refused)
        finally:
            self.tried.set()
            for file in (self._store, self._jobs):
                if file is not None:
                    file.close()

    def _open(self) -> SqliteStore | None:
        """Open the store, trying again while it is locked; None: stopped before that."""
        patience = _Patience()
        while not self._stop.is_set() or self._drain:
            try:
                self._jobs = self._jobs or Jobs(self._store_dir, self._rules.book)
                store = SqliteStore(
                    self._store_dir,
                    self._tally.count,
                    self._tally.owe,
                    full_text=self._full_text,
                    count_scores=self._tally.count_scores,
                )
            except (StoreBusy, OSError) as error:
                self.complaints.add("open", error)
                self.tried.set()
            else:
                self._tally.recall(store.totals().keys())
                return store
            if not self._stop.wait(RETRY_S):
                patience.renew()
            elif self._drain and not patience.lasts():
                break
        return None

    def _carry(self, store: SqliteStore, jobs: Jobs) -> None:
        reader = Reader(self._journal_dir, store.watermarks())
        alarm = partial(raise_alarm, self._ledger)
        conveyor = Conveyor(
            reader, store, settle=self._rules.settle, jobs=jobs, complaints=self.complaints, alarm=alarm
        )
        self.conveyor = conveyor
        closer = Closer(reader, store, self._ledger, self.complaints.add)
        keeper = self._keeper(store, jobs, reader)
        self.tried.set()
        while not self._stop.is_set():
            wait_s = conveyor.turn()
            if conveyor.is_clear:
                closer.look()
                if wait_s:  # nothing is waiting to be read
                    self._keep(keeper)
            if conveyor.is_idle:
                self.quiet(Quiet(store.total(STORED), reader.open_count, reader.counts.corrupt))
            self._stop.wait(wait_s)
        if not self._drain or _empty(conveyor):
            conveyor.finish()
        if conveyor.is_clear:
            closer.look()
        reader.close()

    def _keeper(self, store: SqliteStore, jobs: Jobs, reader: Reader) -> Keeper:
        """Make the one who removes what is kept no longer."""
        return Keeper(
            store,
            Knowledge(
                rules=self._rules.retention,
                oldest_open_ms=reader.oldest_open_ms,
                unsettled=jobs.unsettled,
                holders=lambda: self._ledger.unclosed | reader.writers(),
                is_over=self._ledger.is_over,
            ),
            [(self._store_dir, "*.corrupt-*"), (self._journal_dir / QUARANTINE, "*")],
        )

    def _keep(self, keeper: Keeper) -> None:
        try:
            keeper.step()
        except (StoreBusy, OSError) as error:
            self.complaints.add("retention", error)


def _nobody(_: Quiet) -> None: ...


def _empty(conveyor: Conveyor) -> bool:
    """Read the journals to their end; False: that cannot be done now."""
    patience = _Patience()
    conveyor.turn(thorough=True)
    while not conveyor.is_empty():
        if not conveyor.is_stuck:
            patience.renew()
        elif not patience.lasts():
            return False
        conveyor.turn(thorough=True)
    return True


class _Patience:
    """How long a drain tries again while nothing succeeds."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew: something succeeded."""
        self._ends_s = time.monotonic() + DRAIN_PATIENCE_S

    def lasts(self) -> bool:
        """Wait before the next try; False: there shall be none."""
        if time.monotonic() >= self._ends_s:
            logger.error("giving up on the store: what is left stands in the journal, and the next start resumes there")
            return False
        time.sleep(RETRY_S)
        return True
