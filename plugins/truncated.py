"""Did the answer come to its end?

`length`: the model reached the limit of tokens. `reasoning_exhausted`: it did so while it still thought, and said
nothing. `aborted`: the client went away. `no_finish`: the provider's answer broke off without saying why. Requests that
want a few tokens only (`max_tokens` of 16 or less) mean it that way and are skipped.
"""

from typing import Final

from gateway.evaluation.api import Evaluator, Exchange, NoParams, Result, ScoreSpec, Skip
from gateway_plugins._answer import CLIENT_LEFT, answer_of

_FEW_TOKENS: Final = 16
LABELS: Final = ("no", "length", "aborted", "no_finish", "reasoning_exhausted")


class Truncated(Evaluator[NoParams]):
    """Say whether and why an answer ends too early."""

    name = "truncated"
    version = "1.0.0"
    scores = (ScoreSpec(type="categorical", labels=LABELS, passing=("no",)),)

    def evaluate(self, target: Exchange) -> Result:
        """Look at how the answer ended."""
        if target.max_tokens is not None and target.max_tokens <= _FEW_TOKENS:
            raise Skip("intended")
        if target.outcome == CLIENT_LEFT:
            return Result("aborted")
        answer = answer_of(target)
        if target.finish == "length":
            said = answer.text.strip() or answer.tool_calls
            thought = target.usage is not None and target.usage.reasoning_tokens > 0
            return Result("reasoning_exhausted" if thought and not said else "length")
        if target.is_complete:
            return Result("no")
        return Result("no_finish")
