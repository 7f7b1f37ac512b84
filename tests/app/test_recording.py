"""The writing thread starts under a lock, ends as it is told, and says when it cannot work at all."""

import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import recording as recording_module
from gateway.app.recording import Recording, Rules
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store.interface import StoreBusy
from gateway.store.sqlite import SqliteStore
from tests.records import Ledger, finished, record, unbooked, write

LIMIT_S = 20.0


def make(folder: Path) -> Recording:
    """Make a recording over a folder."""
    return Recording(folder / "journal", folder / "store", Tally(), Rules(lambda one: one, unbooked), Ledger())


def requests(recording: Recording) -> int:
    """Count the requests that are committed."""
    return sum(value for (name, _, _), value in recording.totals().items() if name == "tollway_requests")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A worker's journal."""
    journal = Journal(tmp_path / "journal", "worker-0")
    yield journal
    journal.close()


def test_finished_exchange_is_stored_within_a_second(tmp_path: Path, journal: Journal) -> None:
    """The promise to people who look at the log, with room for a slow machine."""
    recording = make(tmp_path)
    recording.start()
    recording.tried.wait(LIMIT_S)
    write(journal, record())
    begun = time.monotonic()
    while not requests(recording):
        assert time.monotonic() - begun < LIMIT_S
        time.sleep(0.005)
    took = time.monotonic() - begun
    recording.stop(drain=False)
    recording.join()

    assert took < 1.0


def test_drain_reads_to_the_end(tmp_path: Path, journal: Journal) -> None:
    """Asked to drain right away, it still writes everything down and leaves no finished segment."""
    for _ in range(1200):
        write(journal, record())
    journal.close()
    recording = make(tmp_path)
    recording.stop(drain=True)
    recording.start()
    recording.join()

    assert 1200 == requests(recording)
    assert [] == list((tmp_path / "journal").glob("*.seg"))
    assert [] == list((tmp_path / "store").glob("*-wal"))


def test_locked_store_at_start_is_waited_for(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder is up at once, and begins to write when the store can be opened."""
    unlocked = threading.Event()

    def open_store(folder: Path, *count: object, **options: bool) -> SqliteStore:
        if not unlocked.is_set():
            raise StoreBusy("locked")
        return SqliteStore(folder, *count, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(recording_module, "SqliteStore", open_store)
    monkeypatch.setattr(recording_module, "RETRY_S", 0.01)
    write(journal, record())
    recording = make(tmp_path)
    recording.start()
    assert recording.tried.wait(LIMIT_S)
    assert {} == recording.totals()
    unlocked.set()
    recording.stop(drain=True)
    recording.join()

    assert 1 == requests(recording)
    assert recording.complaints.counts["open"] > 0


def test_drain_gives_up_on_a_store_that_takes_nothing(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody holds the lock for good: the thread tries, waits, ends and says so; the next one finds everything."""
    monkeypatch.setattr(recording_module, "DRAIN_PATIENCE_S", 0.6)
    first, second = record(), record()
    store = SqliteStore(tmp_path / "store", Tally().count)
    store.commit([finished(first)], {})
    store.close()
    (file,) = (tmp_path / "store").glob("*.db")
    for one in (first, second):
        write(journal, one)
    journal.close()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        recording = make(tmp_path)
        recording.stop(drain=True)
        recording.start()
        recording._thread.join(LIMIT_S)

    assert not recording._thread.is_alive()
    assert 2 <= recording.complaints.counts["commit"] <= 5
    assert ["next start"] == [phrase for line in caplog.messages for phrase in re.findall("next start", line)]
    again = make(tmp_path)
    again.stop(drain=True)
    again.start()
    again.join()
    assert 2 == requests(again)


def test_drain_gives_up_on_a_store_that_never_opens(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to drain before there was a store, it tries for a while, and leaves the journal as it is."""

    def busy(*_: object, **__: object) -> SqliteStore:
        raise StoreBusy("locked")

    monkeypatch.setattr(recording_module, "DRAIN_PATIENCE_S", 0.05)
    monkeypatch.setattr(recording_module, "RETRY_S", 0.01)
    monkeypatch.setattr(recording_module, "SqliteStore", busy)
    write(journal, record())
    recording = make(tmp_path)
    recording.stop(drain=True)
    recording.start()
    recording._thread.join(LIMIT_S)

    assert not recording._thread.is_alive()
    assert 2 <= recording.complaints.counts["open"] <= 6
    assert 1 == len(list((tmp_path / "journal").glob("*.seg")))


def test_newer_store_ends_it_with_the_reason(tmp_path: Path) -> None:
    """Nothing is written beside a store of a later release."""
    store = SqliteStore(tmp_path / "store", Tally().count)
    store.commit([finished(record())], {})
    store.close()
    for path in (tmp_path / "store").glob("*.db"):
        connection = sqlite3.connect(path)
        connection.execute("UPDATE meta SET value = '99'")
        connection.commit()
        connection.close()
    recording = make(tmp_path)
    recording.start()
    recording.join()

    assert recording.tried.is_set()
    assert "pip install" in str(recording.refused)


def test_models_of_earlier_days_stay_labels(tmp_path: Path, journal: Journal) -> None:
    """After a restart a failed request for a known model still counts under its name."""
    store = SqliteStore(tmp_path / "store", Tally().count)
    store.commit([finished(record(model_served="gpt-4o"))], {})
    store.close()
    write(journal, record(model_requested="gpt-4o", model_served=None, status=500, price_source="none"))
    recording = make(tmp_path)
    recording.stop(drain=True)
    recording.start()
    recording.join()

    assert {"gpt-4o"} == {labels[2] for name, labels, _ in recording.totals() if name == "tollway_requests"}
