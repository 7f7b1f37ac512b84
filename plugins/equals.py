"""Is the answer this value, or the expected answer where there is one?

`expected` is compared; without it, the reference of the exchange. With `as_json` both are read as JSON and compared by
value: 1 equals 1.0, True is not 1, and the order of members does not matter.
"""

from contextlib import suppress
from typing import Any

from pydantic import Field

from gateway.evaluation.api import Evaluator, Exchange, Result, Skip
from gateway_plugins._answer import words_of
from gateway_plugins._json import NotJson, equal, read
from gateway_plugins._matching import Spelling, spelled
from gateway_plugins._text import capped


class EqualsParams(Spelling):
    """What the answer must be."""

    expected: Any = Field(default=None, description="The answer; without it the exchange's reference.")
    as_json: bool = Field(default=False, description="Compare JSON values instead of texts.")


class Equals(Evaluator[EqualsParams]):
    """Compare an answer with the expected one."""

    name = "equals"
    version = "1.0.0"
    Params = EqualsParams

    def evaluate(self, target: Exchange) -> Result:
        """Compare."""
        expected = target.reference if self.params.expected is None else self.params.expected
        if expected is None:
            raise Skip("no_reference")
        text, evidence = capped(words_of(target))
        if self.params.as_json:
            return _compared(text, expected, evidence)
        if not isinstance(expected, str):
            raise Skip("reference_not_text")
        is_equal = spelled(text, self.params, fold=True) == spelled(expected, self.params, fold=True)
        return Result(is_equal, evidence=evidence)


def _compared(text: str, expected: Any, evidence: dict[str, Any]) -> Result:
    """Compare by value. A text that is no JSON itself is a string that is expected."""
    try:
        value = read(text)
    except NotJson as no:
        return Result(False, label=str(no), evidence=evidence)
    if isinstance(expected, str):
        with suppress(NotJson):
            expected = read(expected)
    try:
        return Result(equal(value, expected), evidence=evidence)
    except RecursionError:
        return Result(False, label="too_deep", evidence=evidence)
