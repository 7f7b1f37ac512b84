"""The sums of a day follow its rows, exactly, whatever amends them."""

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.moves import amounts_of, bucket_of
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished, record
from tests.store.recount import sums_agree

HOUR_MS = 3_600_000
NAMES = st.sampled_from([None, "a", "b"])
FACTS = st.fixed_dictionaries(
    {
        "team": st.sampled_from(["search", "web"]),
        "user": NAMES,
        "session": NAMES,
        "session_source": NAMES,
        "model_served": NAMES,
        "outcome": st.sampled_from(["ok", "timeout"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), max_size=3),
        "cost_nano_usd": st.integers(0, 1 << 50),
        "duration_ms": st.one_of(st.none(), st.floats(0, 1e7)),
        "usage": st.one_of(st.none(), st.builds(Usage, input_total=st.integers(0, 9), output_total=st.integers(0, 9))),
    }
)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-13, 13), FACTS), min_size=1, max_size=12))
def test_sums_are_those_of_the_rows(events: list[tuple[int, int, dict[str, Any]]]) -> None:
    """Exchanges of any hour, each amended as often as it likes, in one batch or many."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder), Tally().count)
        known: dict[int, str] = {}
        for number, hours, facts in events:
            fresh = number not in known
            one = record(NOON_MS + hours * HOUR_MS, **facts)
            one.id = known.setdefault(number, one.id)
            store.commit([finished(one, amends=not fresh)], {})
        store.close()
        sums_agree(Path(folder))


@pytest.mark.parametrize(
    ("duration_ms", "bucket"),
    [(0.0, "ms_50"), (50.0, "ms_50"), (50.001, "ms_100"), (6e5, "ms_600000"), (6e5 + 1, "ms_more")],
)
def test_duration_falls_under_the_edge_that_holds_it(duration_ms: float, bucket: str) -> None:
    """As Prometheus counts: up to an edge, and with it."""
    assert bucket == schema.BUCKETS[bucket_of(record(duration_ms=duration_ms))]


def test_amounts_of_a_record() -> None:
    """In the order of the measures; what is unknown is 0, and is not timed."""
    usage = Usage(input_total=7, output_total=3, input_cached_read=2)
    one = record(usage=usage, outcome="timeout", cost_nano_usd=5, duration_ms=1.5)

    assert (1, 1, 7, 3, 2, 5, 1_500, 1) == amounts_of(one)
    assert (-1, -1, -7, -3, -2, -5, -1_500, -1) == amounts_of(one, -1)
    assert (1, 0, 0, 0, 0, 27_000, 0, 0) == amounts_of(record(usage=None, duration_ms=None))


def test_claims_tell_when_they_were_seen(tmp_path: Path) -> None:
    """The first and the last exchange of a session, over batches: a search needs to look no further."""
    store = SqliteStore(tmp_path, Tally().count)
    for minute in (5, 1, 9):
        store.commit([finished(record(NOON_MS + minute * 60_000, session="s1", tags=["x"]))], {})
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    spans = [sql.execute(f"SELECT first_ms, last_ms FROM {table}").fetchall() for table in ("claims", "tags")]
    sql.close()
    store.close()

    assert [[(NOON_MS + 60_000, NOON_MS + 9 * 60_000)]] * 2 == spans
