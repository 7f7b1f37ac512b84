"""How did a conversation end?

Signs: what people said of it (feedback); the user thanks, or asks for the same thing again, or for a human; the agent
hands over; the last exchange failed, was refused, or a tool failed in it; the client left before the end. Signs that
contradict each other, and none at all, are `unknown`.
"""

from collections.abc import Iterator
from typing import Final

from gateway.evaluation.api import Conversation, Evaluator, Exchange, Needs, NoParams, Result, ScoreSpec, Skip
from gateway_plugins._answer import CLIENT_LEFT, is_refused
from gateway_plugins._patterns import compiled
from gateway_plugins._similarity import token_f1
from gateway_plugins._text import capped, words

LABELS: Final = ("resolved", "unresolved", "abandoned", "escalated", "unknown")
_SAME: Final = 0.8
_FEWEST_WORDS: Final = 3  # "yes" twice is no repetition
_MOST_TURNS: Final = 50
_MOST_CHARS: Final = 4_000
_GOOD: Final = frozenset(
    {"good", "positive", "resolved", "yes", "up", "thumbs_up", "helpful", "like", "solved", "correct"}
)
_BAD: Final = frozenset({"bad", "negative", "unresolved", "no", "down", "thumbs_down", "unhelpful", "dislike", "wrong"})
_THANKS: Final = compiled(
    r"\b(?:thanks|thank you|thx|cheers|much appreciated|that (?:worked|works|helped|solved)|perfect|danke|vielen dank|"
    r"merci|gracias|grazie|obrigad[oa]|bedankt|tack|dziękuję|teşekkür)\b|спасибо|дякую|谢谢|謝謝|ありがとう|감사|شكرا",
    ignore_case=True,
)
_NO_THANKS: Final = compiled(
    r"\b(?:no thanks|thanks for nothing|thanks,? but|thank you,? but|not perfect)\b", ignore_case=True
)
_HUMAN: Final = compiled(
    r"\b(?:talk|speak|connect|transfer|escalate|chat)\w*\b[^.?!\n]{0,30}\b(?:human|person|representative|supervisor|"
    r"manager|"
    r"someone|support team|support agent|live agent|operator)\b|\breal (?:person|human)\b|\bmit einem (?:menschen|"
    r"mitarbeiter)\b|"
    r"\bparler à (?:un humain|quelqu'un|un conseiller)\b|\bhablar con (?:un humano|una persona|un agente)\b",
    ignore_case=True,
)
_HANDOVER: Final = compiled(
    r"(?:escalat|hand_?-?(?:off|over)|transfer_?to_?(?:human|agent|support)|human_?(?:agent|support|takeover))",
    ignore_case=True,
)


class ConversationOutcome(Evaluator[NoParams]):
    """Say how a conversation ended."""

    name = "conversation_outcome"
    version = "1.0.0"
    needs = Needs(unit="conversation")
    scores = (ScoreSpec(type="categorical", labels=LABELS, passing=("resolved",)),)

    def evaluate(self, target: Conversation) -> Result:
        """Collect signs; they must agree."""
        if not target.exchanges:
            raise Skip("empty")
        signs = [*_of_feedback(target), *_of_words(target), *_of_the_end(target.exchanges[-1])]
        labels = {label for label, _ in signs}
        label = labels.pop() if len(labels) == 1 else "unknown"
        return Result(label, evidence={"signs": [sign for _, sign in signs]})


def _of_feedback(target: Conversation) -> Iterator[tuple[str, str]]:
    for value in target.feedback.values():
        good = _is_good(value)
        if good is not None:
            yield ("resolved" if good else "unresolved"), "feedback"


def _is_good(value: bool | float | str) -> bool | None:
    """Read what somebody said. Numbers are from 0 to 1, or -1 for no; the middle says nothing."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _GOOD else False if word in _BAD else None
    return None if value == 0.5 or value > 1 else value > 0.5


def _of_words(target: Conversation) -> Iterator[tuple[str, str]]:
    said = [
        message.text[:_MOST_CHARS] for message in target.messages if message.role == "user" and message.text.strip()
    ]
    if not said:
        return
    last, earlier = said[-1], said[-1 - _MOST_TURNS : -1]
    if _THANKS.search(last) and not _NO_THANKS.search(last):
        yield "resolved", "thanks"
    if len(words(last)) >= _FEWEST_WORDS and any(token_f1(last, each) >= _SAME for each in earlier):
        yield "unresolved", "repeats"
    if _HUMAN.search(capped(last)[0]):
        yield "escalated", "asks_for_human"


def _of_the_end(last: Exchange) -> Iterator[tuple[str, str]]:
    calls = last.tool_calls
    if any(_HANDOVER.search(call.name) for call in calls):
        yield "escalated", "hands_over"
    if last.outcome == CLIENT_LEFT:
        yield "abandoned", "client_left"
    elif last.status is None or not 200 <= last.status < 300 or last.outcome != "ok":
        yield "unresolved", "failed"
    elif is_refused(last) or last.finish == "content_filter":
        yield "unresolved", "refused"
    elif _tool_failed(last):
        yield "unresolved", "tool_failed"


def _tool_failed(last: Exchange) -> bool:
    """The last thing that the model was told is that a tool failed, and it called no other since."""
    newest = last.messages[-1].tool_results if last.messages else ()
    return bool(newest) and all(result.is_error for result in newest) and not last.tool_calls
