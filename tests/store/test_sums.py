"""Sums over any time, by any group and step, are those of the exchanges, added up one by one."""

import itertools
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.core.record import Record
from gateway.metrics.totals import Tally
from gateway.store import naming as naming_module
from gateway.store import schema, sums
from gateway.store.interface import GROUPS, Query
from gateway.store.moves import amounts_of, bucket_of
from gateway.store.sqlite import SqliteStore
from gateway.store.sums import Asked
from tests.records import DAY_MS, NOON_MS, finished, record

HOUR_MS = 3_600_000
DAY = NOON_MS - DAY_MS // 2
BOUNDS = (0, DAY, DAY + HOUR_MS, DAY + 90 * 60_000, DAY + 100 * 60_000, DAY + 23 * HOUR_MS + 1, DAY + DAY_MS, 1 << 48)
QUERIES = (
    Query(),
    Query(team="web"),
    Query(model="m1"),
    Query(session="s1"),
    Query(any_tag=("x",)),
    Query(user="ann", team="web"),
    Query(ok=False),
    Query(min_cost_nano_usd=900, min_duration_ms=700.0),
)


def made(count: int) -> list[tuple[int, Record]]:
    """Make exchanges all over a day."""
    chance = random.Random(5)
    found = []
    for _ in range(count):
        at_ms = DAY + chance.choice((chance.randrange(DAY_MS), chance.randrange(2 * HOUR_MS)))
        facts: dict[str, Any] = {
            "team": chance.choice(("web", "ads")),
            "model_served": chance.choice((None, "m1", "m2", "m3")),
            "model_requested": chance.choice(("m1", "m4")),
            "session": chance.choice((None, "s1", "s2", "s3", "s4")),
            "session_source": chance.choice((None, "x-a")),
            "user": chance.choice((None, "ann")),
            "tags": chance.choice(([], ["x"], ["x", "y"], ["z"])),
            "route": chance.choice((None, "fast")),
            "outcome": chance.choice(("ok", "timeout")),
            "cost_nano_usd": chance.randrange(1000),
            "duration_ms": chance.choice((None, 5.0, 700.0, 1e7)),
        }
        found.append((at_ms, record(at_ms, **facts)))
    return found


def matches(one: Record, query: Query) -> bool:
    """Whether a query asks for it, its time aside."""
    return (
        query.team in (None, one.team)
        and query.model in (None, one.model_served, one.model_requested)
        and query.session in (None, one.session)
        and query.user in (None, one.user)
        and (query.any_tag is None or bool({*query.any_tag} & {*one.tags}))
        and query.ok in (None, one.outcome == "ok")
        and one.cost_nano_usd >= (query.min_cost_nano_usd or 0)
        and (one.duration_ms or 0) >= (query.min_duration_ms or 0)
    )


def groups(one: Record, by: str | None) -> list[str]:
    """Name the groups in which it is counted."""
    if by is None:
        return [""]
    if by == "tag":
        return one.tags or ["-"]
    if by == "key":
        return [f"{one.team}/{one.key}"]
    if by == "model":
        return [one.model_served or one.model_requested or "-"]
    return [getattr(one, by) or "-"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[sqlite3.Connection, list[tuple[int, Record]]]:
    """A day of exchanges, in a file and in a list."""
    folder = tmp_path_factory.mktemp("store")
    records = made(300)
    store = SqliteStore(folder, Tally().count)
    store.commit([finished(one) for _, one in records], {})
    store.close()
    return sqlite3.connect(folder / "2026-11-23.db"), records


def check(sql: sqlite3.Connection, records: list[tuple[int, Record]], asked: Asked, first_ms: int, end_ms: int) -> None:
    """Compare a sum with the list."""
    expected: Counter[tuple[Any, ...]] = Counter()
    for at_ms, one in records:
        if not first_ms <= at_ms < end_ms or not matches(one, asked.query):
            continue
        start_s = at_ms // 1000 // (asked.step_s or DAY) * (asked.step_s or DAY)
        for name in groups(one, asked.by):
            for measure, amount in zip(schema.MEASURES, amounts_of(one), strict=True):
                expected[start_s, name, measure] += amount
            if asked.buckets and bucket_of(one) >= 0:
                expected[start_s, name, schema.BUCKETS[bucket_of(one)]] += 1
            if asked.by == "session":
                expected[start_s, name, "source", one.session_source or ""] += 1
    told: Counter[tuple[Any, ...]] = Counter()
    for at_s, name, source, amounts in sums.add_up(sql, asked, DAY, first_ms, end_ms):
        start_s = at_s // (asked.step_s or DAY) * (asked.step_s or DAY)
        for measure, amount in zip((*schema.MEASURES, *schema.BUCKETS), amounts, strict=False):
            told[start_s, name, measure] += amount
        if asked.by == "session":
            told[start_s, name, "source", source] += amounts[0]

    assert +expected == +told


@pytest.mark.parametrize("by", [None, *GROUPS])
@pytest.mark.parametrize("step_s", [None, 3600, 86400])
def test_sums_are_those_of_the_exchanges(
    day: tuple[sqlite3.Connection, list[tuple[int, Record]]], by: str | None, step_s: int | None
) -> None:
    """Whatever the bounds: in whole days and hours, in parts of them, and in none."""
    for query, (first_ms, end_ms) in itertools.product(QUERIES, itertools.combinations(BOUNDS, 2)):
        check(*day, Asked(query, by, step_s, buckets=False), first_ms, end_ms)
        if by is None or "kinds" in GROUPS[by]:
            check(*day, Asked(query, by, step_s, buckets=True), first_ms, end_ms)


def test_filters_see_through_the_name_that_many_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no sum of its own is added up from rows."""
    for name in ("MODELS_TRIED", "MODELS_ANSWERED", "CLAIMS_MOST", "TAGS_MOST"):
        monkeypatch.setattr(naming_module, name, 2)
    records = made(60)
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for _, one in records], {})
    store.close()
    sql = sqlite3.connect(tmp_path / "2026-11-23.db")
    for query in QUERIES:
        check(sql, records, Asked(query, "team", None, buckets=False), 0, 1 << 48)
    assert "other" in {
        name for _, name, _, _ in sums.add_up(sql, Asked(Query(), "session", None, False), DAY, 0, 1 << 48)
    }
    sql.close()


def test_whole_hours_and_days_need_no_rows(day: tuple[sqlite3.Connection, list[tuple[int, Record]]]) -> None:
    """A year answers as fast as an hour because it is not read."""
    sql, _ = day
    seen: list[str] = []
    sql.set_trace_callback(seen.append)
    for asked, bounds in (
        (Asked(Query(team="web"), "model", None, False), (0, 1 << 48)),
        (Asked(Query(team="web"), "model", 3600, True), (0, 1 << 48)),
        (Asked(Query(), None, None, False), (DAY + HOUR_MS, DAY + 5 * HOUR_MS)),
        (Asked(Query(user="ann"), "session", None, False), (0, 1 << 48)),
        (Asked(Query(), "tag", 86400, False), (0, 1 << 48)),
    ):
        assert [*sums.add_up(sql, asked, DAY, *bounds)]
    sql.set_trace_callback(None)

    assert [] == [statement for statement in seen if "exchanges" in statement]
