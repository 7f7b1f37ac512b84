"""Evaluations and scores: one set of names, ids that are made of what was judged by whom."""

from uuid import UUID

import pytest

from gateway.core.record import public_json
from gateway.core.score import decode, encode, evaluation_id, public, said
from tests.records import new_id
from tests.scores import everything


def test_the_same_look_has_the_same_id() -> None:
    """Told twice it is one; another target, maker or replicate is another one."""
    first = evaluation_id("online", "exchange", "x", "f")

    assert first == evaluation_id("online", "exchange", "x", "f")
    others = {
        evaluation_id("backfill", "exchange", "x", "f"),
        evaluation_id("online", "conversation", "x", "f"),
        evaluation_id("online", "exchange", "y", "f"),
        evaluation_id("online", "exchange", "x", "g"),
    }
    assert 4 == len(others - {first})
    assert UUID(first)


def test_nothing_is_lost_on_the_way() -> None:
    """What is written is what is read, evidence byte for byte."""
    one = everything(new_id())

    assert one == decode(encode(one))
    assert b'{"quote":123456789012345678901234567890}' in public_json(public(one))


def test_the_public_shape_has_every_field() -> None:
    """Programs need not ask whether a field is there."""
    one = everything(new_id())
    shown = public(one)

    assert {*one.__struct_fields__, "judge_cost_usd"} == shown.keys()
    assert "0.000000007" == shown["judge_cost_usd"]
    assert [{*one.scores[0].__struct_fields__}] * 2 == [{*score} for score in shown["scores"]]
    assert shown["scores"][1]["evidence"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, ("boolean", 1.0, None, 1.0, True)),
        (False, ("boolean", 0.0, None, 0.0, False)),
        (7, ("numeric", 7.0, None, None, None)),
        ("good", ("categorical", None, "good", None, None)),
    ],
)
def test_what_somebody_says(value: bool | float | str, expected: tuple[object, ...]) -> None:
    """Yes and no are verdicts; which way is better of a number or a label is not known."""
    score = said("thumb", value, "why")

    assert expected == (score.type, score.value, score.label, score.normalised, score.passing)
    assert ("thumb", "why") == (score.name, score.comment)
