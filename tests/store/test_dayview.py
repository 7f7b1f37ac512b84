"""A day file is seen whole, as it was at one instant, and what of it cannot be read is said row by row."""

import contextlib
import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.usage import Usage
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.dayview import Row
from gateway.store.interface import Query
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, record

DAY = "2026-11-23"
MIDNIGHT_MS = NOON_MS - DAY_MS // 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store that stays open, as the recorder's does."""
    store = SqliteStore(tmp_path, Tally().count)
    yield store
    store.close()


@pytest.fixture
def reader(tmp_path: Path) -> StoreReader:
    """A reader beside it."""
    return StoreReader(tmp_path)


async def rows(reader: StoreReader, query: Query | None = None) -> list[Row]:
    """Return the rows of the day."""
    async with reader.view(DAY, query or Query()) as view:
        return [row async for row in view.rows()]


def change(folder: Path, sql: str, *values: object) -> None:
    """Change a file behind everybody's back."""
    with contextlib.closing(sqlite3.connect(folder / f"{DAY}.db")) as connection, connection:
        connection.execute(sql, values)


async def test_rows_come_whole_in_the_order_of_time(store: SqliteStore, reader: StoreReader) -> None:
    """Columns by name, the record, and both bodies; more than fit into memory at a time."""
    records = [record(NOON_MS + number) for number in range(40)]
    store.commit([finished(one, b"ask", one.id.encode()) for one in records], {})
    found = await rows(reader)

    assert records == [row.record for row in found]
    assert [one.id.encode() for one in records] == [row.response and row.response.pieces[0][1] for row in found]
    assert set(schema.COLUMNS) == found[0].columns.keys()
    assert (27_000, "gpt-4o-mini") == (found[0].columns["cost_nano_usd"], found[0].columns["model_served"])
    assert {None} == {row.fault for row in found}


async def test_view_is_of_one_instant(store: SqliteStore, reader: StoreReader) -> None:
    """What a running gateway commits meanwhile is neither among the rows nor in the sums, and it is not held up."""
    one, late = record(), record()
    store.commit([finished(one)], {})
    async with reader.view(DAY, Query()) as view:
        store.commit([finished(late), finished(record(id=one.id, cost_nano_usd=5), amends=True)], {})
        seen = [row.record async for row in view.rows()]
        totals, spend, count = await view.totals(), await view.spend(), await view.count()

    assert [one] == seen
    assert (1, [1, 0, 100, 20, 0, 27_000, 812_345, 1]) == (count, spend["search"])
    assert 1 == totals["tollway_team_requests", ("search", "ok"), ""]
    assert 2 == len(await rows(reader))


async def test_sums_are_those_of_the_file(store: SqliteStore, reader: StoreReader) -> None:
    """The totals as stored, and spending of what matches, by team."""
    usage = Usage(input_total=10, output_total=5)
    records = [record(cost_nano_usd=1, usage=usage), record(team="web", cost_nano_usd=7, usage=None)]
    store.commit([finished(one) for one in records], {})
    async with reader.view(DAY, Query(team="web")) as view:
        assert {"web": [1, 0, 0, 0, 0, 7, 812_345, 1]} == await view.spend()
        assert (1, [records[1]]) == (await view.count(), [row.record async for row in view.rows()])
        assert store.totals() == await view.totals()


@pytest.mark.parametrize(
    ("query", "whole"),
    [
        (Query(), True),
        (Query(team="search"), True),
        (Query(since_ms=MIDNIGHT_MS, until_ms=MIDNIGHT_MS + DAY_MS), True),
        (Query(since_ms=MIDNIGHT_MS + 1), False),
        (Query(until_ms=MIDNIGHT_MS + DAY_MS - 1), False),
    ],
)
async def test_day_is_whole_or_not(store: SqliteStore, reader: StoreReader, query: Query, whole: bool) -> None:
    """Whether its totals can be compared with its rows."""
    store.commit([finished(record())], {})
    async with reader.view(DAY, query) as view:
        assert whole == view.whole


async def test_days_are_named_oldest_first(store: SqliteStore, reader: StoreReader) -> None:
    """Those within the bounds."""
    store.commit([finished(record(NOON_MS + number * DAY_MS)) for number in range(3)], {})

    assert [DAY, "2026-11-24", "2026-11-25"] == reader.days(Query())
    assert ["2026-11-24"] == reader.days(Query(since_ms=NOON_MS + DAY_MS, until_ms=NOON_MS + DAY_MS + 1))


async def test_what_cannot_be_read_is_said(store: SqliteStore, reader: StoreReader, tmp_path: Path) -> None:
    """A broken record hides its row only, broken bodies only themselves; a row without contents is one, too."""
    for number in range(5):
        store.commit([finished(record(NOON_MS + number), b"ask" * 200)], {})
    seqs = [row.columns["seq"] for row in await rows(reader)]
    change(tmp_path, "UPDATE contents SET record = '{' WHERE seq = ?", seqs[0])
    change(tmp_path, "UPDATE contents SET bodies = CAST(x'00' || bodies AS BLOB) WHERE seq = ?", seqs[1])
    change(tmp_path, "DELETE FROM contents WHERE seq = ?", seqs[2])
    change(tmp_path, "UPDATE contents SET bodies = x'00' || bodies WHERE seq = ?", seqs[3])  # that makes it a text
    broken, torn, empty, text, good = await rows(reader)

    assert (None, True) == (broken.record, "the record cannot be read" in str(broken.fault))
    assert (None, True) == (empty.record, "the record cannot be read" in str(empty.fault))
    assert torn.record is not None
    assert (None, True) == (torn.request, "the bodies cannot be read" in str(torn.fault))
    assert "the bodies cannot be read" in str(text.fault)
    assert None is good.fault


async def test_memory_is_bounded(store: SqliteStore, reader: StoreReader) -> None:
    """However many rows with whatever bodies: a few of them are held at a time."""
    body = os.urandom(200_000)
    store.commit([finished(record(NOON_MS + number), body) for number in range(200)], {})
    async with reader.view(DAY, Query()) as view:
        tracemalloc.start()
        async for row in view.rows():
            assert row.request is not None
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert most < 60 * len(body)
