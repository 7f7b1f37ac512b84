"""Rows hold what filters and sums need, under the exchange's own day."""

import contextlib
import sqlite3
from uuid import UUID

import pytest

from gateway.core.ids import day_of
from gateway.core.usage import Usage
from gateway.store import schema
from gateway.store.sqlite import _day_name
from tests.records import DAY_MS, NOON_MS, new_id, record


@pytest.mark.parametrize("at_ms", [0, DAY_MS - 1, DAY_MS, NOON_MS, NOON_MS + DAY_MS // 2, 253_402_300_799_999])
def test_day_is_that_of_the_id(at_ms: int) -> None:
    """The file is chosen by the id's time, the same way everywhere."""
    exchange_id = new_id(at_ms)

    assert day_of(exchange_id) == _day_name(schema.day_number(UUID(exchange_id).bytes))


def test_row_has_the_columns_of_the_table() -> None:
    """Values stand in the order of the columns."""
    columns = [
        line.split()[0]
        for part in schema.SCHEMA.split("exchanges (")[1].split(");")[0].split(",")
        if (line := part.strip())
    ]
    one = record(user="ann", session="s1", usage=Usage(input_total=7, output_total=3))
    row = dict(zip(columns, schema.exchange_row(5, b"k" * 16, one), strict=True))

    assert {
        "seq": 5,
        "id": b"k" * 16,
        "team": "search",
        "key": "ci",
        "user": "ann",
        "session": "s1",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_served": "gpt-4o-mini",
        "status": 200,
        "outcome": "ok",
        "cost_nano_usd": 27_000,
        "input_total": 7,
        "output_total": 3,
        "duration_us": 812_345,
    } == row


def test_unknown_duration_stays_unknown() -> None:
    """What did not happen is null, not 0."""
    assert None is schema.exchange_row(1, b"", record(duration_ms=None, usage=None))[-1]


def test_names_of_columns_are_the_tables() -> None:
    """Whoever reads rows by name gets what the table has, in its order."""
    with contextlib.closing(sqlite3.connect(":memory:")) as sql:
        sql.executescript(schema.SCHEMA)
        names = {
            table: [name for _, name, *_ in sql.execute(f"PRAGMA table_info({table})")]
            for table in ("exchanges", "contents")
        }

    assert list(schema.COLUMNS) == names["exchanges"]
    assert ["seq", *schema.CONTENTS] == names["contents"]
