"""What people found bad is taken, later, without a probability; nobody else's word counts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.score import Evaluation, Score
from gateway.evaluation.feedback import DELAY_MS, Words, is_negative
from gateway.policies.evaluating import Always, Stratum
from tests.evaluation.conftest import MakePlace
from tests.evaluation.looking import Place, evaluating, rule
from tests.records import NOON_MS, new_id, record
from tests.scores import evaluated, evaluation, feedback

LATER_MS = NOON_MS + 10_000


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (("boolean", 0.0, None, None), True),
        (("boolean", 1.0, None, None), False),
        (("numeric", 0.0, None, None), True),
        (("numeric", -1.0, None, None), True),
        (("numeric", 0.2, None, None), False),
        (("categorical", None, "Thumbs-Down", None), True),
        (("categorical", None, "not helpful", None), True),
        (("categorical", None, "good", None), False),
        (("categorical", None, "whatever", 0), True),
        (("categorical", None, "bad", 1), False),
        (("text", None, None, None), False),
    ],
)
def test_what_is_negative(score: tuple[str, float | None, str | None, int | None], expected: bool) -> None:
    """False, nothing or less, a label that says so, or a verdict."""
    assert expected == is_negative(*score)


def say(place: Place, exchange: str, value: bool = False, *, at_ms: int = NOON_MS, **fields: object) -> None:
    """Let somebody say something, and the store keep it."""
    created_at = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    tell(place, feedback(exchange, value, created_at=created_at, **fields))


def say_of_session(place: Place, session: str) -> None:
    """Let somebody find all of a session bad."""
    say(place, new_id(NOON_MS), target_type="conversation", target=session, conversation=session)


def tell(place: Place, one: Evaluation) -> None:
    """Let the store keep an evaluation."""
    place.store.commit([], {}, [evaluated(one)])


CONFIG = evaluating(
    rule("a", sample=0.0, always=(Always("negative_feedback"),), only=Stratum(1.0, outcome=("ok",))),
    rule("b", sample=0.0),
    rule("talk", sample=0.0, always=(Always("negative_feedback"),)),
)
UNITS = {"a": "exchange", "b": "exchange", "talk": "conversation"}


def test_what_somebody_found_bad_is_taken_once(make_place: MakePlace) -> None:
    """Without a probability, with its own reason, by rules that ask for it; in no stratum but that of all."""
    place = make_place(CONFIG, UNITS)
    place.look()
    bad, good, foreign, failed = record(), record(), record(team="web"), record(outcome="timeout")
    place.store_all(bad, good, foreign, failed)
    say(place, bad.id)
    say(place, good.id, value=True)
    say(place, foreign.id)
    say(place, failed.id)
    say(place, new_id(NOON_MS))
    say(place, good.id, team="web")
    say(place, good.id, source="human", author="ada")
    tell(place, evaluation(good.id, scores=[Score(name="x", type="boolean", value=0.0, passing=False)]))
    place.look(LATER_MS)
    found = place.targets()
    place.look(LATER_MS + 60_000)

    assert [("a", bad.id, None, ["negative_feedback"])] == [
        (each.evaluator, each.exchange, each.probability, each.reasons) for each in found
    ]
    assert [] == place.targets()
    assert 1 == place.reader.funnel()["a", "sampled", "negative_feedback"]


def test_word_about_a_session_is_for_evaluators_of_conversations(make_place: MakePlace) -> None:
    """Up to its last exchange."""
    place = make_place(CONFIG, UNITS)
    place.look()
    first, last = record(NOON_MS, session="s[1]"), record(NOON_MS + 1, session="s[1]")
    place.store_all(first, last, record(NOON_MS + 2, session="s[1]", team="web"), record(NOON_MS + 3, session="s1"))
    say_of_session(place, "s[1]")
    say_of_session(place, "nobody")
    place.look(LATER_MS)

    assert [("talk", "conversation", "s[1]", last.id)] == [
        (each.evaluator, each.target_type, each.target, each.exchange) for each in place.targets()
    ]


def test_words_are_capped(make_place: MakePlace) -> None:
    """Whoever says much does not make a judge cost much; what was left out is counted."""
    always = (Always("negative_feedback"),)
    place = make_place(evaluating(rule("a", sample=0.0, always=always, always_per_minute=2)))
    place.look()
    records = [record() for _ in range(5)]
    place.store_all(*records)
    for each in records:
        say(place, each.id)
    place.look(LATER_MS)

    assert 2 == len(place.targets())
    assert 3 == place.reader.funnel()["a", "dropped", "always_per_minute"]


def test_word_is_read_when_its_exchange_is_stored(make_place: MakePlace) -> None:
    """Some seconds later; what was said before evaluation began is not read."""
    place = make_place(CONFIG, UNITS)
    old, new = record(), record()
    place.store_all(old, new)
    say(place, old.id)
    place.look()
    say(place, new.id, at_ms=NOON_MS + 6_000)
    words = Words(place.folder / "store")
    at = place.queue.heard()

    assert [] == words.read(at, NOON_MS + 6_000 + DELAY_MS).words
    assert [new.id] == [word.exchange for word in words.read(at, NOON_MS + 6_001 + DELAY_MS).words]


def test_files_without_words_hold_none(make_place: MakePlace, tmp_path: Path) -> None:
    """Where nobody has said anything yet."""
    place = make_place(CONFIG, UNITS)
    place.store_all(record())

    assert ([], {}) == Words(tmp_path / "store").read({}, LATER_MS)
    assert {0} == {*Words(tmp_path / "store").end().values()}
