"""Evaluations are found by what they say, and read in bounded portions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.score import Score
from gateway.metrics.totals import Tally
from gateway.store import judgements
from gateway.store.asking import query, score_query
from gateway.store.filters import BadFilter
from gateway.store.interface import ScoreQuery
from gateway.store.judgements import Scored
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, new_id, record
from tests.scores import AT, evaluated, evaluation, everything, feedback

RECORDS = [record(NOON_MS + number * 1000, session="s1") for number in range(5)]
WEAK = Score(name="helpful", type="numeric", value=0.25, normalised=0.25, passing=False)
EVALUATIONS = [
    *(evaluation(one.id, route="fast" if number else None) for number, one in enumerate(RECORDS)),
    evaluation(RECORDS[1].id, "helpful", source="judge", scores=[WEAK], conversation="s1"),
    evaluation(RECORDS[2].id, "helpful", result="error", reason="timeout", scores=[]),
    feedback(RECORDS[3].id, value=False),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreReader]:
    """A store with some evaluations."""
    files = SqliteStore(tmp_path, Tally().count)
    files.commit([finished(one) for one in RECORDS], {}, [evaluated(one) for one in EVALUATIONS])
    yield StoreReader(tmp_path)
    files.close()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, range(8)),
        ({"evaluator": "json_valid"}, range(5)),
        ({"evaluator": "h*"}, (5, 6)),
        ({"source": "judge"}, (5,)),
        ({"source": "user"}, (7,)),
        ({"result": "error"}, (6,)),
        ({"author": "ci"}, (7,)),
        ({"name": "helpful"}, (5,)),
        ({"session": "s1"}, (5,)),
        ({"route": "fast", "evaluator": "json_valid"}, range(1, 5)),
        ({"team": "web"}, ()),
        ({"exchange": RECORDS[1].id}, (1, 5)),
        ({"since": "2026-11-23T12:00:03"}, (3, 4, 7)),
        ({"until": "2026-11-23T12:00:01"}, (0,)),
    ],
)
async def test_filters(store: StoreReader, asked: dict[str, str], expected: Any) -> None:
    """Each alone, patterns too; times are those of the exchanges."""
    page = await store.evaluations(score_query(asked, NOON_MS))

    wanted = [EVALUATIONS[number] for number in expected]
    assert sorted(one.id for one in wanted) == sorted(one.id for one in page.evaluations)
    assert (None, True) == (page.cursor, page.complete)


async def test_pages_follow_each_other(store: StoreReader) -> None:
    """Newest exchanges first, none twice and none left out."""
    found, cursor = [], None
    while True:
        asked = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = await store.evaluations(score_query(asked, NOON_MS))
        found += page.evaluations
        cursor = page.cursor
        if cursor is None:
            break

    assert sorted(found, key=lambda one: (one.exchange, one.id), reverse=True) == found
    assert sorted(one.id for one in EVALUATIONS) == sorted(one.id for one in found)


@pytest.mark.parametrize("wrong", [{"cursor": "x"}, {"exchange": "x"}, {"source": "rumour"}, {"colour": "red"}])
def test_nonsense_is_refused_by_name(wrong: dict[str, str]) -> None:
    """As other filters are."""
    with pytest.raises(BadFilter) as refused:
        score_query(wrong, NOON_MS)
    assert refused.value.name in (*wrong, "id")


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("json_valid:pass", range(5)),
        ("json_valid:fail", ()),
        ("helpful:<0.5", (1,)),
        ("helpful:<=0.25", (1,)),
        ("helpful:<0.25", ()),
        ("helpful:>=0.25", (1,)),
        ("helpful:=0.25", (1,)),
        ("helpful:missing", (0, 2, 3, 4)),
        ("thumb:fail", (3,)),
        ("*:fail", (1, 3)),
        ("json_valid:pass,thumb:fail", (3,)),
    ],
)
async def test_exchanges_by_their_scores(store: StoreReader, score: str, expected: Any) -> None:
    """In the list, in its count and in sums."""
    wanted = query({"score": score}, NOON_MS)
    page = await store.exchanges(wanted)
    sums = await store.spend("team", wanted)

    assert sorted(RECORDS[number].id for number in expected) == sorted(one.id for one in page.records)
    assert len([*expected]) == (await store.count(wanted)).found == sums.total.requests


@pytest.mark.parametrize("wrong", ["helpful", "helpful:", ":fail", "a:b", "a:<x", "a:<1e5", "a:<-", ","])
def test_a_score_that_is_none_is_refused(wrong: str) -> None:
    """With what is expected."""
    with pytest.raises(BadFilter):
        query({"score": wrong}, NOON_MS)


async def test_scores_of_exchanges(store: StoreReader) -> None:
    """In the order in which they came; those that have none are left out."""
    found = await store.scores_of([RECORDS[1].id, RECORDS[0].id, new_id(), new_id(NOON_MS - 9 * DAY_MS)])

    assert {RECORDS[0].id: 1, RECORDS[1].id: 2} == {one: len(each) for one, each in found.items()}
    assert WEAK == found[RECORDS[1].id][-1].scores[0] or WEAK == found[RECORDS[1].id][0].scores[0]


async def test_rows_for_reports_come_in_portions(store: StoreReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them once, however small the portions; those without scores, too, and a name chooses scores only."""
    monkeypatch.setattr(judgements, "PORTION", 2)
    rows = [row async for some in store.scored(ScoreQuery()) for row in some]
    named = [row async for some in store.scored(ScoreQuery(name="helpful")) for row in some]

    assert 8 == len(rows) == len(named)
    assert [("error", "timeout", None)] == [(row.result, row.reason, row.name) for row in rows if row.name is None]
    assert ["helpful"] == [row.name for row in named if row.name is not None]
    assert all(isinstance(row, Scored) for row in rows)


