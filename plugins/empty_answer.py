"""Is there nothing in the answer?

True: besides white space, invisible characters and U+FFFD nothing remains, and there is no tool call, refusal, picture
or sound either. What the model only thought is no answer.
"""

import unicodedata
from typing import Final

from gateway.evaluation.api import Evaluator, Exchange, Message, NoParams, ScoreSpec, Skip
from gateway_plugins._answer import TALKING, answer_of

_REPLACEMENT: Final = "\ufffd"


class EmptyAnswer(Evaluator[NoParams]):
    """Say whether an answer is empty."""

    name = "empty_answer"
    version = "1.0.0"
    scores = (ScoreSpec(direction="min"),)

    def evaluate(self, target: Exchange) -> bool:
        """Look for anything at all."""
        if not _is_filtered_before(target) and not is_empty(answer_of(target)):
            return False
        # What is missing may have been in the part that did not come, or was not kept.
        if target.is_truncated:
            raise Skip("body_cut")
        if not target.is_complete:
            raise Skip("incomplete")
        return True


def is_empty(answer: Message) -> bool:
    """Tell whether a message has nothing that anybody could see or use."""
    if answer.tool_calls or answer.refusal or answer.media:
        return False
    return not any(map(_is_visible, answer.text))


def _is_visible(character: str) -> bool:
    return not character.isspace() and character != _REPLACEMENT and unicodedata.category(character) != "Cf"


def _is_filtered_before(exchange: Exchange) -> bool:
    """A provider that blocks a prompt answers without a choice: that is as empty as can be."""
    return exchange.endpoint in TALKING and exchange.finish == "content_filter" and not exchange.choices
