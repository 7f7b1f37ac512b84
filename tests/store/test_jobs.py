"""A job is booked once, in the row that asked for it, whatever order, repetition or crash brings its ends together.

How this holds with the real journal and store: tests/app/test_jobs_machine.py.
"""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core.charging import correct
from gateway.core.record import Hold, Job, Record, decode
from gateway.core.usage import Usage
from gateway.journal.reader import Finished
from gateway.store import jobs as jobs_module
from gateway.store.interface import StoreBusy, StoreRefused
from gateway.store.jobs import ANSWERS_MOST, BATCH_LAPSE_MS, CHECK_MS, CLOSED_KEPT_MS, FILE_NAME, LAPSE_MS, Jobs, Told
from tests.records import NOON_MS, finished, record

HOUR_MS = 3_600_000


def book(one: Record, told: Told, state: str) -> None:
    """Book a cost of one for each token."""
    one.usage = told.usage
    one.usage_source = "provider" if state == "booked" else "estimated"
    one.cost_nano_usd = told.usage.input_total
    one.model_served = one.model_served or told.model
    one.job = Job(id=one.job.id if one.job else "", state=state)
    correct(one)


class Book:
    """A jobs' file with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = NOON_MS
        self.jobs = self.opened()

    def opened(self) -> Jobs:
        """Open the file: what a restarted recorder does."""
        return Jobs(self.folder, book, lambda: self.now_ms / 1000)

    def restart(self) -> None:
        """Close, or have crashed, and open again."""
        self.jobs.close()
        self.jobs = self.opened()

    def amended(self) -> list[tuple[str, str, int]]:
        """Return what is owed to the store now: id, state and cost."""
        due = self.jobs.due()
        assert all(one.amends and decode(one.meta) == one.record and not one.request for one in due)
        return [
            (one.record.id, one.record.job.state if one.record.job else "", one.record.cost_nano_usd) for one in due
        ]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Book]:
    """Jobs in an empty folder."""
    kept = Book(tmp_path)
    yield kept
    kept.jobs.close()


def ask(name: str = "job-1", at_ms: int = NOON_MS, *, guess: int = 5, **fields: Any) -> Finished:
    """Make an exchange that asked for work."""
    job = Job(id=name, state="open", usage=Usage(input_total=guess))
    usual = {"usage": None, "usage_source": "none", "cost_nano_usd": 0, "job": job}
    return finished(record(at_ms, **usual, **fields))


def fetch(name: str = "job-1", tokens: int | None = 100, **fields: Any) -> Finished:
    """Make an exchange that saw how far it is; `tokens`: what its end used, None: it goes on."""
    job = Job(id=name, state="seen", usage=None if tokens is None else Usage(input_total=tokens))
    usual = {"usage": None, "usage_source": "none", "cost_nano_usd": 0, "job": job}
    return finished(record(**usual, **fields))


def test_the_first_answer_is_booked_where_the_work_was_asked_for(kept: Book) -> None:
    """What others fetch later changes nothing; each row that fetched stays as it was."""
    asked, first, again = ask(), fetch(tokens=100, model_served="m-1"), fetch(tokens=700)
    going_on = fetch(tokens=None)
    assert [asked, going_on] == kept.jobs.take([asked, going_on])
    assert (1, []) == (kept.jobs.open_now, kept.amended())

    assert [first, again] == kept.jobs.take([first, again])
    assert (0, [(asked.record.id, "booked", 100)]) == (kept.jobs.open_now, kept.amended())
    kept.jobs.take([fetch(tokens=9)])
    assert [] == kept.amended()


def test_an_answer_may_be_read_before_the_question(kept: Book) -> None:
    """Another worker's journal was read first."""
    kept.jobs.take([fetch(tokens=100)])
    kept.restart()
    asked = ask()
    kept.jobs.take([asked])

    assert [(asked.record.id, "booked", 100)] == kept.amended()


