"""Is the answer JSON, where the request asks for JSON?

The answer is read strictly: nothing but white space may stand around the document, and NaN, Infinity and duplicate keys
are errors. Where any JSON object is asked for (`json_object`), it must be one. `recoverable` says whether a forgiving
reader could still use the answer: without its code fence, or from its first brace on.
"""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Result, ScoreSpec, Skip
from gateway_plugins._answer import is_refused, whole_answer_of
from gateway_plugins._json import NotJson, first_object, read
from gateway_plugins._text import capped

_FENCE: Final = "```"


class JsonParams(BaseModel):
    """How JSON is looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force: bool = Field(default=False, description="Look at every answer, also where the request asks for no JSON.")


class JsonValid(Evaluator[JsonParams]):
    """Check that what should be JSON is JSON."""

    name = "json_valid"
    version = "1.0.0"
    Params = JsonParams
    scores = (ScoreSpec(), ScoreSpec("recoverable"))

    def evaluate(self, target: Exchange) -> list[Result]:
        """Read the answer as JSON."""
        kind = target.response_format.kind
        if kind == "text" and not self.params.force:
            raise Skip("no_json_asked")
        text = json_text_of(target)
        text, evidence = capped(text)
        problem = "truncated" if target.finish == "length" else problem_of(text, kind)
        recoverable = problem is None or _is_recoverable(text, kind)
        return [
            Result(problem is None, label=problem or "valid", evidence=evidence),
            Result(recoverable, "recoverable"),
        ]


def json_text_of(exchange: Exchange) -> str:
    """Return the text that should be JSON; skip answers that are something else by right."""
    answer = whole_answer_of(exchange)
    if is_refused(exchange):
        raise Skip("refused")
    if exchange.finish == "content_filter":
        raise Skip("filtered")
    if answer.tool_calls and not answer.text.strip():
        raise Skip("tool_calls")
    return answer.text


def problem_of(text: str, kind: str) -> str | None:
    """Say in one word why a text is not the JSON that was asked for."""
    try:
        value = read(text)
    except NotJson as no:
        stripped = text.strip()
        if not stripped:
            return "empty"
        return "fenced" if stripped.startswith(_FENCE) and stripped.endswith(_FENCE) else str(no)
    return None if _fits(value, kind) else "not_an_object"


def _is_recoverable(text: str, kind: str) -> bool:
    try:
        inside = _inside_fence(text)
        if inside is not None and _fits(read(inside), kind):
            return True
    except NotJson:
        pass
    try:
        first_object(text)
    except NotJson:
        return False
    return True


def _inside_fence(text: str) -> str | None:
    """Return what stands between the first line of a fence and its end."""
    _, opened, rest = text.partition(_FENCE)
    _, line_ended, rest = rest.partition("\n")
    inside, closed, _ = rest.partition(_FENCE)
    return inside if opened and line_ended and closed else None


def _fits(value: Any, kind: str) -> bool:
    return kind != "json_object" or isinstance(value, dict)
