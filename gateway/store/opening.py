"""How is a file of the store opened for reading? Read-only, by whoever may read it, and for no longer than agreed."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from gateway.store import schema
from gateway.store.bodies import decompress
from gateway.store.dayfile import refuse_other_schema
from gateway.store.texts import needles

# SQLite asks about the deadline each so many steps of its machine: about a millisecond.
_STEPS = 20_000
_ROWS_AT_ONCE = 256


class QueryTimeout(Exception):
    """The answer takes longer than the deadline allows: ask for less."""


class Deadline:
    """Until when an answer may take; whoever no longer waits for it calls it off."""

    def __init__(self, allowed_s: float) -> None:
        self._allowed_s = allowed_s
        self._end = time.monotonic() + allowed_s

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() > self._end

    def call_off(self) -> None:
        """Let it be over now."""
        self._end = 0.0

    def exceeded(self) -> QueryTimeout:
        """Make the error that says so."""
        return QueryTimeout(f"this takes longer than {self._allowed_s:g} s: ask for less")


@asynccontextmanager
async def watched(path: Path, deadline: Deadline) -> AsyncIterator[aiosqlite.Connection]:
    """Open a file for whoever reads on and on between other work; as `opened` does."""
    if deadline.has_passed:
        raise deadline.exceeded()
    connection = aiosqlite.Connection(lambda: connect(path), _ROWS_AT_ONCE)
    try:
        async with connection as db:
            await db.set_progress_handler(lambda: deadline.has_passed, _STEPS)
            await db.create_function("has_text", 3, _text_search(deadline), deterministic=True)
            try:
                yield db
            except asyncio.CancelledError:
                deadline.call_off()  # closing waits for what runs
                raise
    except sqlite3.OperationalError as error:
        if deadline.has_passed:
            raise deadline.exceeded() from error
        raise
    finally:
        # A task that is cancelled while it connects leaves the thread at work, and that tells a loop that may be closed
        # by then. It is in the middle of next to nothing.
        deadline.call_off()
        connection._thread.join()


@contextmanager
def opened(path: Path, deadline: Deadline) -> Iterator[sqlite3.Connection]:
    """Open a file. Raise QueryTimeout once the deadline has passed, StoreRefused for tables of another release,
    FileNotFoundError where retention has removed it meanwhile.
    """
    if deadline.has_passed:
        raise deadline.exceeded()
    sql = connect(path)
    try:
        sql.set_progress_handler(lambda: deadline.has_passed, _STEPS)
        sql.create_function("has_text", 3, _text_search(deadline), deterministic=True)
        yield sql
    except sqlite3.OperationalError as error:
        if deadline.has_passed:
            raise deadline.exceeded() from error
        raise
    finally:
        sql.close()


def connect(path: Path) -> sqlite3.Connection:
    """Connect to a file of this release for reading; any thread may use it, one at a time.

    Raise FileNotFoundError where there is none.
    """
    try:
        return _connect(path)
    except sqlite3.OperationalError as error:
        if not path.exists():
            raise FileNotFoundError(path) from error
        raise


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}"
    sql = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    try:
        try:
            version = sql.execute(schema.SELECT_VERSION).fetchone()
        except sqlite3.OperationalError:
            if os.path.exists(f"{path}-wal"):  # noqa: PTH110 one stat of a local file
                raise
            # A cleanly closed file in a folder where this user may not create the side files that reading needs.
            sql.close()
            sql = sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None, check_same_thread=False)
            version = sql.execute(schema.SELECT_VERSION).fetchone()
        refuse_other_schema(path, version)
    except BaseException:
        sql.close()
        raise
    return sql


def _text_search(deadline: Deadline) -> Callable[[int | None, bytes | None, str], bool]:
    """Make the function that searches both bodies, without regard to the case of ASCII letters.

    It takes text as JSON would escape it, too. It looks at the clock itself: in SQLite's steps it is a single one.
    """

    def has_text(codec: int | None, bodies: bytes | None, wanted: str) -> bool:
        if deadline.has_passed:
            raise deadline.exceeded()
        plain = decompress((codec, None, None, None, bodies)).lower()
        return any(needle.encode().lower() in plain for needle in needles(wanted))

    return has_text
