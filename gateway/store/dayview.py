"""One day file, row by row, as it is at one instant: for whoever must see all of it, also what cannot be read."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import zstandard

from gateway.core.record import Record, decode
from gateway.store import schema
from gateway.store.bodies import REMOVED, Stretches, unpack
from gateway.store.charges import ChargeKey
from gateway.store.filters import conditions
from gateway.store.interface import Body, Exchange, Query, TotalKey
from gateway.store.scan import bounds
from gateway.store.sums import Asked, add_up

_ROWS_AT_ONCE = 16  # each with its bodies, compressed: what is in memory at a time
_UNREADABLE = (msgspec.MsgspecError, zstandard.ZstdError, TypeError, ValueError)

_COLUMNS = ", ".join([*schema.EXPRESSIONS.values(), *(f"contents.{name}" for name in schema.CONTENTS)])
_NAMED = "LEFT JOIN kinds USING (kind) LEFT JOIN claims USING (claim)"
_ROWS = f"SELECT {_COLUMNS} FROM exchanges {_NAMED} LEFT JOIN contents USING (seq) WHERE"  # noqa: S608 names of ours


class Row(NamedTuple):
    """One row as it stands. `columns`: those of `exchanges`. `fault`: what of it cannot be read, and is None here."""

    columns: Mapping[str, Any]
    record: Record | None
    request: Body | None
    response: Body | None
    fault: str | None = None


class FileSums(NamedTuple):
    """The sums of a file. `rollups`: by step, start and kind; `claims`: by claim; `tags`: by tag, team and key;
    `peaks`: by the second at which a minute starts."""

    rollups: dict[tuple[int, int, int], tuple[int, ...]]
    claims: dict[int, tuple[int, ...]]
    tags: dict[tuple[str, str, str], tuple[int, ...]]
    peaks: dict[int, tuple[int, ...]]


class DayView:
    """The rows of one day that match a query, and the sums over them that the file holds. `whole`: all rows match."""

    def __init__(self, name: str, sql: sqlite3.Connection, query: Query, *, whole: bool) -> None:
        self.name = name
        self.whole = whole
        self._sql = sql
        self._query = query
        self._clauses, self._values = conditions(query)

    async def count(self) -> int:
        """Return how many rows match."""
        ((found,),) = await self._all(f"SELECT count(*) FROM exchanges WHERE {self._clauses}", self._values)  # noqa: S608 clauses are ours, values are bound
        return int(found)

    async def rows(self) -> AsyncIterator[Row]:
        """Give the rows in the order in which they began, a few in memory at a time."""
        cursor = self._sql.execute(f"{_ROWS} {self._clauses} ORDER BY exchanges.id", self._values)
        while found := await asyncio.to_thread(cursor.fetchmany, _ROWS_AT_ONCE):
            for row in found:
                yield row_of(row)

    async def totals(self) -> dict[TotalKey, int]:
        """Return the totals of the whole file."""
        return schema.totals_of(await self._all(schema.SELECT_TOTALS))

    async def removed(self) -> dict[str, int]:
        """Return how many rows of the whole file retention has removed, by team."""
        return dict(await self._all("SELECT team, rows FROM removed WHERE rows > 0"))

    async def charges(self) -> dict[ChargeKey, tuple[int, int]]:
        """Return what the whole file's exchanges were charged: all of it, and the part that became known late."""
        found = await self._all("SELECT holder, series, start_s, amount, late FROM charges")
        return {(holder, series, start_s): (amount, late) for holder, series, start_s, amount, late in found}

    async def spend(self) -> dict[str, Sequence[int]]:
        """Return what `tollway spend` says of these rows: by team, the measures of schema.MEASURES."""
        asked = Asked(self._query, "team", None, buckets=False)
        day_ms = int(datetime.fromisoformat(self.name).replace(tzinfo=UTC).timestamp()) * 1000
        spent: dict[str, Sequence[int]] = {}
        for _, team, _, amounts in add_up(self._sql, asked, day_ms, *bounds(self._query)):
            spent[team] = [sum(pair) for pair in zip(spent.get(team, [0] * len(amounts)), amounts, strict=True)]
        return spent

    async def sums(self) -> FileSums:
        """Return the sums of the whole file, as they stand in its tables."""
        measures = ", ".join(schema.MEASURES)
        rollups = await self._all(f"SELECT step_s, start_s, kind, {measures}, {', '.join(schema.BUCKETS)} FROM rollups")  # noqa: S608 names of ours
        claims = await self._all(f"SELECT claim, {measures} FROM claims")  # noqa: S608 names of ours
        tags = await self._all(f"SELECT tag, team, key, {measures} FROM tags")  # noqa: S608 names of ours
        peaks = await self._all("SELECT * FROM peaks")
        return FileSums(
            {(step_s, start_s, kind): tuple(amounts) for step_s, start_s, kind, *amounts in rollups},
            {claim: tuple(amounts) for claim, *amounts in claims},
            {(tag, team, key): tuple(amounts) for tag, team, key, *amounts in tags},
            {start_s: tuple(amounts) for start_s, *amounts in peaks},
        )

    async def _all(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return await asyncio.to_thread(lambda: self._sql.execute(statement, values).fetchall())


def row_of(row: Sequence[Any]) -> Row:
    """Read a row, as far as it can be read."""
    count = len(schema.COLUMNS)
    columns = dict(zip(schema.COLUMNS, row[:count], strict=True))
    meta, *packed = row[count:]
    record = None
    try:
        record = decode(meta or b"")
        request, response = unpack(tuple(packed))
    except _UNREADABLE as error:
        what = "bodies" if record is not None else "record"
        return Row(columns, record, None, None, f"the {what} cannot be read: {error}")
    return Row(columns, record, _body(record, request), _body(record, response, answer=True))


def exchange_of(row: Sequence[Any]) -> Exchange:
    """Read seq, record and bodies, as SELECT_CONTENTS gives them."""
    _, meta, *packed = row
    record = decode(meta)
    request, response = unpack(tuple(packed))
    bodies = _body(record, request), _body(record, response, answer=True)
    return Exchange(record, *bodies, bodies_removed=packed[0] == REMOVED)


def _body(record: Record, stretches: Stretches | None, *, answer: bool = False) -> Body | None:
    if stretches is None:
        return None
    kept_to = max(offset + len(data) for offset, data in stretches)
    total_bytes = record.response_bytes if answer else record.request_bytes
    if record.bodies == "redacted" and not record.truncated:
        total_bytes = kept_to  # a mark is not as long as what it stands for
    return Body(stretches, max(total_bytes, kept_to))
