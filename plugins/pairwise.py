"""A model compares two answers to the same question, twice, with their places swapped.

Equal verdicts count; one win and one tie is a tie; opposite verdicts are `inconsistent`: the judge looked at the place,
not at the answer. Equal texts are a tie without a call. The score is 1 where A wins, 0 where B does, else a half.
"""

from hashlib import sha256
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, JudgeAnswer, Needs, Pair, Result, ScoreSpec, Skip
from gateway_plugins._judging import FAIR, MARKS, conversation, same_family, view, words

_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "verdict": {"type": "string", "enum": ["first", "second", "tie", "cannot_judge"]},
    },
    "required": ["reasoning", "verdict"],
    "additionalProperties": False,
}
_POINTS: Final = {"A": 1.0, "B": 0.0, "tie": 0.5, "inconsistent": 0.5}


class PairwiseParams(BaseModel):
    """`rubric`: what makes an answer better. `order`: both (swapped, two calls) | one (a place by lot, one call)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: str = Field(default="The better answer is correct, complete, and does what was asked.", min_length=1)
    order: Literal["both", "one"] = "both"
    max_chars: int = Field(default=24_000, ge=100, le=400_000)
    max_tokens: int = Field(default=1024, ge=16, le=32_000)


class Pairwise(Evaluator[PairwiseParams]):
    """Which of two answers is better, judged by a model."""

    name = "pairwise"
    version = "1.0.0"
    Params = PairwiseParams
    needs = Needs(judge=True, max_judge_calls=2, unit="pair", wall_s=600.0)
    scores = (
        ScoreSpec(type="categorical", labels=("A", "B", "tie", "inconsistent"), direction="none"),
        ScoreSpec("points", type="numeric", low=0, high=1),
    )

    async def evaluate(self, pair: Pair) -> list[Result]:
        """Let the judge compare, in both orders."""
        if not pair.a.text or not pair.b.text:
            raise Skip("no_answer")
        if words(pair.a.answer) == words(pair.b.answer):
            return _results("tie", {"identical": True}, None)
        if self.params.order == "one":
            swapped = sha256(f"{pair.a.id}|{pair.b.id}".encode()).digest()[0] % 2 == 1
            answer = await self._ask(pair, swapped=swapped)
            verdict = _winner(answer, swapped=swapped)
            return _results(verdict, _evidence(answer, pair, [verdict]), answer.verdict["reasoning"])
        answers = [await self._ask(pair, swapped=swapped) for swapped in (False, True)]
        winners = [_winner(answer, swapped=swapped) for answer, swapped in zip(answers, (False, True), strict=True)]
        return _results(_agreed(*winners), _evidence(answers[0], pair, winners), answers[0].verdict["reasoning"])

    async def _ask(self, pair: Pair, *, swapped: bool) -> JudgeAnswer:
        first, second = (pair.b, pair.a) if swapped else (pair.a, pair.b)
        parts = [
            ("conversation", conversation(pair.a.messages)),
            ("first", words(first.answer)),
            ("second", words(second.answer)),
        ]
        shown, nonce = view(parts, self.params.max_chars)
        system = "\n\n".join(
            [
                "You compare two answers of AI assistants to the same conversation, strictly and fairly.",
                f"What counts:\n{self.params.rubric.strip()}",
                'The verdict is "first", "second" or "tie"; "cannot_judge" if what you are shown is not enough.',
                MARKS.format(nonce=nonce),
                FAIR,
                "In which place an answer stands means nothing. Reason in a few sentences, then give the verdict.",
            ]
        )
        answer = await self.judge.ask(system, shown, _SCHEMA, max_tokens=self.params.max_tokens)
        if answer.verdict["verdict"] == "cannot_judge":
            raise Skip("cannot_judge")
        return answer


def _winner(answer: JudgeAnswer, *, swapped: bool) -> str:
    verdict = answer.verdict["verdict"]
    if verdict == "tie":
        return "tie"
    return "A" if (verdict == "first") != swapped else "B"


def _agreed(one: str, other: str) -> str:
    if one == other:
        return one
    return "tie" if "tie" in (one, other) else "inconsistent"


def _evidence(answer: JudgeAnswer, pair: Pair, winners: list[str]) -> dict[str, Any]:
    longer = _chars(pair.a) / max(1, _chars(pair.b))
    return {
        "judge": answer.model,
        "winners": winners,
        "length_ratio": round(longer, 3),
        "same_family": [same_family(answer.model, each) for each in (pair.a, pair.b)],
    }


def _chars(exchange: Exchange) -> int:
    return len(words(exchange.answer))


def _results(verdict: str, evidence: dict[str, Any], reasoning: Any) -> list[Result]:
    return [
        Result(verdict, comment=reasoning, evidence=evidence),
        Result(_POINTS[verdict], name="points"),
    ]
