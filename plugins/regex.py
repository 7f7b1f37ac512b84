"""Does the answer match these patterns, and not those? All (or any) of `must_match`, and none of `must_not_match`.

A pattern may match anywhere; `^` and `$` are the ends of the answer. RE2 runs them, in time that grows with the text
only. What RE2 does not know (look-around, back references) Python runs, and the time limit ends it if need be.
"""

from typing import Any

from pydantic import model_validator

from gateway.evaluation.api import Evaluator, Exchange, Result
from gateway_plugins._answer import words_of
from gateway_plugins._matching import Conditions, spelled, verdict
from gateway_plugins._patterns import compiled_somehow
from gateway_plugins._text import capped


class RegexParams(Conditions):
    """Patterns that must match, and such as must not."""

    @model_validator(mode="after")
    def _compiles(self) -> "RegexParams":
        for pattern in (*self.must_match, *self.must_not_match):
            compiled_somehow(pattern)
        return self


class Regex(Evaluator[RegexParams]):
    """Match an answer against patterns."""

    name = "regex"
    version = "1.0.0"
    Params = RegexParams

    def __init__(self, params: RegexParams, judge: Any = None) -> None:
        super().__init__(params, judge)
        self._wanted = self._compiled(params.must_match)
        self._unwanted = self._compiled(params.must_not_match)

    def evaluate(self, target: Exchange) -> Result:
        """Try each pattern."""
        whole, evidence = capped(words_of(target))
        text = spelled(whole, self.params)
        wanted = [pattern.search(text) is not None for pattern in self._wanted]
        unwanted = [pattern.search(text) is not None for pattern in self._unwanted]
        return verdict(wanted, unwanted, self.params.mode, evidence)

    def _compiled(self, patterns: list[str]) -> list[Any]:
        return [compiled_somehow(pattern, ignore_case=self.params.ignore_case) for pattern in patterns]
