"""How near is the answer to the expected one?

`token_f1`: words that both have. `levenshtein`: characters that must be changed. `rouge_l`: the longest sequence of
words that both have in one order. `chrf2`: sequences of 1 to 6 characters, as translations are measured. Texts above
20,000 characters are skipped.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Needs, Result, ScoreSpec, Skip
from gateway_plugins._answer import words_of
from gateway_plugins._similarity import MEASURES

_MOST_CHARS: Final = 20_000


class SimilarityParams(BaseModel):
    """How nearness is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Literal["token_f1", "levenshtein", "rouge_l", "chrf2"] = Field(
        default="token_f1", description="Which measure."
    )


class TextSim(Evaluator[SimilarityParams]):
    """Compare an answer with the expected one, by degrees."""

    name = "text_sim"
    version = "1.0.0"
    Params = SimilarityParams
    needs = Needs(reference=True)
    scores = (ScoreSpec(type="numeric", low=0, high=1),)

    def evaluate(self, target: Exchange) -> Result:
        """Measure."""
        if target.reference is None:
            raise Skip("no_reference")
        if not isinstance(target.reference, str):
            raise Skip("reference_not_text")
        text = words_of(target)
        if max(len(text), len(target.reference)) > _MOST_CHARS:
            raise Skip("too_long")
        return Result(MEASURES[self.params.metric](text, target.reference))
