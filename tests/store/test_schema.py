"""Rows hold what filters and sums need, under the exchange's own day."""

import contextlib
import sqlite3
from pathlib import Path
from uuid import UUID

import pytest

from gateway.core.ids import day_of
from gateway.core.usage import Usage
from gateway.metrics.catalogue import DURATION_BUCKETS
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.schema import Named
from gateway.store.sqlite import SqliteStore, _day_name
from tests.records import DAY_MS, NOON_MS, finished, new_id, record


@pytest.mark.parametrize("at_ms", [0, DAY_MS - 1, DAY_MS, NOON_MS, NOON_MS + DAY_MS // 2, 253_402_300_799_999])
def test_day_is_that_of_the_id(at_ms: int) -> None:
    """The file is chosen by the id's time, the same way everywhere."""
    exchange_id = new_id(at_ms)

    assert day_of(exchange_id) == _day_name(schema.day_number(UUID(exchange_id).bytes))


def test_row_has_the_columns_of_the_table() -> None:
    """Values stand in the order of the columns; what few exchanges have stands together."""
    one = record(
        usage=Usage(input_total=7, output_total=3, input_cached_read=2),
        stream=True,
        first_token_ms=1.5,
        finish_reason="stop",
        tool_calls=2,
        response_id="r1",
        tags=["a"],
        error="reset",
    )
    row = dict(zip(schema.ROW, schema.exchange_row(b"k" * 16, 5, Named(1, 2, {"user": "ann"}), one), strict=True))

    assert {
        "id": b"k" * 16,
        "seq": 5,
        "kind": 1,
        "claim": 2,
        "stream": True,
        "finish_reason": "stop",
        "tool_calls": 2,
        "response_id": "r1",
        "cost_nano_usd": 27_000,
        "input_total": 7,
        "output_total": 3,
        "cached_total": 2,
        "duration_us": 812_345,
        "first_token_us": 1_500,
        "more": '{"tags":["a"],"error":"reset","user":"ann"}',
    } == row


def test_unknown_duration_stays_unknown() -> None:
    """What did not happen is null, not 0; and what nobody said takes no room."""
    row = schema.exchange_row(b"", 1, Named(1, 1), record(duration_ms=None, usage=None))

    assert (None, None, None) == row[-3:]


def test_names_of_columns_are_the_tables() -> None:
    """Whoever reads or writes rows by name gets what the table has, in its order."""
    with contextlib.closing(sqlite3.connect(":memory:")) as sql:
        sql.executescript(schema.SCHEMA + schema.VIEW)
        names = {
            table: [name for _, name, *_ in sql.execute(f"PRAGMA table_info({table})")]
            for table in ("exchanges", "contents", "kinds", "rollups", "claims", "tags", "log")
        }

    assert list(schema.ROW) == names["exchanges"]
    assert ["seq", "id", *schema.CONTENTS] == names["contents"]
    assert ["kind", *schema.KIND] == names["kinds"]
    assert ["step_s", "start_s", "kind", *schema.MEASURES, *schema.BUCKETS] == names["rollups"]
    assert ["claim", "start_s", *schema.CLAIM, "first_ms", "last_ms", *schema.MEASURES] == names["claims"]
    assert ["start_s", *schema.TAG, "first_ms", "last_ms", *schema.MEASURES] == names["tags"]
    assert list(schema.COLUMNS) == names["log"]


def test_buckets_are_those_of_the_metric() -> None:
    """What the API tells of latency is what Prometheus tells."""
    edges = [float(edge) * 1000 for edge in DURATION_BUCKETS[:-1]]

    assert [*edges, None] == list(schema.EDGES_MS)


def test_sums_of_files_can_be_put_together(tmp_path: Path) -> None:
    """Whatever numbers their kinds and claims have there; and of the same day twice, as parts of it."""
    records = [
        record(NOON_MS, model_served="a", session="s1", tags=["x"]),
        record(NOON_MS + DAY_MS, model_served="b", session="s2"),
        record(NOON_MS + DAY_MS, model_served="a", session="s1", tags=["x"]),
    ]
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in records], {})
    store.close()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as sql:
        sql.executescript(schema.SUMS)
        for path in sorted(tmp_path.glob("*.db")):
            sql.execute("ATTACH ? AS day", (str(path),))
            for statement in schema.FOLD:
                sql.execute(statement)
            sql.execute("DETACH day")
        by_model = sql.execute(
            "SELECT model_served, sum(requests), sum(cost_nano_usd) FROM rollups JOIN kinds USING (kind) "
            "WHERE step_s = 86400 GROUP BY 1"
        ).fetchall()
        by_session = sql.execute("SELECT session, sum(requests) FROM claims GROUP BY 1").fetchall()
        by_tag = sql.execute("SELECT tag, sum(requests) FROM tags GROUP BY 1").fetchall()

    assert [("a", 2, 54_000), ("b", 1, 27_000)] == by_model
    assert [("s1", 2), ("s2", 1)] == by_session
    assert [("", 1), ("x", 2)] == by_tag
