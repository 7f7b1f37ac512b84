"""Exchanges for the tests of evaluators, and what evaluators say about them."""

from typing import Any

from gateway.core.score import Score
from gateway.evaluation.api import Evaluator, Exchange, Message, NoParams, ResponseFormat, Result, Skip, Tool, ToolCall
from gateway.evaluation.contract import given_of, scores_of
from gateway.evaluation.declared import specs_of

JSON_OBJECT = ResponseFormat("json_object")
CALL = ToolCall("c1", "weather", '{"city": "Paris"}')
WEATHER = Tool(
    "weather",
    schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def said(
    text: str = "", *, asked: str = "", calls: tuple[ToolCall, ...] = (), refusal: str = "", **facts: Any
) -> Exchange:
    """Make an exchange with this answer."""
    answer = Message("assistant", text, tool_calls=calls, refusal=refusal)
    messages = (Message("user", asked),) if asked else ()
    given = {"id": "x", "finish": "stop", "messages": messages, "choices": (answer,)}
    return Exchange(**(given | facts))


def schema(given: dict[str, Any]) -> ResponseFormat:
    """Ask for an answer that fits a schema."""
    return ResponseFormat("json_schema", given)


def made(cls: type[Evaluator[Any]], **params: Any) -> Evaluator[Any]:
    """Make an evaluator with these parameters."""
    return cls(cls.Params.model_validate(params))


def results(evaluator: Evaluator[Any], target: Any) -> dict[str, Result]:
    """Return results by name."""
    verdict = evaluator.evaluate(target)
    if isinstance(verdict, Result):
        return {verdict.name: verdict}
    if isinstance(verdict, list):
        return {each.name: each for each in verdict}
    return {"": Result(verdict)}  # type: ignore[arg-type]


def outcome(evaluator: Evaluator[Any], target: Any) -> Any:
    """Return the main score's value, or why it is skipped."""
    try:
        found = results(evaluator, target)
    except Skip as skip:
        return f"skip {skip}"
    return found[""].value if "" in found else None


def label(evaluator: Evaluator[Any], target: Any) -> str | None:
    """Return the main score's label."""
    return results(evaluator, target)[""].label


def scored(cls: type[Evaluator[Any]], verdict: Any) -> list[Score]:
    """Take a verdict as the host does; raise BrokenContract where it is none."""
    return scores_of(cls.name, specs_of(cls, NoParams()), given_of(verdict))
