"""Every question ends with its deadline, passes over days that are gone, and can be put to another process."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from gateway.metrics.totals import Tally
from gateway.store import answers
from gateway.store.interface import Query, ScoreQuery
from gateway.store.judgements import place_of
from gateway.store.opening import Deadline, QueryTimeout
from gateway.store.reader import Find
from gateway.store.spending import spending
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished, record

ONE = record(NOON_MS, session="s")
QUESTIONS: list[tuple[Find[..., Any], tuple[Any, ...]]] = [
    (answers.page, (Query(),)),
    (answers.counted, (Query(),)),
    (answers.by_id, (ONE.id,)),
    (answers.scores_of, ([ONE.id],)),
    (answers.feedback, ("search", "s", None)),
    (answers.evaluations, (ScoreQuery(),)),
    (answers.scored, ("2026-11-23", ScoreQuery(), place_of(None))),
    (answers.newest_of_keys, (0, frozenset({("search", "ci")}))),
    (spending, (Query(), "team", None, None)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one exchange."""
    folder = tmp_path_factory.mktemp("store")
    store = SqliteStore(folder, Tally().count)
    store.commit([finished(ONE)], {})
    store.close()
    return folder


@pytest.mark.parametrize(("find", "given"), QUESTIONS)
def test_it_ends_with_its_deadline(folder: Path, find: Find[..., Any], given: tuple[Any, ...]) -> None:
    """With what was found, and the word that it is not all, or with an error that says so."""
    try:
        found = find(folder, Deadline(-1.0), *given)
    except QueryTimeout:
        return

    assert found.complete is False


@pytest.mark.parametrize(("find", "given"), QUESTIONS)
def test_another_process_can_be_asked(folder: Path, find: Find[..., Any], given: tuple[Any, ...]) -> None:
    """Question and answer are values: what comes out of a pickle is what went in."""
    asked = pickle.loads(pickle.dumps((find, given)))
    found = asked[0](folder, Deadline(60.0), *asked[1])

    assert (find, given) == asked
    assert find(folder, Deadline(60.0), *given) == pickle.loads(pickle.dumps(found))
