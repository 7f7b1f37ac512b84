"""One day file, row by row, as it is at one instant: for whoever must see all of it, also what cannot be read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import aiosqlite
import msgspec
import zstandard

from gateway.core.record import Record, decode
from gateway.store import schema
from gateway.store.bodies import REMOVED, Stretches, unpack
from gateway.store.charges import ChargeKey
from gateway.store.filters import conditions
from gateway.store.interface import Body, Exchange, Query, Spend, TotalKey

_ROWS_AT_ONCE = 16  # each with its bodies, compressed: what is in memory at a time
_UNREADABLE = (msgspec.MsgspecError, zstandard.ZstdError, TypeError, ValueError)

_COLUMNS = ", ".join([*schema.EXPRESSIONS.values(), *(f"contents.{name}" for name in schema.CONTENTS)])
_NAMED = "CROSS JOIN kinds USING (kind) CROSS JOIN claims USING (claim)"
_ROWS = f"SELECT {_COLUMNS} FROM exchanges {_NAMED} LEFT JOIN contents USING (seq) WHERE"  # noqa: S608 names of ours
SUMS = "count(*), sum(input_total), sum(output_total), sum(exchanges.cost_nano_usd)"


class Row(NamedTuple):
    """One row as it stands. `columns`: those of `exchanges`. `fault`: what of it cannot be read, and is None here."""

    columns: Mapping[str, Any]
    record: Record | None
    request: Body | None
    response: Body | None
    fault: str | None = None


class DayView:
    """The rows of one day that match a query, and the sums over them that the file holds. `whole`: all rows match."""

    def __init__(self, name: str, db: aiosqlite.Connection, query: Query, *, whole: bool) -> None:
        self.name = name
        self.whole = whole
        self._db = db
        self._clauses, self._values = conditions(query).rows

    async def count(self) -> int:
        """Return how many rows match."""
        sql = f"SELECT count(*) FROM exchanges WHERE {self._clauses}"  # noqa: S608 clauses are ours, values are bound
        ((found,),) = await self._db.execute_fetchall(sql, self._values)
        return int(found)

    async def rows(self) -> AsyncIterator[Row]:
        """Give the rows in the order in which they began, a few in memory at a time."""
        async with self._db.execute(f"{_ROWS} {self._clauses} ORDER BY exchanges.id", self._values) as cursor:
            while found := await cursor.fetchmany(_ROWS_AT_ONCE):
                for row in found:
                    yield row_of(row)

    async def totals(self) -> dict[TotalKey, int]:
        """Return the totals of the whole file."""
        return schema.totals_of(tuple(row) for row in await self._db.execute_fetchall(schema.SELECT_TOTALS))

    async def removed(self) -> dict[str, int]:
        """Return how many rows of the whole file retention has removed, by team."""
        found = await self._db.execute_fetchall("SELECT team, rows FROM removed WHERE rows > 0")
        return {team: rows for team, rows in found}

    async def charges(self) -> dict[ChargeKey, tuple[int, int]]:
        """Return what the whole file's exchanges were charged: all of it, and the part that became known late."""
        found = await self._db.execute_fetchall("SELECT holder, series, start_s, amount, late FROM charges")
        return {(holder, series, start_s): (amount, late) for holder, series, start_s, amount, late in found}

    async def spend(self) -> dict[str, Spend]:
        """Return what `tollway spend` says of these rows, by team."""
        sql = f"SELECT team, {SUMS} FROM exchanges CROSS JOIN kinds USING (kind) WHERE {self._clauses} GROUP BY 1"  # noqa: S608 as above
        spent: dict[str, Spend] = {}
        for team, *numbers in await self._db.execute_fetchall(sql, self._values):
            spent[team] = Spend(name=team)
            spent[team].add(*numbers)
        return spent


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
    return Row(columns, record, _body(request, record.request_bytes), _body(response, record.response_bytes))


def exchange_of(row: Sequence[Any]) -> Exchange:
    """Read seq, record and bodies, as SELECT_CONTENTS gives them."""
    _, meta, *packed = row
    record = decode(meta)
    request, response = unpack(tuple(packed))
    return Exchange(
        record, _body(request, record.request_bytes), _body(response, record.response_bytes), packed[0] == REMOVED
    )


def _body(stretches: Stretches | None, total_bytes: int) -> Body | None:
    if stretches is None:
        return None
    kept_to = max(offset + len(data) for offset, data in stretches)
    return Body(stretches, max(total_bytes, kept_to))
