"""Did the exchange keep its objectives: time, time to the first token, cost, tokens, tokens a second?

Say at least one. Each objective that could be measured gives a score of its own; the main score is True if all are
kept, and is left out where one could not be measured though it applies (an unknown price is not a low one). The time to
the first token and tokens a second apply to streams only, the latter from 20 tokens on.
"""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.evaluation.api import Evaluator, Exchange, Needs, Result, ScoreSpec, Skip
from gateway_plugins._answer import facts_of

_FEW_TOKENS: Final = 20


class SloParams(BaseModel):
    """The objectives; None: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: float | None = Field(
        default=None, gt=0, description="From the request to the end of the answer, at most."
    )
    ttft_ms: float | None = Field(default=None, gt=0, description="To the first token of a stream, at most.")
    cost_usd: float | None = Field(default=None, ge=0, description="What the exchange may cost.")
    output_tokens: int | None = Field(default=None, gt=0, description="Tokens of the answer, at most.")
    tokens_per_second: float | None = Field(default=None, gt=0, description="Behind the first token, at least.")

    @model_validator(mode="after")
    def _says_something(self) -> "SloParams":
        if all(value is None for value in self.model_dump().values()):
            raise ValueError(f"say at least one objective: {', '.join(type(self).model_fields)}")
        return self


class NotApplicable(Exception):
    """An objective says nothing about this exchange."""


class Slo(Evaluator[SloParams]):
    """Compare an exchange with its objectives."""

    name = "slo"
    version = "1.0.0"
    Params = SloParams
    needs = Needs(content=False)
    scores = (ScoreSpec(), *(ScoreSpec(name) for name in SloParams.model_fields))

    def __init__(self, params: SloParams, judge: Any = None) -> None:
        super().__init__(params, judge)
        self._objectives = [(name, bound) for name, bound in params if bound is not None]

    def evaluate(self, target: Exchange) -> list[Result]:
        """Measure what there is an objective for."""
        facts_of(target)
        results: list[Result] = []
        unknown: list[str] = []
        for name, bound in self._objectives:
            try:
                measured = _MEASURES[name](target)
            except NotApplicable:
                continue
            if measured is None:
                unknown.append(name)
                continue
            is_kept = measured >= bound if name == "tokens_per_second" else measured <= bound
            results.append(Result(is_kept, name, evidence={"measured": round(measured, 9), "objective": bound}))
        return _with_main(results, unknown)


def _with_main(parts: list[Result], unknown: list[str]) -> list[Result]:
    missed = [part.name for part in parts if not part.value]
    if missed:
        return [Result(False, evidence={"missed": missed}), *parts]
    if unknown and not parts:
        raise Skip(f"unknown_{unknown[0]}")
    if not parts:
        raise Skip("not_applicable")
    return parts if unknown else [Result(True), *parts]


def _output_tokens(target: Exchange) -> int | None:
    return target.usage.output_tokens if target.usage is not None else None


def _first_token_ms(target: Exchange) -> float | None:
    if not target.stream:
        raise NotApplicable
    return target.first_token_ms


def _tokens_per_second(target: Exchange) -> float | None:
    tokens, first_ms = _output_tokens(target), _first_token_ms(target)
    if tokens is not None and tokens < _FEW_TOKENS:
        raise NotApplicable
    if tokens is None or first_ms is None or target.duration_ms is None or target.duration_ms <= first_ms:
        return None
    return tokens / (target.duration_ms - first_ms) * 1000


_MEASURES: Final = {
    "latency_ms": lambda target: target.duration_ms,
    "ttft_ms": _first_token_ms,
    "cost_usd": lambda target: target.cost_usd,
    "output_tokens": _output_tokens,
    "tokens_per_second": _tokens_per_second,
}
