"""The SQLite store keeps the promises of every store, and its own: locks, crashes, broken and deleted files."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.record import Hold, Record, decode
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store import sqlite as sqlite_module
from gateway.store.bodies import unpack
from gateway.store.dayfile import DayFile
from gateway.store.interface import Store, StoreBusy, StoreRefused
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record
from tests.store.conformance import Conformance, counted, nonzero
from tests.store.recount import sums_agree

ROOT = Path(__file__).parents[2]
DAY = "2026-11-23.db"


def rows(folder: Path) -> list[Record]:
    """Read all records, with a check that every file is sound."""
    found = []
    for path in sorted(folder.glob("*.db")):
        connection = sqlite3.connect(path)
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
        found += [decode(meta) for (meta,) in connection.execute("SELECT record FROM contents ORDER BY seq")]
        connection.close()
    return found


class TestSqliteStore(Conformance):
    """The suite, over day files."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self) -> Store:
        return SqliteStore(self.folder, Tally().count)

    def stored(self) -> list[Record]:
        sums_agree(self.folder)
        return rows(self.folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store in an empty folder."""
    store = SqliteStore(tmp_path, Tally().count)
    yield store
    store.close()


def test_crash_between_two_days_of_a_batch(tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second file's commit fails, the watermarks have not moved, and the repeated batch counts once."""
    records = [record(NOON_MS - DAY_MS), record(NOON_MS)]
    batch = [finished(one) for one in records]
    transact = SqliteStore._transact

    def fails_today(self: SqliteStore, file: DayFile, *rest: object) -> object:
        if file.path.name == DAY:
            raise sqlite3.OperationalError("disk I/O error")
        return transact(self, file, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStore, "_transact", fails_today)
    with pytest.raises(StoreBusy):
        store.commit(batch, {"a.seg": 5})
    assert 1 == len(rows(tmp_path))
    monkeypatch.undo()
    fresh = SqliteStore(tmp_path, Tally().count)
    assert {} == fresh.watermarks()
    assert (1, 0, 1) == fresh.commit(batch, {"a.seg": 5})

    assert counted(records) == nonzero(fresh.totals())
    fresh.close()


def test_removed_folder_is_made_anew(tmp_path: Path) -> None:
    """Somebody removes the whole store under the running recorder: what comes then is kept, in a new one."""
    store = SqliteStore(tmp_path / "store", Tally().count)
    store.commit([finished(record())], {})
    shutil.rmtree(tmp_path / "store")
    after = record()

    assert 1 == store.commit([finished(after)], {}).inserted
    assert store.sync()
    assert [after] == rows(tmp_path / "store")
    store.close()


def test_failed_commit_shows_nowhere(tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Totals never show what was rolled back: a counter that a scrape saw could fall after a crash."""
    monkeypatch.setattr(schema, "ADD_TOTAL", "INSERT INTO missing VALUES (?,?,?,?)")
    with pytest.raises(StoreBusy):
        store.commit([finished(record())], {})

    assert {} == store.totals()
    assert [] == rows(tmp_path)


def test_file_is_never_seen_without_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder killed while it makes a day file leaves nothing that a reader would trip over."""
    with monkeypatch.context() as patched:
        patched.setattr(schema, "INSERT_META", "SELECT missing")
        store = SqliteStore(tmp_path, Tally().count)
        with pytest.raises(StoreBusy):
            store.commit([finished(record())], {})
        store.close()
    assert [] == list(tmp_path.glob("*.db"))
    store = SqliteStore(tmp_path, Tally().count)

    assert 1 == store.commit([finished(record())], {}).inserted
    store.close()


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_lock_of_another_process_is_a_wait_never_a_loss(tmp_path: Path, store: SqliteStore) -> None:
    """While somebody holds the file every commit says busy, in bounded time; afterwards the same batch goes through."""
    store.commit([finished(record())], {})
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(tmp_path / DAY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert locker.stdin is not None
    assert locker.stdout is not None
    assert b"locked\n" == locker.stdout.readline()
    batch = [finished(record())]
    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(StoreBusy):
            store.commit(batch, {})
        assert time.monotonic() - begun < 5
    other = SqliteStore(tmp_path, Tally().count)
    other.close()
    locker.communicate(b"\n")

    assert store.totals() == other.totals()

    assert 1 == store.commit(batch, {}).inserted
    assert 2 == len(rows(tmp_path))


def test_reader_keeps_a_sync_from_finishing_not_a_commit(tmp_path: Path, store: SqliteStore) -> None:
    """A long reader holds the log back: then segments must stay, but rows go on being written."""
    store.commit([finished(record())], {})
    assert store.sync()
    reader = sqlite3.connect(tmp_path / DAY, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM exchanges").fetchone()
    store.commit([finished(record())], {})
    held_back = store.sync()
    reader.execute("ROLLBACK")
    reader.close()

    assert not held_back
    assert store.sync()


CHILD = """
import sys
from pathlib import Path
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, DAY_MS, finished, record
store = SqliteStore(Path(sys.argv[1]), Tally().count)
position = store.watermarks().get("a.seg", 0)
records = [record(NOON_MS + (number % 2) * DAY_MS, session=str(number)) for number in range(20_000)]
print("begun", flush=True)
while position < len(records):
    batch = records[position:position + 25]
    position += 25
    store.commit([finished(one, b"x" * 3000, b"y" * 3000) for one in batch], {"a.seg": position})
"""


def test_killed_writer_leaves_sound_files_and_exact_books(tmp_path: Path) -> None:
    """kill -9 at any moment, again and again: files stay sound, no row twice, totals are those of the rows."""
    for life in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        assert b"begun\n" == child.stdout.readline()
        time.sleep(0.05 + 0.15 * life)  # the last of them has committed something by then
        child.kill()
        child.communicate()
        found = rows(tmp_path)
        store = SqliteStore(tmp_path, Tally().count)
        assert counted(found) == nonzero(store.totals())
        sums_agree(tmp_path)
        assert len(found) >= store.watermarks().get("a.seg", 0)
        assert len(found) == len({one.id for one in found})
        store.close()
    assert found


def test_broken_newest_file_is_put_aside(tmp_path: Path) -> None:
    """A file that is no database any more stops nobody: it gets another name, and a new one is begun."""
    (tmp_path / "2026-11-22.db").write_bytes(b"")
    (tmp_path / DAY).write_bytes(b"this is no database, but long enough to look at" * 100)
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    store.close()

    assert 1 == len(rows(tmp_path))
    assert 2 == len(list(tmp_path.glob("*.corrupt-*")))


def test_damage_inside_the_newest_file_is_found_at_start(tmp_path: Path) -> None:
    """After an unclean end the newest file is checked as a whole, not only where it happens to be read."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record(), b"x" * 5000) for _ in range(500)], {})
    store.close()
    path = tmp_path / DAY
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\xff" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    Path(f"{path}-wal").write_bytes(b"")
    store = SqliteStore(tmp_path, Tally().count)

    assert 1 == len(list(tmp_path.glob(f"{DAY}.corrupt-*")))
    assert 1 == store.commit([finished(record())], {}).inserted
    store.close()


def test_deleted_day_file_is_begun_anew(tmp_path: Path, store: SqliteStore) -> None:
    """Retention may unlink a day file at any time; what still comes for that day gets a new one."""
    store.commit([finished(record())], {})
    for path in tmp_path.glob(f"{DAY}*"):
        path.unlink()

    assert 1 == store.commit([finished(record())], {}).inserted
    assert 1 == len(rows(tmp_path))


def test_newer_schema_is_refused_with_the_command(tmp_path: Path, store: SqliteStore) -> None:
    """A file of a later release is not touched, and the message says what to run."""
    store.commit([finished(record())], {})
    store.close()
    connection = sqlite3.connect(tmp_path / DAY)
    connection.execute("UPDATE meta SET value = '99'")
    connection.commit()
    connection.close()

    with pytest.raises(StoreRefused, match="pip install --upgrade tollway"):
        SqliteStore(tmp_path, Tally().count)


def test_bodies_of_amendments_are_put_together(tmp_path: Path, store: SqliteStore) -> None:
    """Bytes behind the end are added at their place, and a replay adds them once."""
    one = record(response_bytes=9)
    store.commit([finished(one, b"ask", b"first")], {})
    more = finished(one, None, None, amends=True)._replace(response=[(1, 5, b"more")])
    for _ in range(2):
        store.commit([more], {})

    (packed,) = store._file(tmp_path / DAY).sql.execute(
        "SELECT codec, request_kept, response_kept, layout, bodies FROM contents"
    )
    assert ([(0, b"ask")], [(0, b"firstmore")]) == unpack(packed)


def test_insertion_numbers_never_go_back(tmp_path: Path) -> None:
    """A follower's number stays good over restarts, and even if the newest file is lost."""
    numbers = []
    for _ in range(2):
        store = SqliteStore(tmp_path, Tally().count)
        store.commit([finished(record())], {})
        numbers += [seq for (seq,) in store._file(tmp_path / DAY).sql.execute("SELECT max(seq) FROM exchanges")]
        store.close()
    (tmp_path / DAY).unlink()
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(record())], {})
    numbers += [seq for (seq,) in store._file(tmp_path / DAY).sql.execute("SELECT max(seq) FROM exchanges")]
    store.close()

    assert sorted(set(numbers)) == numbers


def test_totals_can_be_read_from_another_thread(store: SqliteStore) -> None:
    """A scrape during commits sees whole commits: the team's requests always equal all requests."""
    seen: list[dict[str, int]] = []
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            sums: dict[str, int] = {}
            for (metric, _, _), value in store.totals().items():
                sums[metric] = sums.get(metric, 0) + value
            seen.append(sums)

    thread = threading.Thread(target=scrape)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    for _ in range(20):
        store.commit([finished(record(team=f"team{number}")) for number in range(50)], {})
    stop.set()
    thread.join()
    sys.setswitchinterval(before)

    assert all(sums.get("tollway_requests") == sums.get("tollway_team_requests") for sums in seen)


def test_only_a_few_files_stay_open(tmp_path: Path, store: SqliteStore) -> None:
    """Late exchanges of many days do not pile up open files."""
    for day in range(10):
        store.commit([finished(record(NOON_MS - day * DAY_MS))], {})

    assert sqlite_module.OPEN_FILES == len(store._files)
    assert 10 == len(list(tmp_path.glob("*.db")))


def test_only_days_of_a_holder_are_looked_at(tmp_path: Path, store: SqliteStore) -> None:
    """A worker that lived for an hour costs one file or two, not all that there are; now and after a restart."""
    for day, holder in enumerate(("w1", "w1", "w2", "w3", "w1")):
        one = record(NOON_MS + day * DAY_MS, holder=holder, holds=[Hold("a", 0, "usd", 9, charged=10**day)])
        store.commit([finished(one)], {})
    store.close()
    again = SqliteStore(tmp_path, Tally().count)
    for one in (store, again):
        assert [{("a", 0): 10011}, {("a", 0): 100}] == [one.spent(holder) for holder in ("w1", "w2")]
        one.close()
        one.spent("w2")

        assert ["2026-11-25.db"] == [path.name for path in one._files]
        one.close()


def test_a_day_that_was_removed_is_no_longer_charged(tmp_path: Path, store: SqliteStore) -> None:
    """And nothing fails for it."""
    store.commit([finished(record(holder="w1", holds=[Hold("a", 0, "usd", 9, charged=5)]))], {})
    store.close()
    for path in tmp_path.glob("*"):
        path.unlink()

    assert {} == store.spent("w1")
    assert [] == list(tmp_path.glob("*"))


def test_charges_are_found_by_their_holder(tmp_path: Path, store: SqliteStore) -> None:
    """Not by going through all of them; and what became known late by an index of its own."""
    store.commit([finished(record())], {})
    with contextlib.closing(sqlite3.connect(tmp_path / DAY)) as sql:
        plans = [
            sql.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()[0][-1]
            for query, values in ((schema.SPENT, ("w1",)), (schema.LATE, ()))
        ]

    assert "SEARCH charges USING PRIMARY KEY" in plans[0]
    assert "INDEX late_charges" in plans[1]