def test_what_nobody_asked_for_here_is_nobodys_bill(kept: Book) -> None:
    """Nor is the same name at another provider, or another name at the same one."""
    kept.jobs.take([ask("job-1"), fetch("job-2"), fetch("job-1", provider="groq"), fetch("JOB-1")])

    assert (1, []) == (kept.jobs.open_now, kept.amended())


def test_what_is_owed_is_owed_until_the_store_has_synced(kept: Book) -> None:
    """A crash between the commits, or a power loss after them, gives the store its amendment again."""
    asked = ask()
    kept.jobs.take([asked, fetch()])
    owed = [(asked.record.id, "booked", 100)]
    assert owed == kept.amended()
    assert [] == kept.amended()
    for _ in range(2):
        kept.restart()
        assert owed == kept.amended()
    kept.jobs.synced()
    kept.restart()

    assert [] == kept.amended()


def test_a_sync_is_asked_for_only_after_a_while(kept: Book) -> None:
    """Most syncs come by themselves."""
    kept.jobs.take([ask(), fetch()])
    assert not kept.jobs.wants_sync()
    kept.amended()
    assert not kept.jobs.wants_sync()
    kept.now_ms += CHECK_MS - 1
    kept.jobs.take([ask("job-2"), fetch("job-2")])
    kept.amended()
    assert not kept.jobs.wants_sync()
    kept.now_ms += 1

    assert kept.jobs.wants_sync()
    kept.jobs.synced()
    assert not kept.jobs.wants_sync()


def test_the_same_batch_again_changes_nothing(kept: Book) -> None:
    """Whatever of it was learnt before."""
    batch = [fetch(tokens=3), ask(), fetch(tokens=4), ask("job-2")]
    assert batch == kept.jobs.take(batch)
    once = kept.amended()
    for _ in range(2):
        assert batch == kept.jobs.take(batch)
        assert batch[1:] == kept.jobs.take(batch[1:])
        assert [] == kept.amended()

    assert [(batch[1].record.id, "booked", 3)] == once
    assert 1 == kept.jobs.open_now


def test_what_its_worker_writes_once_more_keeps_the_booking(kept: Book) -> None:
    """An amended end replaces the row, so it must say what is known by now; a later booking keeps what it says."""
    asked = ask()
    kept.jobs.take([asked])
    late = written_again(asked, duration_ms=77.0)
    assert [late] == kept.jobs.take([late])
    kept.jobs.take([fetch()])
    (amendment,) = kept.jobs.due()
    assert (77.0, 100) == (amendment.record.duration_ms, amendment.record.cost_nano_usd)

    (later,) = kept.jobs.take([written_again(asked, duration_ms=88.0)])
    assert (88.0, 100, True) == (later.record.duration_ms, later.record.cost_nano_usd, later.amends)
    assert later.record == decode(later.meta)


def written_again(one: Finished, **fields: Any) -> Finished:
    """Make what a worker writes that amends its own end."""
    return finished(msgspec.structs.replace(one.record, **fields), amends=True)


def test_work_that_is_asked_for_twice_is_billed_once(kept: Book) -> None:
    """A provider that answers a repeated request with the same work: the second row only saw it."""
    first, second = ask(), ask()
    kept.jobs.take([first])
    (shown,) = kept.jobs.take([second])
    assert Job(id="job-1", state="seen") == shown.record.job
    assert shown.record == decode(shown.meta)
    kept.jobs.take([fetch()])

    assert [(first.record.id, "booked", 100)] == kept.amended()


def test_what_was_charged_for_work_follows_its_booking(kept: Book) -> None:
    """Given back where the work was only asked for again; kept where a worker writes its end once more."""
    first, second = (ask(holds=[Hold("a", 0, "usd", 70, charged=70)]) for _ in range(2))
    kept.jobs.take([first])
    (shown,) = kept.jobs.take([second])
    assert [-70] == [hold.late for hold in shown.record.holds]
    assert shown.record == decode(shown.meta)
    kept.jobs.take([fetch()])

    (later,) = kept.jobs.take([written_again(first, duration_ms=88.0)])
    assert [30] == [hold.late for hold in later.record.holds]


