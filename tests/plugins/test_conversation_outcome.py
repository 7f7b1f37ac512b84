"""How conversations end."""

import pytest

from gateway.evaluation.api import Conversation, Exchange, Message, ToolCall, ToolResult
from gateway_plugins.conversation_outcome import ConversationOutcome
from tests.plugins.making import made, outcome, results

PLUGIN = made(ConversationOutcome)


def talk(*said: str, feedback: dict[str, bool | float | str] | None = None, **facts: object) -> Conversation:
    """Make a conversation in which user and assistant take turns; the user's word is the last but one."""
    roles = ["user", "assistant"] * len(said)
    messages = tuple(Message(role, text) for role, text in zip(roles, said, strict=False))  # type: ignore[arg-type]
    given = {"id": "x", "messages": messages, "choices": (Message("assistant", "Fine."),), "finish": "stop"}
    return Conversation(session="s", exchanges=(Exchange(**(given | facts)),), feedback=feedback or {})


@pytest.mark.parametrize(
    ("conversation", "expected", "signs"),
    [
        (talk("My printer is broken."), "unknown", []),
        (talk("My printer is broken.", "Turn it on.", "Thanks, that helped!"), "resolved", ["thanks"]),
        (talk("Drucker kaputt", "An?", "Vielen Dank!"), "resolved", ["thanks"]),
        (talk("Hi", "Hi", "Thanks, but it is still broken"), "unknown", []),
        (talk("my printer is broken", "On?", "My printer is broken!"), "unresolved", ["repeats"]),
        (talk("yes", "Really?", "yes"), "unknown", []),
        (talk("is my printer broken", "On?", "is my printer new"), "unknown", []),
        (talk("I want to talk to a human"), "escalated", ["asks_for_human"]),
        (talk("Hi", choices=(Message("assistant", tool_calls=(ToolCall("c", "transfer_to_human", "{}"),)),)),
         "escalated", ["hands_over"]),
        (talk("Hi", outcome="cancelled", status=None), "abandoned", ["client_left"]),
        (talk("Hi", outcome="upstream_error", status=502), "unresolved", ["failed"]),
        (talk("Hi", finish="refusal"), "unresolved", ["refused"]),
        (talk("Hi", finish="content_filter"), "unresolved", ["refused"]),
        (talk("Hi", feedback={"helpful": True}), "resolved", ["feedback"]),
        (talk("Hi", feedback={"helpful": False}), "unresolved", ["feedback"]),
        (talk("Hi", feedback={"stars": 0.2}), "unresolved", ["feedback"]),
        (talk("Hi", feedback={"stars": 0.9}), "resolved", ["feedback"]),
        (talk("Hi", feedback={"stars": 4, "mood": "grey", "half": 0.5}), "unknown", []),
        (talk("Hi", feedback={"vote": "thumbs_down"}), "unresolved", ["feedback"]),
        (talk("Hi", "Hi", "Thanks!", feedback={"helpful": False}), "unknown", ["feedback", "thanks"]),
        (talk("Hi", "Hi", "Thanks!", feedback={"helpful": True}), "resolved", ["feedback", "thanks"]),
    ],
)  # fmt: skip
def test_outcome(conversation: Conversation, expected: str, signs: list[str]) -> None:
    """Signs that agree decide, signs that contradict each other and none do not; all are told."""
    assert expected == outcome(PLUGIN, conversation)
    assert {"signs": signs} == results(PLUGIN, conversation)[""].evidence


@pytest.mark.parametrize(("failed", "goes_on", "expected"), [
    (True, False, "unresolved"), (False, False, "unknown"), (True, True, "unknown"),
])  # fmt: skip
def test_failed_tool_ends_badly(failed: bool, goes_on: bool, expected: str) -> None:
    """If it is the last thing that happened: an agent that tries again has not given up."""
    told = Message("tool", tool_results=(ToolResult("c", "no", is_error=failed),))
    calls = (ToolCall("d", "again", "{}"),) if goes_on else ()

    conversation = talk(messages=(Message("user", "Hi"), told), choices=(Message("assistant", tool_calls=calls),))
    assert expected == outcome(PLUGIN, conversation)


def test_nothing_happened() -> None:
    """No exchange, no outcome."""
    assert "skip empty" == outcome(PLUGIN, Conversation(session="s", exchanges=()))
