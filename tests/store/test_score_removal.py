"""Retention takes evaluations along, never one that may come again; with bodies, what was written about them."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.score import Evaluation
from gateway.policies.retention import Keep, Retention
from gateway.store import judgements
from gateway.store.interface import ScoreQuery
from gateway.store.judgements import Place
from gateway.store.retention import Keeper, Knowledge
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, new_id, record
from tests.scores import evaluated, evaluation, everything, feedback
from tests.store.test_judging import commit, opened, shown, stored


def keep(store: SqliteStore, rules: Retention, *, days: float = 5, oldest_open_ms: int | None = None) -> None:
    """Let retention do its work, so many days after the day of records."""
    knowledge = Knowledge(lambda: rules, lambda: oldest_open_ms, list, list, lambda balance: False)
    Keeper(store, knowledge, now_s=lambda: (NOON_MS + days * DAY_MS) / 1000).finish()


def test_rows_take_their_evaluations_along(tmp_path: Path) -> None:
    """Of the teams that are due, sessions' and those without an exchange included; the metrics stay."""
    store = opened(tmp_path)
    ours, theirs = record(), record(team="web")
    words: Any = {"target_type": "conversation", "target": "s1"}
    kept = [evaluation(theirs.id, team="web"), feedback(new_id(), team="web", **words)]
    gone = [everything(ours.id), feedback(ours.id), feedback(new_id(), **words), evaluation(new_id())]
    commit(store, [ours, theirs], *kept, *gone)
    before = shown(store)
    keep(store, Retention(teams={"search": Keep(1)}))

    assert sorted(one.id for one in kept) == sorted(one.id for one in stored(store))
    assert before == shown(store)
    with store.open_day(store.days()[0]) as file:
        assert [2] == [*file.sql.execute("SELECT count(*) FROM scores").fetchone()]
    keep(store, Retention(Keep(1)))
    assert ([], before) == (store.days(), shown(store))
    store.close()


def test_what_was_written_about_bodies_goes_with_them(tmp_path: Path) -> None:
    """Comments, evidence, texts, tracebacks may quote them; numbers and verdicts stay."""
    store = opened(tmp_path)
    one = record()
    commit(store, [one], everything(one.id), everything(one.id.replace(one.id[-1], "0")))
    keep(store, Retention(Keep(None, 1)))

    for found in stored(store):
        assert found.detail is None
        assert (0.25, False, 0.5) == (found.scores[0].value, found.scores[0].passing, found.scores[0].confidence)
        assert {(None, None, b"")} == {(each.text, each.comment, bytes(each.evidence)) for each in found.scores}
    late = everything(new_id())
    commit(store, [], late)
    keep(store, Retention(Keep(None, 1)))
    assert {None} == {found.detail for found in stored(store)}
    store.close()


@pytest.mark.parametrize("everybody", [True, False])
def test_what_may_come_again_stays(tmp_path: Path, everybody: bool) -> None:
    """What was said while an exchange was running that still does: a restart reads the journal from there."""
    store = opened(tmp_path)
    rules = Retention(Keep(1)) if everybody else Retention(teams={"search": Keep(1)})
    word = feedback(new_id(), source="human", created_at="2026-11-24T12:00:00.000000Z")  # the day after
    commit(store, [], word)
    keep(store, rules, oldest_open_ms=NOON_MS + DAY_MS)
    assert [word] == stored(store)
    commit(store, [], word)
    keep(store, rules)

    assert [] == store.days()
    assert 1 == sum(value for key, value in shown(store).items() if key[0] == "tollway_scores")
    store.close()


def test_a_pass_with_nothing_to_do_looks_at_nothing(tmp_path: Path) -> None:
    """Until an evaluation is added: only then it looks again."""
    store = opened(tmp_path)
    one = record(team="web")
    commit(store, [one], evaluation(one.id, team="web"))
    rules = Retention(teams={"search": Keep(1)})
    keep(store, rules)
    with store.open_day(store.days()[0]) as file:
        marked = file.sql.execute("SELECT count(*) FROM meta WHERE name = 'scores_swept'").fetchone()
    commit(store, [], evaluation(one.id, "late"))
    keep(store, rules)

    assert (1,) == marked
    assert ["web"] == [found.team for found in stored(store)]
    store.close()


def test_a_day_with_evaluations_alone_is_a_day(tmp_path: Path) -> None:
    """It is not folded while one of them is to be kept."""
    store = opened(tmp_path)
    word: Evaluation = feedback(new_id(), team="web")
    store.commit([finished(record())], {}, [evaluated(word)])
    keep(store, Retention(teams={"search": Keep(1)}))
    with store.open_day(store.days()[0]) as file:
        found = list(judgements.page(file.sql, ScoreQuery(), Place(), 9))

    assert [] == found  # its exchange never came, so it is shown to nobody
    assert 1 == len(store.days())
    store.close()