@pytest.mark.parametrize(("endpoint", "after_ms"), [("responses", LAPSE_MS), ("batch", BATCH_LAPSE_MS)])
def test_what_nobody_fetches_lapses(kept: Book, endpoint: str, after_ms: int) -> None:
    """The estimate is booked, once; what is fetched after that changes nothing any more."""
    asked = ask(guess=5, endpoint=endpoint)
    kept.jobs.take([asked])
    kept.now_ms = NOON_MS + after_ms - 1
    assert [] == kept.amended()
    kept.now_ms += CHECK_MS
    assert [(asked.record.id, "lapsed", 5)] == kept.amended()
    assert 0 == kept.jobs.open_now
    kept.jobs.take([fetch(tokens=100)])

    assert [] == kept.amended()


def test_clock_is_looked_at_now_and_then(kept: Book) -> None:
    """Not in every turn; after a restart at once, and also if the clock was set back."""
    kept.jobs.take([ask()])
    kept.amended()
    kept.now_ms = NOON_MS + CHECK_MS - 1
    old = ask("job-2", NOON_MS - LAPSE_MS)
    kept.jobs.take([old])
    assert [] == kept.amended()
    kept.now_ms = NOON_MS - HOUR_MS
    kept.jobs.take([ask("job-3", NOON_MS - LAPSE_MS - HOUR_MS)])

    assert ["job-3"] == [one.record.job.id for one in kept.jobs.due() if one.record.job]
    kept.now_ms = NOON_MS
    kept.restart()
    assert {"job-2", "job-3"} == {one.record.job.id for one in kept.jobs.due() if one.record.job}


