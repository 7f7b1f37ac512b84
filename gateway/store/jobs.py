"""Which work still goes on at the providers, and what became known of the rest? A small file beside the day files.

Workers see one side each: one asked for a background response or a batch, another fetched its result. The recorder sees
both, in no particular order, and perhaps again after a crash. What it knows of a job stands here, committed before the
store's rows are; what is owed to the store (an amendment of the row that asked) is owed until the store has synced it.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from gateway.core.charging import correct
from gateway.core.ids import started_ms
from gateway.core.record import Job, Record, decode, encode
from gateway.core.usage import Usage
from gateway.journal.reader import Finished
from gateway.store.dayfile import LOCK_WAIT_S, PutAside, is_broken, newer_schema, put_aside
from gateway.store.interface import StoreBusy, StoreRefused

FILE_NAME = "jobs.db"
VERSION = 1
HOUR_MS = 3_600_000
# When nobody has fetched a result: a response is fetched within minutes, or by a webhook that we do not see. Batches
# may take a day, and their results are there for a month: until then their real cost may still become known.
LAPSE_MS = 24 * HOUR_MS
BATCH_LAPSE_MS = 30 * 24 * HOUR_MS
# A closed job is remembered for longer than any journal could still be read again.
CLOSED_KEPT_MS = 30 * 24 * HOUR_MS
# An answer about a job that nobody asked for here, unless that is only read later.
ANSWER_KEPT_MS = 24 * HOUR_MS
ANSWERS_MOST = 10_000
RAW_MOST_BYTES = 64 * 1024
CHECK_MS = 60_000
AT_ONCE = 1_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    provider TEXT NOT NULL, id TEXT NOT NULL,
    exchange BLOB NOT NULL, record BLOB NOT NULL, state TEXT NOT NULL,
    lapses_ms INTEGER NOT NULL, closed_ms INTEGER, owed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (provider, id)
);
CREATE INDEX IF NOT EXISTS open_jobs ON jobs (lapses_ms) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS closed_jobs ON jobs (closed_ms) WHERE state != 'open';
CREATE INDEX IF NOT EXISTS owed_jobs ON jobs (owed) WHERE owed = 1;
CREATE TABLE IF NOT EXISTS answers (
    provider TEXT NOT NULL, id TEXT NOT NULL, told BLOB NOT NULL, seen_ms INTEGER NOT NULL,
    UNIQUE (provider, id)
);
CREATE INDEX IF NOT EXISTS old_answers ON answers (seen_ms);
"""
FIND = "SELECT rowid, exchange, record, state FROM jobs WHERE provider = ? AND id = ?"
OPEN = "INSERT INTO jobs (provider, id, exchange, record, state, lapses_ms) VALUES (?,?,?,?,'open',?)"
CLOSE = "UPDATE jobs SET record = ?, state = ?, closed_ms = ?, owed = 1 WHERE rowid = ?"
LAPSED = "SELECT rowid, record FROM jobs WHERE state = 'open' AND lapses_ms <= ? ORDER BY lapses_ms LIMIT ?"
REMEMBER = """INSERT INTO answers VALUES (?,?,?,?)
    ON CONFLICT (provider, id) DO UPDATE SET seen_ms = excluded.seen_ms"""
UNSETTLED = "SELECT exchange FROM jobs WHERE state = 'open' UNION SELECT exchange FROM jobs WHERE owed = 1"
FORGET_JOBS = "DELETE FROM jobs WHERE state != 'open' AND closed_ms < ? AND owed = 0"
FORGET_ANSWERS = "DELETE FROM answers WHERE seen_ms < ?"
FORGET_SURPLUS = (
    "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers ORDER BY seen_ms DESC LIMIT -1 OFFSET ?)"
)


class Told(msgspec.Struct):
    """What the end of some work told: its usage, and the model that did it."""

    usage: Usage
    model: str | None = None


# Book a cost that became known: into this record, from what was told, with this state of its job (booked | lapsed).
Book = Callable[[Record, Told, str], None]

_log = logging.getLogger("tollway.store")
_encode_told = msgspec.json.Encoder().encode
_decode_told = msgspec.json.Decoder(Told).decode