async def test_every_column_of_a_row(tmp_path: Path) -> None:
    """As the evaluation has it; what is not known of the words that evaluations share is empty."""
    files = SqliteStore(tmp_path, Tally().count)
    one = everything(RECORDS[0].id)
    files.commit([], {}, [evaluated(one)])
    [first, second] = [row async for some in StoreReader(tmp_path).scored(ScoreQuery()) for row in some]
    files.close()

    shared = {
        name: getattr(one, name) for name in ("evaluator", "source", "version", "policy", "run", "team", "result")
    }
    assert shared == {name: getattr(first, name) for name in shared}
    assert ("x", "x", 0.5, "x", "x") == (
        first.conversation, first.prompt_version, first.probability, first.author, first.reason,
    )  # fmt: skip
    assert ("helpful", "numeric", 0.25, "low", 0.25, 0, 0.5) == first[-7:]
    assert ("helpful.tone", None) == (second.name, second.passing)


async def test_the_last_word_of_a_session_counts(tmp_path: Path) -> None:
    """Also where an earlier day holds an earlier one."""
    files = SqliteStore(tmp_path, Tally().count)
    of_session: dict[str, Any] = {"target_type": "conversation", "target": "s1"}
    before = feedback(new_id(NOON_MS - DAY_MS), created_at=AT.replace("23T", "22T"), **of_session)
    after = feedback(new_id(), value=False, **of_session)
    other = feedback(new_id(), name="speed", **of_session)
    files.commit([], {}, [evaluated(one) for one in (before, after, other)])
    store = StoreReader(tmp_path)
    rows = [row async for some in store.scored(ScoreQuery()) for row in some]

    assert [("speed", 1), ("thumb", 0)] == sorted((row.name, row.passing) for row in rows)
    assert {after.id, other.id} == {one.id for one in await store.feedback("search", "s1")}
    assert {0.0, 1.0} == {one.scores[0].value for one in await store.feedback("search", "s1")}
    assert [] == await store.feedback("web", "s1")
    assert [] == await store.feedback("search", "s1", NOON_MS + DAY_MS)
    files.close()


def test_before_there_is_anything(tmp_path: Path) -> None:
    """Nothing, and no error."""
    assert [] == asyncio.run(StoreReader(tmp_path).evaluations(ScoreQuery())).evaluations
