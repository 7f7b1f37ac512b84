"""Jobs are booked once through any order of journals, replays, crashes and power losses.

A state machine over real parts: two workers' journals, conveyor, store and jobs' file; crashes strike between commits.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.app import conveyor as conveyor_module
from gateway.app.conveyor import Complaints, Conveyor
from gateway.core.ids import started_ms
from gateway.core.record import Job, Record, decode
from gateway.core.usage import Usage
from gateway.journal.reader import Reader
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store.bodies import unpack
from gateway.store.jobs import LAPSE_MS, Jobs, Told
from gateway.store.schema import SELECT_CONTENTS
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, record, write
from tests.store.conformance import counted, nonzero

NAMES = st.sampled_from(["job-a", "job-b", "job-c"])
WORKERS = st.integers(0, 1)
HOUR_MS = 3_600_000
NOTHING: dict[str, Any] = {"usage": None, "usage_source": "none", "cost_nano_usd": 0}
# What may end a recorder's life during a turn; None: nothing does.
CRASHES = st.sampled_from([None, None, "before the jobs", "before the store", "after the store"])


class Crash(BaseException):
    """The end of a process at this very place."""


def book(one: Record, told: Told, state: str) -> None:
    """Book a cost of ten for each token."""
    one.usage = told.usage
    one.usage_source = "provider" if state == "booked" else "estimated"
    one.cost_nano_usd = 10 * told.usage.input_total
    one.job = Job(id=one.job.id if one.job else "", state=state)


class Recorders(RuleBasedStateMachine):
    """Workers write, a recorder reads, and dies as often as anybody likes."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.now_ms = NOON_MS
        self.journals = [Journal(self.root / "journal", f"worker-{number}") for number in range(2)]
        self.rows: dict[str, Record] = {}  # as their workers wrote them
        self.asked: dict[str, list[str]] = {}  # by job: who asked for it
        self.told: dict[str, list[tuple[int, int]]] = {}  # by job: when its end was seen, and what it had used
        self.paid: dict[str, int] = {}  # by exchange: what it was once seen to cost
        self.snapshot: Path | None = None
        self.peak: Counter[Any] = Counter()
        self.start()

    def start(self) -> None:
        self.store = SqliteStore(self.root / "store", Tally().count)
        self.jobs = Jobs(self.root / "store", book, lambda: self.now_ms / 1000)
        self.reader = Reader(self.root / "journal", self.store.watermarks())
        self.complaints = Complaints()
        self.conveyor = Conveyor(
            self.reader, self.store, settle=lambda one: one, jobs=self.jobs, complaints=self.complaints
        )

    def end(self) -> None:
        for part in (self.reader, self.store, self.jobs):
            part.close()

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.now_ms += LAPSE_MS
            self.end()
            self.start()
            for _ in range(3):
                self.conveyor.turn(thorough=True)
            self.agrees(final=True)
            self.end()
            for journal in self.journals:
                journal.close()
            shutil.rmtree(self.root)

    # ---- what workers write ---------------------------------------------------------------------------------------

    @rule(worker=WORKERS, name=NAMES)
    def ask(self, worker: int, name: str) -> None:
        one = record(self.now_ms, **NOTHING, endpoint="responses", job=Job(id=name, usage=Usage(input_total=1)))
        self.write(worker, one)
        self.asked.setdefault(name, []).append(one.id)

    @rule(worker=WORKERS, name=NAMES, tokens=st.none() | st.integers(2, 9))
    def fetch(self, worker: int, name: str, tokens: int | None) -> None:
        usage = None if tokens is None else Usage(input_total=tokens)
        self.write(worker, record(self.now_ms, **NOTHING, job=Job(id=name, state="seen", usage=usage)))
        if tokens is not None:
            self.told.setdefault(name, []).append((self.now_ms, tokens))

    @rule(worker=WORKERS)
    def something_else(self, worker: int) -> None:
        self.write(worker, record(self.now_ms))

    def write(self, worker: int, one: Record) -> None:
        write(self.journals[worker], one, b"ask " + one.id.encode(), b"answer")
        self.rows[one.id] = one

    # ---- what recorders do and suffer -----------------------------------------------------------------------------

    @rule(crash=CRASHES, at_once=st.sampled_from([1, 1_500, 8 << 20]))
    def turn(self, crash: str | None, at_once: int) -> None:
        commit, take = self.store.commit, self.jobs.take

        def dying_commit(*batch: Any) -> Any:
            if crash == "before the store":
                raise Crash
            done = commit(*batch)
            if crash == "after the store":
                raise Crash
            return done

        def dying_take(batch: Any) -> Any:
            if crash == "before the jobs":
                raise Crash
            return take(batch)

        with (
            patch.object(self.store, "commit", dying_commit),
            patch.object(self.jobs, "take", dying_take),
            patch.object(conveyor_module, "POLL_BYTES", at_once),
        ):
            try:
                self.conveyor.turn(thorough=True)
            except Crash:
                self.restart()
        assert not self.complaints.counts

    @rule()
    def restart(self) -> None:
        self.end()
        self.start()

    @rule()
    def sync(self) -> None:
        """Everything reaches the disk, and segments that nobody needs are deleted."""
        self.conveyor.finish()
        if self.store.sync():
            self.jobs.synced()
            self.snapshot = self.root / "snapshot"
            shutil.rmtree(self.snapshot, ignore_errors=True)
            shutil.copytree(
                self.root / "store", self.snapshot, ignore=lambda _, names: [n for n in names if "jobs" in n]
            )

    @rule()
    def lose_power(self) -> None:
        """What the store had not synced is gone; the jobs' file syncs each commit."""
        if self.snapshot is None:
            return
        self.end()
        for path in (self.root / "store").glob("????-??-??.db*"):
            path.unlink()
        shutil.copytree(self.snapshot, self.root / "store", dirs_exist_ok=True)
        self.peak.clear()
        self.start()

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now_ms += hours * HOUR_MS

    # ---- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def agrees(self, *, final: bool = False) -> None:
        if not hasattr(self, "root"):
            return
        stored = self.stored()
        costs: Counter[str] = Counter()
        for name, (one, request) in stored.items():
            assert b"ask " + name.encode() == request, "a body was lost"
            costs[self.check(one)] += 1
            assert not (final and one.job is not None and one.job.state == "open"), "it never ends"
        assert counted([one for one, _ in stored.values()]) == nonzero(self.store.totals())
        assert not final or len(stored) == len(self.rows)
        for job, exchanges in self.asked.items():
            assert costs[f"{job} paid"] <= 1, "a job was paid twice"
            if final:
                assert costs[f"{job} paid"] == 1, f"{job} of {exchanges} was never paid"
        self.never_falls()

    def check(self, one: Record) -> str:
        """Compare one row with what its worker wrote; return what became of its job."""
        written = self.rows[one.id]
        if one.job is None or written.job is None:
            assert one == written
            return ""
        if written.job.state == "seen":
            assert one == written
            return "seen"
        assert (written.job.id, written.duration_ms) == (one.job.id, one.duration_ms)
        told = self.told.get(one.job.id, [])
        if one.job.state in ("open", "seen"):
            assert one.cost_nano_usd == 0
            return ""
        assert one.cost_nano_usd == self.paid.setdefault(one.id, one.cost_nano_usd), "it changed its mind"
        if one.job.state == "booked":
            assert one.cost_nano_usd in [10 * tokens for _, tokens in told]
        else:
            assert one.cost_nano_usd == 10
            assert [] == [at for at, _ in told if abs(at - started_ms(one.id)) < LAPSE_MS], "its end was known"
        return f"{one.job.id} paid"

    def never_falls(self) -> None:
        totals = self.store.totals()
        assert [] == [key for key, value in self.peak.items() if totals.get(key, 0) < value], "a counter fell"
        self.peak.update({key: value - self.peak[key] for key, value in totals.items()})

    def stored(self) -> dict[str, tuple[Record, bytes]]:
        """Read all rows, each with its request."""
        found: dict[str, tuple[Record, bytes]] = {}
        for path in (self.root / "store").glob("????-??-??.db"):
            with contextlib.closing(sqlite3.connect(path)) as sql:
                for _, meta, *packed in sql.execute(SELECT_CONTENTS.partition("WHERE")[0]):
                    one = decode(meta)
                    request, _ = unpack(tuple(packed))  # type: ignore[arg-type]
                    assert one.id not in found
                    found[one.id] = (one, request[0][1] if request else b"")
        return found


TestRecorders: Callable[[], None] = Recorders.TestCase  # type: ignore[assignment]
Recorders.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