class Jobs:
    """The jobs of one store. One thread uses it; `open_now`, how many go on, is for all. Every method may raise
    StoreBusy: nothing happened then, and the same call is made again.

    There is no file before there was a job.
    """

    def __init__(self, folder: Path, book: Book, now_s: Callable[[], float] = time.time) -> None:
        self.open_now = 0
        self._path = folder / FILE_NAME
        self._book = book
        self._now_s = now_s
        self._sql: sqlite3.Connection | None = None
        self._checked_ms = -CHECK_MS
        self._owed: list[int] = []  # amendments that the store was not given yet, by row
        self._given: list[int] = []  # those that it was given, and may not have synced
        self._given_ms = 0
        if self._path.exists():
            with suppress(PutAside), self._translated():
                self._connect()

    def take(self, batch: list[Finished]) -> list[Finished]:
        """Learn from a batch what it says of jobs; return it as it is to be stored. The same batch may come again."""
        if not [one for one in batch if one.record.job is not None and _matters(one.record.job)]:
            return batch
        with self._transaction() as owed:
            return [self._learn(one, owed) if one.record.job is not None else one for one in batch]

    def due(self) -> list[Finished]:
        """Return amendments that are owed to the store, those of jobs that have lapsed by now among them.

        Only for when all that stands in the journal was taken: an amendment must not come before its exchange, nor a
        job lapse whose answer lies there unread.
        """
        if self._sql is None:
            return []
        now_ms = int(self._now_s() * 1000)
        if not 0 <= now_ms - self._checked_ms < CHECK_MS:
            self._check(now_ms)
        rows = self._owed[:AT_ONCE]
        with self._translated():
            amendments = [one for row in rows for one in self._amendment(row)]
        self._owed = self._owed[AT_ONCE:]
        if rows and not self._given:
            self._given_ms = now_ms
        self._given += rows
        return amendments

    def unsettled(self) -> list[bytes]:
        """Return the ids of exchanges whose rows are still to be amended."""
        if self._sql is None:
            return []
        with self._translated():
            return [key for (key,) in self._sql.execute(UNSETTLED)]

    def wants_sync(self) -> bool:
        """Tell whether the store was given something a while ago that it has perhaps not synced."""
        return bool(self._given) and not 0 <= int(self._now_s() * 1000) - self._given_ms < CHECK_MS

    def synced(self) -> None:
        """Note that the store has synced everything that it was given."""
        if self._given:
            with self._transaction():
                self._db().executemany("UPDATE jobs SET owed = 0 WHERE rowid = ?", [(row,) for row in self._given])
            self._given.clear()

    def close(self) -> None:
        """Close the file."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    # ---- what exchanges say ---------------------------------------------------------------------------------------

    def _learn(self, one: Finished, owed: list[int]) -> Finished:
        job = one.record.job
        if job is None or not _matters(job):
            return one
        name = (one.record.provider or "", job.id)
        found = self._db().execute(FIND, name).fetchone()
        if job.state == "open":
            return self._asked(one, name, found, owed)
        told = _told(one.record, job.usage or Usage())
        if found is None:
            # Nobody asked for it, or it is only read later who did.
            values = (*name, told, int(self._now_s() * 1000))
            self._db().execute(REMEMBER, values)
        elif found[3] == "open":
            self._end(found[0], decode(found[2]), _decode_told(told), "booked", owed)
        return one

    def _asked(
        self, one: Finished, name: tuple[str, str], found: tuple[int, bytes, bytes, str] | None, owed: list[int]
    ) -> Finished:
        if found is None:
            lapse_ms = BATCH_LAPSE_MS if one.record.endpoint == "batch" else LAPSE_MS
            values = (*name, one.key, one.meta, started_ms(one.record.id) + lapse_ms)
            row = self._db().execute(OPEN, values).lastrowid
            answer = self._db().execute("DELETE FROM answers WHERE provider = ? AND id = ? RETURNING told", name)
            for (told,) in answer.fetchall():
                self._end(row or 0, decode(one.meta), _decode_told(told), "booked", owed)
            return one
        row, exchange, meta, state = found
        if exchange != one.key:
            # The same work under the same name, asked for twice: it is billed once.
            return _seen_again(one, Job(id=name[1], state="seen"))
        if one.amends:
            if state != "open":
                one = _with_booking(one, decode(meta))
            self._db().execute("UPDATE jobs SET record = ? WHERE rowid = ?", (one.meta, row))
        return one

    def _end(self, row: int, record: Record, told: Told, state: str, owed: list[int]) -> None:
        self._book(record, told, state)
        self._db().execute(CLOSE, (encode(record), state, int(self._now_s() * 1000), row))
        owed.append(row)

    def _check(self, now_ms: int) -> None:
        """Let jobs lapse that nobody asked about, and forget what no longer matters."""
        with self._transaction() as owed:
            lapsed = self._db().execute(LAPSED, (now_ms, AT_ONCE)).fetchall()
            for row, meta in lapsed:
                record = decode(meta)
                guess = record.job.usage if record.job is not None else None
                self._end(row, record, Told(guess or Usage()), "lapsed", owed)
            self._db().execute(FORGET_JOBS, (now_ms - CLOSED_KEPT_MS,))
            self._db().execute(FORGET_ANSWERS, (now_ms - ANSWER_KEPT_MS,))
            self._db().execute(FORGET_SURPLUS, (ANSWERS_MOST,))
        if len(lapsed) < AT_ONCE:
            self._checked_ms = now_ms

    def _amendment(self, row: int) -> Iterator[Finished]:
        for key, meta in self._db().execute("SELECT exchange, record FROM jobs WHERE rowid = ?", (row,)):
            yield Finished(key, decode(meta), meta, [], [], amends=True)

    # ---- the file -------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[list[int]]:
        """Commit what happens inside, or nothing of it; rows that end up in the given list are owed from then on."""
        owed: list[int] = []
        with self._translated():
            if self._sql is None or not self._path.exists():
                self._connect()
            sql = self._db()
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield owed
                sql.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    sql.execute("ROLLBACK")
                raise
            self._owed += owed
            (self.open_now,) = sql.execute("SELECT count(*) FROM jobs WHERE state = 'open'").fetchone()

    def _connect(self) -> None:
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            for suffix in ("-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)  # of a file that somebody removed
        sql = sqlite3.connect(self._path, isolation_level=None, timeout=LOCK_WAIT_S)
        try:
            (version,) = sql.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise StoreRefused(newer_schema(self._path, str(version), VERSION))
            # Segments of the journal are deleted once the store has synced: what stands here must be on the disk then.
            sql.execute("PRAGMA journal_mode=WAL")
            sql.execute("PRAGMA synchronous=FULL")
            sql.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            self._owed = [row for (row,) in sql.execute("SELECT rowid FROM jobs WHERE owed = 1 ORDER BY closed_ms")]
            self._given.clear()
            (self.open_now,) = sql.execute("SELECT count(*) FROM jobs WHERE state = 'open'").fetchone()
        except BaseException:
            sql.close()
            raise
        self._sql = sql

    def _db(self) -> sqlite3.Connection:
        if self._sql is None:
            raise StoreBusy(f"{self._path} is not open")
        return self._sql

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into StoreBusy; a broken file gets out of the way."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise StoreBusy(f"{self._path}: {error}") from error
            self.close()
            aside = put_aside(self._path)
            said = f"{self._path} is damaged ({error}): moved to {aside}"
            _log.error("%s; what work went on is forgotten, and stays at cost 0", said)
            raise PutAside(said) from error


def _matters(job: Job) -> bool:
    """Tell whether a job's state changes anything: that work was only seen to go on does not."""
    return job.state == "open" or (job.state == "seen" and job.usage is not None)


def _told(record: Record, usage: Usage) -> bytes:
    """Write down what an answer told, less what a provider wrote at length: that stands in the answer's own row."""
    if len(bytes(usage.raw)) > RAW_MOST_BYTES:
        usage = msgspec.structs.replace(usage, raw=Usage().raw)
    return _encode_told(Told(usage, record.model_served))


def _seen_again(one: Finished, job: Job) -> Finished:
    """Take the work for another exchange's: what was charged for it here is given back."""
    holds = [msgspec.structs.replace(hold) for hold in one.record.holds]
    record = msgspec.structs.replace(one.record, job=job, holds=holds)
    correct(record)
    return one._replace(record=record, meta=encode(record))


_BOOKED_FIELDS: Sequence[str] = (
    "job", "usage", "usage_source", "cost_nano_usd", "price_source", "price_version", "rates", "model_served",
    "holds",
)  # fmt: skip


def _with_booking(one: Finished, booked: Record) -> Finished:
    """Keep what was booked in a record that its worker wrote once more."""
    record = msgspec.structs.replace(one.record, **{name: getattr(booked, name) for name in _BOOKED_FIELDS})
    return one._replace(record=record, meta=encode(record))
