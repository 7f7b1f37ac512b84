"""A recorder may be killed at any step of a booking, and workers while work goes on: the cost is booked once."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.record import Job, Record
from gateway.core.usage import Usage
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.client import Reply
from tests.faults.harness import logged
from tests.faults.test_kills import strike
from tests.gateway import KEY, Gateway, standing_before
from tests.provider import Answer, Asked, answer, providing, until
from tests.records import record, write
from tests.store.conformance import counted, nonzero

ROOT = Path(__file__).parents[2]
# At which passage of which step a recorder dies; it syncs once, at its end.
STEPS = [
    *((step, passage) for passage in (0, 1) for step in ("before the jobs' commit", "after the jobs' commit")),
    *((step, passage) for passage in (0, 1) for step in ("before the store's commit", "after the store's commit")),
    *((step, 0) for step in ("before the sync", "after the sync", "after the jobs know")),
]

# A recorder's thread, on the folder that is its argument. It kills itself at a step, and ends well when all is read.
CHILD = """
import os, signal, sys
from pathlib import Path
from gateway.app import conveyor as conveyor_module
from gateway.app.booking import book
from gateway.app.conveyor import Complaints, Conveyor
from gateway.config.compile import from_sources
from gateway.journal.reader import Reader
from gateway.metrics.totals import Tally
from gateway.store.jobs import Jobs
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS

folder, step, skipped = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def at(here):
    global skipped
    if here == step:
        skipped -= 1
        if skipped < 0:
            os.kill(os.getpid(), signal.SIGKILL)

def between(part, name, before, after):
    usual = getattr(part, name)
    def wrapped(*given):
        at(before)
        done = usual(*given)
        at(after)
        return done
    setattr(part, name, wrapped)

config = from_sources({}, "/", {}, 1)
store = SqliteStore(folder / "data" / "store", Tally().count)
def priced(one, told, state):
    book(one, told, state, config.routing, config.prices)

jobs = Jobs(folder / "data" / "store", priced, lambda: NOON_MS / 1000)
between(jobs, "take", "before the jobs' commit", "after the jobs' commit")
between(store, "commit", "before the store's commit", "after the store's commit")
between(store, "sync", "before the sync", "after the sync")
between(jobs, "synced", "", "after the jobs know")
reader = Reader(folder / "data" / "journal", store.watermarks())
conveyor = Conveyor(reader, store, settle=lambda one: one, jobs=jobs, complaints=Complaints())
if skipped:
    conveyor_module.POLL_BYTES = 1  # a turn for each journal
for _ in range(6):
    conveyor.turn(thorough=True)
