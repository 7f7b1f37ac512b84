"""Only what keeps the declaration becomes a score."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.score import Score
from gateway.evaluation.api import Result
from gateway.evaluation.contract import BrokenContract, given_of, scores_of
from gateway.evaluation.protocol import Given, Spec

SPECS = [
    Spec(name="", type="boolean"),
    Spec(name="empty", type="boolean", direction="min"),
    Spec(name="risk", type="numeric", low=0.0, high=4.0, direction="min"),
    Spec(name="words", type="numeric", low=0.0, direction="none"),
    Spec(name="kind", type="categorical", labels=["good", "fair", "bad"], passing=["good", "fair"]),
    Spec(name="side", type="categorical", labels=["a", "b"]),
    Spec(name="note", type="text"),
]


def scores(verdict: Any) -> list[Score]:
    """Take a verdict the whole way."""
    return scores_of("mine", SPECS, given_of(verdict))


def test_values_become_scores() -> None:
    """Each type in its own field, `normalised` higher better, and a verdict where there can be one."""
    made = scores(
        [
            Result(True),
            Result(True, name="empty", label="blank", comment="nothing there", evidence={"at": 3}, confidence=0.5),
            Result(1, name="risk"),
            Result(700.5, name="words"),
            Result("fair", name="kind"),
            Result("a", name="side"),
            Result("so so", name="note"),
        ]
    )

    assert [
        Score(name="mine", type="boolean", value=1.0, normalised=1.0, passing=True),
        Score(
            name="mine.empty",
            type="boolean",
            value=1.0,
            label="blank",
            normalised=0.0,
            passing=False,
            comment="nothing there",
            evidence=msgspec.Raw(b'{"at":3}'),
            confidence=0.5,
        ),
        Score(name="mine.risk", type="numeric", value=1.0, normalised=0.75),
        Score(name="mine.words", type="numeric", value=700.5),
        Score(name="mine.kind", type="categorical", label="fair", normalised=1.0, passing=True),
        Score(name="mine.side", type="categorical", label="a"),
        Score(name="mine.note", type="text", text="so so"),
    ] == made


def test_a_bare_value_is_the_main_score() -> None:
    """That is all that most evaluators return."""
    assert [Score(name="mine", type="boolean", value=0.0, normalised=0.0, passing=False)] == scores(False)


BROKEN: dict[str, tuple[Any, str]] = {
    "nothing": (None, "evaluate returned a NoneType"),
    "no score": ([], "raise Skip"),
    "not a Result": ([True], "evaluate returned a list"),
    "an object": ({"": True}, "evaluate returned a dict"),
    "undeclared": (Result(True, name="other"), "`other` is not declared"),
    "twice": ([Result(True), Result(False)], "more than once"),
    "a number for a boolean": (1, "is boolean, and 1 is an int"),
    "a boolean for a number": (Result(True, name="risk"), "is numeric, and True is a bool"),
    "a text for a number": (Result("1", name="risk"), "is numeric"),
    "too high": (Result(4.5, name="risk"), "4.5, outside of 0.0 to 4.0"),
    "too low": (Result(-1, name="words"), "outside"),
    "not finite": (Result(float("inf"), name="words"), "is no JSON number"),
    "no number": (Result(float("nan"), name="risk"), "is no JSON number"),
    "a number that none can hold": (Result(10**400, name="words"), ""),
    "no label": (Result("ugly", name="kind"), "must be one of: good, fair, bad"),
    "a number for a label": (Result(1, name="kind"), "must be one of"),
    "a number for a text": (Result(1, name="note"), "is a text"),
    "a long text": (Result("x" * 9000, name="note"), "longer than 8192"),
    "a long comment": (Result(True, comment="x" * 5000), "longer than 4096"),
    "a long label": (Result(True, label="x" * 200), "longer than 128"),
    "a comment that is none": (Result(True, comment=7), "comment is an int"),  # type: ignore[arg-type]
    "a name that is none": (Result(True, name=None), "name is a NoneType"),  # type: ignore[arg-type]
    "much evidence": (Result(True, evidence={"a": "x" * 9000}), "at most 8192"),
    "evidence of sets": (Result(True, evidence={"a": {1}}), "set is no JSON"),
    "evidence in a list": (Result(True, evidence=[1]), "must be an object"),  # type: ignore[arg-type]
    "half of a pair": (Result(True, comment="\ud800"), ""),
    "sure of more than all": (Result(True, confidence=1.5), "confidence 1.5"),
    "a confidence that is none": (Result(True, confidence=True), "confidence is a bool"),
    "confident of no number": (Result(True, confidence=float("nan")), ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_contract_is_no_score(name: str) -> None:
    """It is an error, and says what is wrong to the plugin's author."""
    verdict, reason = BROKEN[name]
    with pytest.raises(BrokenContract) as caught:
        scores(verdict)

    assert reason in str(caught.value)


@pytest.mark.parametrize("evidence", [b"[1]", b"{", b'{"a":"' + b"x" * 9000 + b'"}'])
def test_the_parent_checks_what_a_host_tells(evidence: bytes) -> None:
    """What comes out of a plugin's process is not trusted."""
    with pytest.raises(BrokenContract):
        scores_of("mine", SPECS, [Given(name="", value=True, evidence=evidence)])


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([spec.name for spec in SPECS]), VALUES, st.none() | st.floats()), max_size=3))
def test_a_score_is_always_a_valid_one(told: list[tuple[str, Any, float | None]]) -> None:
    """Whatever a host tells: either it is refused, or its numbers are within bounds and finite."""
    given_ = [Given(name=name, value=value, confidence=confidence) for name, value, confidence in told]
    try:
        made = scores_of("mine", SPECS, given_)
    except BrokenContract:
        return
    for score in made:
        assert score.normalised is None or 0 <= score.normalised <= 1
        assert score.confidence is None or 0 <= score.confidence <= 1
        assert (score.value is not None) + (score.text is not None) + (score.label is not None) == 1
        assert msgspec.json.decode(msgspec.json.encode(score), type=Score) == score


def test_bounds_may_be_reached() -> None:
    """Exactly as much as is allowed is allowed."""
    evidence = {"a": "x" * (8192 - len('{"a":""}'))}
    made = scores(
        [Result(True, evidence=evidence, comment="x" * 4096, label="x" * 128), Result("x" * 8192, name="note")]
    )

    assert 8192 == len(bytes(made[0].evidence)) == len(made[1].text or "")
