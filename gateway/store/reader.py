"""Reading the day files: lists by filters, one exchange with its bodies, sums; never writes, never for long."""

import math
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import DatabaseError, OperationalError
from urllib.parse import quote

import aiosqlite
import msgspec

from gateway.core.record import Record, decode
from gateway.store import schema
from gateway.store.bodies import decompress
from gateway.store.dayfile import refuse_other_schema
from gateway.store.dayview import SUMS, DayView, exchange_of
from gateway.store.filters import BadFilter, conditions, id_bounds, key_of
from gateway.store.interface import (
    GROUPS,
    AmbiguousId,
    Exchange,
    NoSuchExchange,
    Page,
    Query,
    Spend,
)
from gateway.store.rollups_file import folded_days

DEADLINE_S = 10.0
# SQLite asks about the deadline each so many steps of its machine: about a millisecond.
_STEPS = 20_000
# Late exchanges go to the file of the day on which they began, so a follower looks at the newest few.
_FOLLOWED_FILES = 3

_GROUP_COLUMNS = {
    "team": "team",
    "key": "team || '/' || key",
    "model": f"coalesce({schema.EXPRESSIONS['model_served']}, {schema.EXPRESSIONS['model_requested']}, '-')",
    "provider": f"coalesce({schema.EXPRESSIONS['provider']}, '-')",
    "day": "?",
}
_FOLLOWED = "FROM contents CROSS JOIN exchanges USING (id, seq) WHERE"
_FROM = "FROM exchanges JOIN contents USING (seq) WHERE"


class QueryTimeout(Exception):
    """The answer takes longer than the deadline allows: ask for less."""


class StoreReader:
    """Query the day files of `folder`; works with or without a running gateway, also before there is any file."""

    def __init__(self, folder: Path, *, deadline_s: float = DEADLINE_S) -> None:
        self._folder = folder
        self._deadline_s = deadline_s

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever stored here."""
        return not self._days()

    async def exchanges(self, query: Query) -> Page:
        """Return the newest exchanges that match; if time runs out, those found so far."""
        clauses, values = conditions(query).rows
        sql = f"SELECT record {_FROM} {clauses} ORDER BY exchanges.id DESC LIMIT ?"
        deadline = time.monotonic() + self._deadline_s
        records: list[Record] = []
        complete = True
        try:
            for day in self._days_within(query):
                bound = (*values, query.limit + 1 - len(records))
                async with self._connect(day, deadline) as db, db.execute(sql, bound) as cursor:
                    # Row by row: what was found before the deadline is kept.
                    async for (meta,) in cursor:
                        records.append(decode(meta))
                if len(records) > query.limit:
                    break
        except QueryTimeout:
            complete = False
        shown = records[: query.limit]
        more = len(records) > query.limit or not complete
        return Page(shown, shown[-1].id if shown and more else None, complete)

    async def exchange(self, id_or_prefix: str) -> Exchange:
        """Return one exchange by its id or the beginning of it."""
        lowest, highest = id_bounds(id_or_prefix)
        deadline = time.monotonic() + self._deadline_s
        found: list[Exchange] = []
        for day in self._days(_ms_of(lowest), _ms_of(highest)):
            async with self._connect(day, deadline) as db:
                rows = await db.execute_fetchall(schema.SELECT_BETWEEN, (lowest, highest))
                found += [exchange_of(row) for row in rows]
        if not found:
            raise NoSuchExchange(f"no exchange with id {id_or_prefix}")
        if len(found) > 1:
            raise AmbiguousId(f"several ids begin with {id_or_prefix}: {found[0].record.id}, {found[1].record.id}, …")
        return found[0]

    async def spend(self, by: str, *, since_ms: int | None = None, until_ms: int | None = None) -> list[Spend]:
        """Add up requests, tokens and cost by team, key, model, day or provider, dearest first (days in order)."""
        if by not in GROUPS:
            raise BadFilter("by", f"one of {', '.join(GROUPS)}, not {by!r}")
        query = Query(since_ms=since_ms, until_ms=until_ms)
        clauses, values = conditions(query).rows
        named = "exchanges CROSS JOIN kinds USING (kind)"
        sql = f"SELECT {_GROUP_COLUMNS[by]}, {SUMS} FROM {named} WHERE {clauses} GROUP BY 1"  # noqa: S608 clauses are ours, values are bound
        deadline = time.monotonic() + self._deadline_s
        found: dict[str, Spend] = {}
        for day in self._days_within(query):
            async with self._connect(day, deadline) as db:
                bound = (day.stem, *values) if by == "day" else values
                for name, *numbers in await db.execute_fetchall(sql, bound):
                    found.setdefault(name, Spend(name=name)).add(*numbers)
        if by == "day":
            return sorted(found.values(), key=lambda spend: spend.name)
        return sorted(found.values(), key=lambda spend: (-spend.cost_nano_usd, spend.name))

    def days(self, query: Query) -> list[str]:
        """Name the days within a query's bounds that have a file, oldest first."""
        return [path.stem for path in reversed(self._days_within(query))]

    def folded(self, query: Query) -> list[str]:
        """Name the days within a query's bounds of which only the sums are left, oldest first."""
        first = "" if query.since_ms is None else _day(query.since_ms)
        last = "~" if query.until_ms is None else _day(query.until_ms)
        return [day for day in folded_days(self._folder) if first <= day <= last]

    @asynccontextmanager
    async def view(self, day: str, query: Query) -> AsyncIterator[DayView]:
        """Look at what matches of a day as it is at this instant, without a deadline.

        As long as that lasts, what is committed to its file meanwhile cannot be folded into it.
        """
        async with self._connect(self._folder / f"{day}.db", math.inf) as db:
            db.text_factory = _as_text
            await db.execute("BEGIN")
            await db.execute_fetchall("SELECT 1 FROM meta")  # from here on nothing changes for us
            yield DayView(day, db, query, whole=_is_whole(day, query))

    async def last_seq(self) -> int:
        """Return the newest insertion number: where a follower begins."""
        _, highest = await self.follow((1 << 63) - 1, Query())
        return highest

    async def follow(self, after: int, query: Query) -> tuple[list[Record], int]:
        """Return what matches and was stored after number `after`, in order of storing, and the newest number."""
        clauses, values = conditions(query).rows
        sql = f"SELECT seq, record {_FOLLOWED} seq > ? AND {clauses}"
        deadline = time.monotonic() + self._deadline_s
        found: list[tuple[int, Record]] = []
        newest = 0
        # Newest file first: a batch commits to older files first, so nothing numbered lower can appear later.
        for day in self._days()[:_FOLLOWED_FILES]:
            async with self._connect(day, deadline) as db:
                await db.execute("BEGIN")  # one view for both, so that the number fits the rows
                for (seq,) in await db.execute_fetchall("SELECT coalesce(max(seq), 0) FROM contents"):
                    newest = max(newest, seq)
                async with db.execute(sql, (after, *values)) as cursor:
                    found += [(seq, decode(meta)) async for seq, meta in cursor]
        return [record for _, record in sorted(found, key=lambda pair: pair[0])], newest

    def _days(self, first_ms: int | None = None, last_ms: int | None = None) -> list[Path]:
        """List the day files, newest first."""
        first = "" if first_ms is None else _day(first_ms)
        last = "~" if last_ms is None else _day(last_ms)
        paths = sorted(self._folder.glob("????-??-??.db"), reverse=True)
        return [path for path in paths if first <= path.stem <= last]

    def _days_within(self, query: Query) -> list[Path]:
        ends = [] if query.until_ms is None else [query.until_ms]
        if query.before is not None:
            ends.append(_ms_of(key_of(query.before)))
        return self._days(query.since_ms, min(ends, default=None))

    @asynccontextmanager
    async def _connect(self, path: Path, deadline: float) -> AsyncIterator[aiosqlite.Connection]:
        """Open a day file read-only; raise QueryTimeout once the deadline has passed."""
        db = await _open(path)
        try:
            await db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            await db.create_function("has_text", 3, _text_search(deadline), deterministic=True)
            await _refuse_other_schema(db, path)
            yield db
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise QueryTimeout(f"this takes longer than {self._deadline_s:g} s: ask for less") from error
            raise
        finally:
            await db.close()


