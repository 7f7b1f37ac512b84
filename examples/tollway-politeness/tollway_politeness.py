"""Does an answer stay polite?"""

import re

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Result, ScoreSpec, Skip

_MOST_CHARS = 256_000  # of a longer answer its beginning is looked at
_MOST_PLACES = 20  # in the evidence


class Params(BaseModel):
    """Which words are rude."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: list[str] = Field(["idiot", "moron", "shut up"], min_length=1, description="Words that are rude.")
    most: int = Field(0, ge=0, description="How many an answer may have.")


class Politeness(Evaluator[Params]):
    """Says whether an answer has rude words, and how many."""

    name = "politeness"
    version = "0.1"
    Params = Params
    scores = (ScoreSpec(), ScoreSpec("rude_words", "numeric", low=0, direction="min"))

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        words = "|".join(re.escape(word) for word in sorted(params.words, key=len, reverse=True))
        self._rude = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)

    def evaluate(self, target: Exchange) -> list[Result]:
        """Look for rude words in the answer."""
        if not target.text:
            raise Skip("no_text")
        places = [found.start() for found in self._rude.finditer(target.text, 0, _MOST_CHARS)]
        evidence = {"offsets": places[:_MOST_PLACES]}
        return [Result(len(places) <= self.params.most, evidence=evidence), Result(len(places), name="rude_words")]
