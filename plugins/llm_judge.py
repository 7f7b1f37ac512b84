"""A model reads the answer and judges it by one criterion: yes or no, a level, a number, a label, or a list of checks.

The judge sees the conversation as far as `show` says and the answer, between marks that the data cannot hold. It gives
its evidence first and its verdict last. `cannot_judge` is a verdict, too: such exchanges are skipped.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.evaluation.api import Evaluator, Exchange, JudgeAnswer, Needs, Result, ScoreSpec, Skip
from gateway_plugins._judging import FAIR, MARKS, conversation, quoted, same_family, view, words

CANNOT = "cannot_judge"


class Check(BaseModel):
    """One yes-or-no question of a list. `weight`: its share of the score."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    text: str = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0)


class LlmJudgeParams(BaseModel):
    """`rubric`: what is judged, one criterion; from a file with `{ file = "evaluation/helpful.md" }`. `scale`: boolean
    | ordinal | numeric | categorical | checks. `levels`: what each level of an ordinal scale means, the worst first.
    `low`, `high`: of a number. `labels`, `passing`: of a category. `checks`: of a list. `show`: answer | question |
    conversation. `explain`: the judge gives evidence and reasons first. `samples`: ask so often, and take the middle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: str = Field(min_length=1, max_length=20_000)
    scale: Literal["boolean", "ordinal", "numeric", "categorical", "checks"] = "boolean"
    levels: tuple[str, ...] = ("very bad", "bad", "fair", "good", "very good")
    low: float = 0.0
    high: float = 1.0
    labels: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    show: Literal["answer", "question", "conversation"] = "question"
    with_reference: bool = False
    explain: bool = True
    samples: int = Field(default=1, ge=1, le=9)
    max_chars: int = Field(default=24_000, ge=100, le=400_000)
    max_tokens: int = Field(default=1024, ge=16, le=32_000)
    temperature: float = Field(default=0.0, ge=0, le=2)

    @model_validator(mode="after")
    def _fits(self) -> "LlmJudgeParams":
        needed = {"categorical": ("labels", self.labels), "checks": ("checks", self.checks)}
        name, given = needed.get(self.scale, ("", True))
        if not given:
            raise ValueError(f'scale = "{self.scale}" needs `{name}`')
        if self.scale == "ordinal" and not 2 <= len(self.levels) <= 9:
            raise ValueError("an ordinal scale has 2 to 9 levels")
        if self.scale == "numeric" and self.low >= self.high:
            raise ValueError("low must be below high")
        if CANNOT in self.labels:
            raise ValueError(f"the label {CANNOT} is the judge's own")
        return self


class LlmJudge(Evaluator[LlmJudgeParams]):
    """One criterion, judged by a model."""

    name = "llm_judge"
    version = "1.0.0"
    Params = LlmJudgeParams
    needs = Needs(judge=True, max_judge_calls=9, wall_s=600.0)

    @classmethod
    def scores_for(cls, params: LlmJudgeParams) -> tuple[ScoreSpec, ...]:
        """Give the main score of the scale, and one for each check."""
        specs = {
            "boolean": ScoreSpec(),
            "ordinal": ScoreSpec(type="numeric", low=1, high=len(params.levels)),
            "numeric": ScoreSpec(type="numeric", low=params.low, high=params.high),
            "categorical": ScoreSpec(
                type="categorical",
                labels=params.labels,
                passing=params.passing,
                direction="max" if params.passing else "none",
            ),
            "checks": ScoreSpec(type="numeric", low=0, high=1),
        }
        return (specs[params.scale], *(ScoreSpec(check.name) for check in params.checks if params.scale == "checks"))

    async def evaluate(self, exchange: Exchange) -> Sequence[Result]:
        """Show the exchange to the judge, as often as asked for."""
        shown, nonce = view(self._parts(exchange), self.params.max_chars)
        system = self._system(nonce)
        answers = [await self._ask(system, shown) for _ in range(self.params.samples)]
        verdicts = [answer.verdict for answer in answers]
        if all(_declines(verdict) for verdict in verdicts):
            raise Skip(CANNOT)
        return self._results(exchange, shown, [each for each in answers if not _declines(each.verdict)])

    def _parts(self, exchange: Exchange) -> list[tuple[str, str]]:
        if not (answer := words(exchange.answer)):
            raise Skip("no_answer")
        parts = []
        if self.params.show == "conversation":
            parts.append(("conversation", conversation(exchange.messages)))
        elif self.params.show == "question":
            if not exchange.asked:
                raise Skip("unmapped:question")
            parts.append(("question", exchange.asked))
        if self.params.with_reference:
            if exchange.reference is None:
                raise Skip("no_reference")
            parts.append(("reference", str(exchange.reference)))
        return [*parts, ("answer", answer)]

    async def _ask(self, system: str, shown: str) -> JudgeAnswer:
        return await self.judge.ask(
            system, shown, self._schema(), max_tokens=self.params.max_tokens, temperature=self.params.temperature
        )

    def _system(self, nonce: str) -> str:
        lines = [
            "You are a strict and fair judge of the answer of an AI assistant.",
            f"The criterion:\n{self.params.rubric.strip()}",
            self._scale(),
            MARKS.format(nonce=nonce),
            FAIR,
            f'If what you are shown is not enough to decide, the verdict is "{CANNOT}".',
        ]
        if self.params.explain:
            lines.append("Quote the evidence word for word, then reason in a few sentences, then give the verdict.")
        return "\n\n".join(lines)

    def _scale(self) -> str:
        params = self.params
        levels = "\n".join(f"{at} = {text}" for at, text in enumerate(params.levels, 1))
        checks = "\n".join(f"{check.name}: {check.text}" for check in params.checks)
        return {
            "boolean": 'The verdict is "yes" if the answer meets the criterion, otherwise "no".',
            "ordinal": f"The verdict is one of these levels:\n{levels}",
            "numeric": f"The verdict is a number from {params.low:g} to {params.high:g}; higher is better.",
            "categorical": f"The verdict is one of: {', '.join(params.labels)}.",
            "checks": f'Answer each of these with "yes" or "no":\n{checks}',
        }[params.scale]

    def _schema(self) -> dict[str, Any]:
        params = self.params
        choice = {
            "boolean": ["yes", "no"],
            "ordinal": [str(at) for at in range(1, len(params.levels) + 1)],
            "categorical": list(params.labels),
        }
        members: dict[str, Any] = {}
        if params.explain:
            members["evidence"] = {"type": "array", "items": {"type": "string"}}
            members["reasoning"] = {"type": "string"}
        if params.scale == "checks":
            members |= {check.name: {"type": "string", "enum": ["yes", "no", CANNOT]} for check in params.checks}
        elif params.scale == "numeric":
            members["verdict"] = {"anyOf": [{"type": "number"}, {"type": "string", "enum": [CANNOT]}]}
        else:
            members["verdict"] = {"type": "string", "enum": [*choice[params.scale], CANNOT]}
        return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}

    def _results(self, exchange: Exchange, shown: str, answers: list[JudgeAnswer]) -> list[Result]:
        first = answers[0]
        evidence: dict[str, Any] = {"judge": first.model, "same_family": same_family(first.model, exchange)}
        if len(answers) > 1:
            evidence["samples"] = [_told(answer.verdict) for answer in answers]
        shares = [quoted(answer.verdict.get("evidence"), shown) for answer in answers]
        known = [share for share in shares if share is not None]
        value, agreement = self._value(answers)
        told = {"evidence": evidence, "comment": first.verdict.get("reasoning")}
        confidence = min([agreement, *known]) if known or len(answers) > 1 else None
        return [Result(value, confidence=confidence, **told), *self._checks(answers)]

    def _value(self, answers: list[JudgeAnswer]) -> tuple[bool | float | str, float]:
        """Return the middle of the verdicts, and how far they agree."""
        scale = self.params.scale
        if scale == "checks":
            shares = [self._share(answer.verdict) for answer in answers]
            return sum(shares) / len(shares), 1 - (max(shares) - min(shares))
        if scale == "numeric":
            numbers = sorted(float(answer.verdict["verdict"]) for answer in answers)
            spread = (numbers[-1] - numbers[0]) / (self.params.high - self.params.low)
            return sum(numbers) / len(numbers), max(0.0, 1 - spread)
        if scale == "ordinal":
            levels = sorted(int(answer.verdict["verdict"]) for answer in answers)
            return sum(levels) / len(levels), 1 - (levels[-1] - levels[0]) / (len(self.params.levels) - 1)
        (verdict, votes), *_ = Counter(str(answer.verdict["verdict"]) for answer in answers).most_common()
        return (verdict == "yes" if scale == "boolean" else verdict), votes / len(answers)

    def _share(self, verdict: Any) -> float:
        """Return the weight of the checks that are met, of those that could be judged."""
        judged = [check for check in self.params.checks if verdict[check.name] != CANNOT]
        met = sum(check.weight for check in judged if verdict[check.name] == "yes")
        return met / sum(check.weight for check in judged)

    def _checks(self, answers: list[JudgeAnswer]) -> list[Result]:
        if self.params.scale != "checks":
            return []
        results = []
        for check in self.params.checks:
            votes = [answer.verdict[check.name] for answer in answers if answer.verdict[check.name] != CANNOT]
            if votes:
                results.append(Result(votes.count("yes") * 2 > len(votes), name=check.name))
        return results


def _declines(verdict: Any) -> bool:
    if "verdict" in verdict:
        return bool(verdict["verdict"] == CANNOT)
    return all(value == CANNOT for name, value in verdict.items() if name not in ("evidence", "reasoning"))


def _told(verdict: Any) -> Any:
    return verdict.get("verdict", {name: value for name, value in verdict.items() if name != "reasoning"})