async def _open(path: Path) -> aiosqlite.Connection:
    uri = f"file:{quote(str(path))}"
    db = await aiosqlite.connect(f"{uri}?mode=ro", uri=True, isolation_level=None)
    try:
        await db.execute_fetchall("SELECT 1 FROM sqlite_master")
    except DatabaseError as error:
        await db.close()
        if not isinstance(error, OperationalError) or os.path.exists(f"{path}-wal"):  # noqa: ASYNC240, PTH110 one stat of a local file
            raise
        # A cleanly closed file in a folder where this user may not create the side files that reading usually needs.
        return await aiosqlite.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
    return db


async def _refuse_other_schema(db: aiosqlite.Connection, path: Path) -> None:
    for row in await db.execute_fetchall(schema.SELECT_VERSION):
        refuse_other_schema(path, tuple(row))


def _text_search(deadline: float) -> Callable[[int | None, bytes | None, str], bool]:
    """Make the function that searches both bodies, without regard to the case of ASCII letters.

    It takes text as JSON would escape it, too. It looks at the clock itself: in SQLite's steps it is a single one.
    """

    def has_text(codec: int | None, bodies: bytes | None, wanted: str) -> bool:
        if time.monotonic() > deadline:
            raise QueryTimeout
        plain = decompress((codec, None, None, None, bodies)).lower()
        needles = (wanted.encode(), msgspec.json.encode(wanted)[1:-1], _escaped(wanted))
        return any(needle.lower() in plain for needle in needles)

    return has_text


def _escaped(text: str) -> bytes:
    r"""Write text as JSON encoders do that keep to ASCII: "é" as \u00e9."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes).encode()


def _as_text(data: bytes) -> str:
    """Read text that may be damaged: one such value must not hide the whole day."""
    return data.decode("utf-8", "replace")


def _is_whole(day: str, query: Query) -> bool:
    """Whether a query takes all rows of a day, as far as its bounds in time say."""
    begins_ms = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    from_there = query.since_ms is None or query.since_ms <= begins_ms
    return from_there and (query.until_ms is None or query.until_ms >= begins_ms + schema.DAY_MS)


def _ms_of(key: bytes) -> int:
    return int.from_bytes(key[:6])


def _day(instant_ms: int) -> str:
    """Name the day of an instant; far-off instants are cut to the calendar's range."""
    seconds = min(max(instant_ms // 1000, 0), 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