def test_many_lapse_in_bounded_batches(kept: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder that was away for days does not hold them all at once."""
    monkeypatch.setattr(jobs_module, "AT_ONCE", 4)
    kept.jobs.take([ask(f"job-{number}") for number in range(10)])
    kept.now_ms = NOON_MS + LAPSE_MS
    sizes = []
    while due := kept.jobs.due():
        sizes.append(len(due))

    assert [4, 4, 2] == sizes


def test_what_no_longer_matters_is_forgotten(kept: Book) -> None:
    """Answers after a day, and the oldest of too many; closed jobs after a month, if nothing is owed for them."""
    kept.jobs.take([ask("closed"), fetch("closed"), ask("owed"), fetch("owed"), fetch("stray")])
    kept.amended()
    kept.jobs.synced()
    with kept.jobs._transaction():
        kept.jobs._db().execute("UPDATE jobs SET owed = 1 WHERE id = 'owed'")
        kept.jobs._db().executemany(
            "INSERT INTO answers VALUES ('p', ?, '{}', ?)",
            [(f"n{number}", NOON_MS + CLOSED_KEPT_MS + number) for number in range(ANSWERS_MOST + 5)],
        )
    kept.now_ms = NOON_MS + CLOSED_KEPT_MS + 2 * CHECK_MS
    kept.jobs.due()

    assert [("owed",)] == kept.jobs._db().execute("SELECT id FROM jobs").fetchall()
    found = kept.jobs._db().execute("SELECT count(*), min(seen_ms) FROM answers").fetchone()
    assert (ANSWERS_MOST, NOON_MS + CLOSED_KEPT_MS + 5) == found


def test_answers_stay_small(kept: Book) -> None:
    """What a provider wrote at length into its usage is kept where it was seen, not here."""
    one = fetch()
    assert one.record.job is not None
    assert one.record.job.usage is not None
    one.record.job.usage.raw = type(one.record.job.usage.raw)(b'"' + b"x" * jobs_module.RAW_MOST_BYTES + b'"')
    kept.jobs.take([one])
    (size,) = kept.jobs._db().execute("SELECT length(told) FROM answers").fetchone()

    assert size < 1_000
    assert len(bytes(one.record.job.usage.raw)) > jobs_module.RAW_MOST_BYTES


def test_no_file_without_a_job(tmp_path: Path, kept: Book) -> None:
    """What a gateway without such work pays is a look at each record; and no reader takes the file for a day's."""
    usual = [finished(record()), fetch(tokens=None)]
    assert usual is kept.jobs.take(usual)
    assert [] == kept.jobs.due()
    assert [] == list(tmp_path.iterdir())
    kept.jobs.take([ask()])

    assert (tmp_path / FILE_NAME).exists()
    assert [] == list(tmp_path.glob("????-??-??.db"))


def test_a_locked_file_is_a_wait(tmp_path: Path, kept: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch comes again."""
    monkeypatch.setattr(jobs_module, "LOCK_WAIT_S", 0.01)
    asked = ask()
    kept.jobs.take([asked])
    kept.restart()
    locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        kept.jobs.take([fetch()])
    with pytest.raises(StoreBusy):
        kept.jobs.due()
    locker.close()
    kept.jobs.take([fetch()])

    assert [(asked.record.id, "booked", 100)] == kept.amended()


def test_a_file_that_is_locked_while_it_is_made_is_made_later(
    tmp_path: Path, kept: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never used half made."""
    monkeypatch.setattr(jobs_module, "LOCK_WAIT_S", 0.01)
    locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    locker.execute("PRAGMA journal_mode=WAL")
    locker.execute("BEGIN EXCLUSIVE")
    for _ in range(2):
        with pytest.raises(StoreBusy):
            kept.jobs.take([ask(), fetch()])
    locker.close()
    kept.jobs.take([ask(), fetch()])

    assert 1 == len(kept.amended())


def test_a_failure_on_the_way_leaves_nothing_behind(kept: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the file nor in what is owed."""
    asked = ask()
    with monkeypatch.context() as patched:
        patched.setattr(jobs_module, "CLOSE", "UPDATE missing SET x = 1")
        patched.setattr(jobs_module, "is_broken", lambda _: False)
        with pytest.raises(StoreBusy):
            kept.jobs.take([asked, fetch()])
    assert (0, []) == (kept.jobs.open_now, kept.amended())
    kept.jobs.take([asked, fetch()])

    assert [(asked.record.id, "booked", 100)] == kept.amended()


def test_a_broken_file_gets_out_of_the_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is kept for a person, who is told; work that is asked for from then on is booked."""
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, but long enough to look at" * 100)
    kept = Book(tmp_path)
    asked = ask()
    kept.jobs.take([asked, fetch()])

    assert [(asked.record.id, "booked", 100)] == kept.amended()
    assert 1 == len(list(tmp_path.glob(f"{FILE_NAME}.corrupt-*")))
    assert [logging.ERROR] == [line.levelno for line in caplog.records]
    kept.jobs.close()


def test_a_removed_file_is_made_anew(tmp_path: Path, kept: Book) -> None:
    """Somebody removes it under the running recorder: what comes then is kept."""
    kept.jobs.take([ask()])
    for path in tmp_path.iterdir():
        path.unlink()
    later = ask("job-2")
    kept.jobs.take([later, fetch("job-2")])

    assert [(later.record.id, "booked", 100)] == kept.amended()
    assert (tmp_path / FILE_NAME).exists()


def test_a_file_of_a_later_release_is_refused(tmp_path: Path, kept: Book) -> None:
    """With what to do."""
    kept.jobs.take([ask()])
    kept.jobs.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as sql:
        sql.execute("PRAGMA user_version = 99")
    sql.close()

    with pytest.raises(StoreRefused, match=r"schema 99, this one reads up to 1.*pip install --upgrade tollway"):
        kept.opened()


HOSTILE = ["'; DROP TABLE jobs; --", "x" * 256, "../../etc", "%s%n{}", '"', "\x7e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_names(kept: Book, name: str) -> None:
    """Bound as values, never written into anything."""
    asked = ask(name)
    kept.jobs.take([asked, fetch(name)])

    assert [(asked.record.id, "booked", 100)] == kept.amended()
