"""Does a result keep what its evaluator declared? Then it becomes a score; otherwise it is an error, never a number."""

from collections.abc import Sequence

from gateway.core.score import Score
from gateway.evaluation.protocol import Given, Spec


class BrokenContract(Exception):
    """What is wrong with a result, for the plugin's author."""


def scores_of(evaluator: str, specs: Sequence[Spec], given: Sequence[Given]) -> list[Score]:
    """Check results against their specs; raise BrokenContract."""
    raise NotImplementedError
