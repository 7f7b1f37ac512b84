"""A judge that nobody pays answers what fits, or fails as real ones do."""

from typing import Any

import jsonschema
import pytest

from gateway.evaluation.api import JudgeError, Retryable, Skip
from gateway.evaluation.fake_judge import FAILURES, FakeJudge, fitting

SCHEMA = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["a", "b", "tie"]},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "reason": {"type": "string"},
        "passed": {"type": "boolean"},
        "items": {"type": "array", "minItems": 2, "items": {"type": ["string", "null"]}},
        "either": {"anyOf": [{"const": 7}, {"type": "null"}]},
    },
    "required": ["verdict", "score"],
}


@pytest.mark.parametrize("last", [False, True])
async def test_verdicts_fit_the_schema(last: bool) -> None:
    """From both ends of what is allowed."""
    judge = FakeJudge(last=last)
    answer = await judge.ask("system", "user", SCHEMA)

    jsonschema.validate(answer.verdict, SCHEMA)
    assert {"verdict": "tie" if last else "a", "score": 5 if last else 1}.items() <= answer.verdict.items()
    assert (1, [SCHEMA]) == (judge.asked, judge.schemas)


@pytest.mark.parametrize("trouble", FAILURES)
async def test_failures_are_those_that_plugins_are_told(trouble: str) -> None:
    """Nothing else ever comes from a judge."""
    with pytest.raises((JudgeError, Retryable, Skip)):
        await FakeJudge(fails=FAILURES[trouble]).ask("system", "user", SCHEMA)


def test_a_schema_without_end_has_an_end() -> None:
    """One that refers to itself by Python's means."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    schema["properties"]["again"] = schema

    assert fitting(schema)
