"""Judges that nobody pays: one that answers whatever fits, and some that fail as real ones do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.evaluation.api import JudgeAnswer, JudgeError, Retryable, Skip

_DEPTH: Final = 12


class FakeJudge:
    """Answers each question by the schema that is asked for. `asked` counts; `schemas` says what was asked.

    `last`: of several values that fit it takes the last, the largest one.
    """

    def __init__(self, *, last: bool = False, fails: Callable[[], Exception] | None = None) -> None:
        self.asked = 0
        self.schemas: list[Mapping[str, Any]] = []
        self._last = last
        self._fails = fails

    async def ask(
        self, system: str, user: str, schema: Mapping[str, Any], *, max_tokens: int = 1024, temperature: float = 0.0
    ) -> JudgeAnswer:
        """Answer, or fail."""
        self.asked += 1
        self.schemas.append(schema)
        if self._fails is not None:
            raise self._fails()
        return JudgeAnswer(verdict=fitting(schema, last=self._last), model="fake")


# How a judge fails: the plugin is told by one of these, whatever was the cause.
FAILURES: Final[Mapping[str, Callable[[], Exception]]] = {
    "answers nonsense": lambda: JudgeError("judge_format"),
    "refuses": lambda: Skip("judge_refused"),
    "has no money left": lambda: Skip("budget"),
    "is busy (429)": lambda: Retryable("rate_limited"),
    "does not answer in time": lambda: Retryable("timeout"),
}


def fitting(schema: Mapping[str, Any], *, last: bool = False, depth: int = _DEPTH) -> Any:
    """Return a value that fits a JSON schema of the simple kind that judges are asked by."""
    for name in ("enum", "anyOf", "oneOf"):
        options = schema.get(name)
        if isinstance(options, Sequence) and options:
            chosen = options[-1 if last else 0]
            return chosen if name == "enum" else fitting(chosen, last=last, depth=depth)
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" and depth:
        members = schema.get("properties", {})
        return {name: fitting(inner, last=last, depth=depth - 1) for name, inner in members.items()}
    if kind == "array" and depth:
        count = schema.get("minItems", 0)
        return [fitting(schema.get("items", {}), last=last, depth=depth - 1) for _ in range(count)]
    return _plain(str(kind), schema, last)


def _plain(kind: str, schema: Mapping[str, Any], last: bool) -> Any:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("maximum", 0))
        return schema.get("maximum", low) if last else low
    return {"string": "Because.", "boolean": last, "array": [], "object": {}}.get(kind)
