"""One SQLite day file, opened for its only writer: settings, schema, transactions, checkpoints."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from gateway.store import schema, texts
from gateway.store.interface import StoreBusy, StoreRefused
from gateway.store.judging import Strata
from gateway.store.naming import Naming

LOCK_WAIT_S = 0.25  # then the batch waits in the recorder, which has other things to do
TRUNCATE_BYTES = 256 * 1024 * 1024

_SIDE_FILES = ("", "-wal", "-shm")


class PutAside(StoreBusy):
    """The file was broken and got out of the way under another name; the next try begins a new one."""


class DayFile:
    """A day file open for writing. `written_bytes` grows with commits and is set to 0 by a checkpoint.

    `full_text`: whether a file that is made now gets an index over its bodies; `has_index`: whether this one has it.
    """

    def __init__(self, path: Path, *, full_text: bool = False) -> None:
        self.path = path
        self.written_bytes = 0
        self.unsynced = False
        if not path.exists():
            _make(path, schema.SCHEMA + schema.VIEW + (texts.SCHEMA if full_text else ""))
        self.was_left_open = Path(f"{path}-wal").exists()
        self.sql = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_S)
        self._naming: Naming | None = None
        self._strata: Strata | None = None
        try:
            refuse_other_schema(self.path, self.sql.execute(schema.SELECT_VERSION).fetchone())
            # Decided when the file was made: an index that lacks some of its rows would hide them.
            self.has_index = self.sql.execute(texts.HAS_INDEX).fetchone() is not None
            # The journal is the durable copy until a checkpoint, so a commit need not wait for the disk.
            self.sql.execute("PRAGMA synchronous=NORMAL")
            self.sql.execute("PRAGMA wal_autocheckpoint=0")
        except BaseException:
            self.sql.close()
            raise

    @property
    def name(self) -> str:
        """Its own name, that no other file has."""
        ((name,),) = self.sql.execute(schema.SELECT_META, (schema.FILE,)).fetchall()
        return str(name)

    def check(self) -> None:
        """Raise DatabaseError if the file is damaged."""
        (found,) = self.sql.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")

    @property
    def naming(self) -> Naming:
        """The numbers of what exchanges have in common; to be asked within a transaction."""
        self._naming = self._naming or Naming(self.sql)
        return self._naming

    @property
    def strata(self) -> Strata:
        """The numbers of what evaluations have in common; as `naming`."""
        self._strata = self._strata or Strata(self.sql)
        return self._strata

    def forget_numbers(self) -> None:
        """Look up anew what has which number."""
        self._naming = self._strata = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside, or nothing of it."""
        # IMMEDIATE: a transaction that turns to writing later would fail at once instead of waiting for a lock.
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.sql.execute("COMMIT")
        except BaseException:
            self.forget_numbers()  # some of them are gone
            with suppress(sqlite3.Error):
                self.sql.execute("ROLLBACK")
            raise
        self.unsynced = True

    def checkpoint(self) -> bool:
        """Fold the log into the file and sync both; False: a reader still uses a part of the log."""
        wal = Path(f"{self.path}-wal")
        mode = "TRUNCATE" if wal.exists() and wal.stat().st_size > TRUNCATE_BYTES else "PASSIVE"
        busy, logged, moved = self.sql.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        self.written_bytes = 0
        if busy or logged != moved:
            return False
        self.unsynced = False
        return True

    def close(self) -> None:
        """Close the file; where nobody else reads, this folds the log in."""
        self.sql.close()


def _make(path: Path, tables: str) -> None:
    """Make an empty day file under another name: readers must never see one without its tables.

    The folder, too: somebody may have removed it under the running recorder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f"{path.name}.new")
    for suffix in _SIDE_FILES:
        Path(f"{hidden}{suffix}").unlink(missing_ok=True)  # of a process that was killed here
    sql = sqlite3.connect(hidden, isolation_level=None)
    try:
        sql.execute(f"PRAGMA page_size={schema.PAGE_BYTES}")
        # What retention frees is given back in small steps. Can be said only here.
        sql.execute("PRAGMA auto_vacuum=INCREMENTAL")
        sql.execute("PRAGMA journal_mode=WAL")
        sql.executescript(tables)
        sql.execute(schema.INSERT_META, ("schema_version", str(schema.VERSION)))
        sql.execute(schema.INSERT_META, (schema.FILE, uuid4().hex))
    finally:
        sql.close()
    hidden.rename(path)


def refuse_other_schema(path: Path, row: Sequence[str] | None) -> None:
    """Raise StoreRefused unless a file has this release's tables; the message says what to do."""
    version = int(row[0]) if row else 0
    if version > schema.VERSION:
        raise StoreRefused(newer_schema(path, str(version)))
    if version < schema.VERSION:
        raise StoreRefused(
            f"{path} was written by an earlier release (schema {version}, this one reads {schema.VERSION}): "
            "move it away, and read it with that release"
        )


def newer_schema(path: Path, version: str, known: int = schema.VERSION) -> str:
    """Say what to do about a file of a later release."""
    return (
        f"{path} was written by a newer release (schema {version}, this one reads up to {known}): "
        "run `pip install --upgrade tollway`, or move the file away"
    )


def put_aside(path: Path) -> Path:
    """Move a broken file out of the way, with what belongs to it."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}").touch()  # from now on its time counts
    return aside


def unlink(path: Path) -> None:
    """Delete a file with what belongs to it; itself first, so that whoever opens it then finds nothing at all."""
    for suffix in _SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def is_broken(error: sqlite3.DatabaseError) -> bool:
    """Whether an error says that the file itself is damaged, not that it cannot be used now."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return "malformed" in str(error) or "no such table" in str(error)
