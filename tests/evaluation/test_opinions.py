"""What users said of a conversation, out of day files that the store wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.evaluation.opinions import opinions
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, new_id, record
from tests.scores import evaluated, evaluation, feedback

FIRST, LAST = record(NOON_MS, session="s"), record(NOON_MS + DAY_MS, session="s")
FOREIGN = record(NOON_MS, team="web", session="s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with a conversation that goes over midnight, and somebody else's."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in (FIRST, LAST, FOREIGN)], {})
    yield store
    store.close()


def said(value: bool | float | str, name: str, at: int = 1, day: int = 0, **fields: object):  # type: ignore[no-untyped-def]
    """Say something of the session, at so many seconds of a day, which is filed under the day it was said on."""
    about = {"target_type": "conversation", "target": "s", "conversation": "s"}
    created_at = f"2026-11-{23 + day}T12:00:{at:02}.000000Z"
    return feedback(new_id(NOON_MS + day * DAY_MS), value, name, created_at=created_at, **{**about, **fields})


def heard(store: SqliteStore, folder: Path, *words: object) -> dict[str, bool | float | str]:
    """Let words be stored, and read them."""
    store.commit([], {}, [evaluated(each) for each in words])  # type: ignore[arg-type]
    return opinions(folder, "search", "s", [FIRST.id, LAST.id])


def test_words_have_the_types_they_were_said_in(store: SqliteStore, tmp_path: Path) -> None:
    """Yes or no, a number, a label."""
    found = heard(store, tmp_path, said(False, "solved"), said(0.25, "stars"), said("good", "thumb"))

    assert {"solved": False, "stars": 0.25, "thumb": "good"} == found
    assert isinstance(found["solved"], bool)


def test_last_word_wins_whoever_says_it(store: SqliteStore, tmp_path: Path) -> None:
    """Of the same key, of another one, and of another day."""
    words = [
        said(True, "a", 5, author="one"), said(False, "a", 3, author="two"),
        said(True, "b", 5), said(False, "b", 1, day=2),
    ]  # fmt: skip

    assert {"a": True, "b": False} == heard(store, tmp_path, *words)


def test_words_on_its_exchanges_count_where_there_is_none_on_all_of_it(store: SqliteStore, tmp_path: Path) -> None:
    """Those of the session are about what is asked here, whenever they were said."""
    words = [
        feedback(FIRST.id, True, "a"), feedback(LAST.id, False, "a", created_at="2026-11-24T12:00:01.000000Z"),
        said(True, "b", 1), feedback(FIRST.id, False, "b", created_at="2026-11-23T12:00:09.000000Z"),
    ]  # fmt: skip

    assert {"a": False, "b": True} == heard(store, tmp_path, *words)


def test_nobody_elses_word_counts(store: SqliteStore, tmp_path: Path) -> None:
    """Nor what evaluators found, nor labels, by which evaluators are measured."""
    words = [
        said(True, "team", team="web"), said(True, "session", target="t"), said(True, "label", source="human"),
        feedback(FOREIGN.id, True, "exchange"), feedback(FIRST.id, True, "foreign", team="web"), evaluation(FIRST.id),
    ]  # fmt: skip

    assert {} == heard(store, tmp_path, *words)


def test_nothing_was_said_where_nothing_is(tmp_path: Path) -> None:
    """A folder without a day."""
    assert {} == opinions(tmp_path, "search", "s", [])