conveyor.finish()
store.close()
jobs.close()
"""


def recorder(folder: Path, step: str = "never", skipped: int = 0) -> int:
    """Run a recorder's thread; return how it ended."""
    command = [sys.executable, "-c", CHILD, str(folder), step, str(skipped)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


def asked(number: int) -> Record:
    """Make an exchange that asked for work."""
    job = Job(id=f"job-{number}", usage=Usage(input_total=5))
    return record(usage=None, usage_source="none", cost_nano_usd=0, endpoint="responses", job=job)


def fetched(number: int) -> Record:
    """Make an exchange that saw how the work ended."""
    job = Job(id=f"job-{number}", state="seen", usage=Usage(input_total=1_000 * (number + 1)))
    return record(usage=None, usage_source="none", cost_nano_usd=0, endpoint="responses", job=job)


@pytest.mark.parametrize(("step", "skipped"), STEPS)
def test_death_at_any_step_books_once(step: str, skipped: int, tmp_path: Path) -> None:
    """The journal of those who fetched is read before that of those who asked."""
    *journals, ended = [Journal(tmp_path / "data" / "journal", f"worker-{number}") for number in range(3)]
    write(ended, record())
    ended.close()  # the store is synced where a segment can be deleted
    rows = [asked(number) for number in range(3)]
    write(journals[1], rows[0])
    assert -signal.SIGKILL == recorder(tmp_path, "after the jobs' commit")
    for number in (0, 1, 1):
        write(journals[0], fetched(number))
    for one in rows[1:]:
        write(journals[1], one)
    deaths = 0
    for _ in range(2):
        deaths += recorder(tmp_path, step, skipped) == -signal.SIGKILL
    write(journals[0], fetched(2))
    deaths += recorder(tmp_path, step, skipped) == -signal.SIGKILL
    for journal in journals:
        journal.close()
    assert deaths > 0
    assert 0 == recorder(tmp_path)

    stored = {one.id: one for one in logged(tmp_path)}
    assert 8 == len(stored)
    booked = [stored[one.id] for one in rows]
    assert [("booked", 1_000), ("booked", 2_000), ("booked", 3_000)] == [
        (one.job and one.job.state, one.usage and one.usage.input_total) for one in booked
    ]
    assert [150 * 1_000, 150 * 2_000, 150 * 3_000] == [one.cost_nano_usd for one in booked]
    store = SqliteStore(tmp_path / "data" / "store", Tally().count)
    assert counted(list(stored.values())) == nonzero(store.totals())
    store.close()


USAGE = {"input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100}


class Work:
    """Responses that have ended by the second look."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()

    def __call__(self, request: Asked) -> Answer:
        if request.method == "POST":
            name = f"resp_{json.loads(request.body)['user']}"
            return answer(json.dumps(self.response(name, "queued", None)).encode())
        name = request.target.rpartition("/")[2]
        self.looks[name] += 1
        if self.looks[name] < 2:
            return answer(json.dumps(self.response(name, "in_progress", None)).encode())
        return answer(json.dumps(self.response(name, "completed", USAGE)).encode())

    @staticmethod
    def response(name: str, status: str, usage: Any) -> dict[str, Any]:
        """Write a response."""
        return {"id": name, "background": True, "status": status, "model": "gpt-4o-mini", "usage": usage}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Two workers before such a provider."""
    with providing(Work()) as provider, standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run:
        yield run


@pytest.mark.slow
def test_killed_children_lose_no_cost(gateway: Gateway, tmp_path: Path) -> None:
    """Recorder and workers die between question and answer; every run that a client knows of is booked, once."""
    known: list[str] = []
    for life in range(4):
        begun = [_tried(gateway, "POST", "/v1/responses", f"{life}-{number}") for number in range(20)]
        strike(gateway, ("recorder", "worker 0", "recorder")[life % 3])
        names = [json.loads(reply.body)["id"] for reply in begun if reply is not None]
        for name in names * 2:
            until(lambda name=name: _tried(gateway, "GET", f"/v1/responses/{name}"), "a worker answers")  # type: ignore[misc]
        known += names
        strike(gateway, ("recorder", "recorder", "worker 1")[life % 3])
    until(lambda: "tollway_jobs_open 0.0" in gateway.metrics(), "every cost is known")
    assert 0 == gateway.stop()

    records = logged(tmp_path)
    booked = Counter(one.job.id for one in records if one.job is not None and one.job.state == "booked")
    assert set(known) <= booked.keys()
    assert {1} == set(booked.values())
    assert {1_000 * 150 + 100 * 600} == {one.cost_nano_usd for one in records if one.job and one.job.state == "booked"}
    assert {0} == {one.cost_nano_usd for one in records if one.job and one.job.state == "seen"}
    store = SqliteStore(tmp_path / "data" / "store", Tally().count)
    assert counted(records) == nonzero(store.totals())
    store.close()


def _tried(gateway: Gateway, method: str, path: str, user: str = "") -> Reply | None:
    """Ask once; None: there was no answer, or no whole one."""
    body = json.dumps({"model": "gpt-4o-mini", "background": True, "user": user}).encode() if method == "POST" else None
    headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
    try:
        reply = gateway.ask(method, path, headers, body)
    except (AssertionError, OSError):
        return None
    return reply if reply.whole and reply.status == 200 else None
