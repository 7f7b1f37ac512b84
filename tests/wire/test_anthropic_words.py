"""What is text in Anthropic's answers, and what is not."""

from typing import Any

import pytest

from gateway.wire.anthropic_words import ANSWERS, EVENTS
from gateway.wire.guess import ANTHROPIC, Guess

TEXT = "fourteen bytes"  # four tokens
CALL = ANTHROPIC.call_tokens + 4
SEAL = "x" * (250 + 160)  # thirty tokens
FOUND = {"type": "web_search_tool_result", "content": [{"encrypted_content": "x" * 9999, "title": TEXT}]}


def counted(document: dict[str, Any], read: Any = ANSWERS.read) -> tuple[float, float]:
    """Return what flows and what does not."""
    guess = Guess(ANTHROPIC)
    read(document, guess)
    return round(guess.flow()), round(guess.once())


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "text", "text": TEXT, "citations": [{"cited_text": TEXT}]}, (4, 0)),
        ({"type": "thinking", "thinking": TEXT, "signature": SEAL}, (4, 26)),
        ({"type": "thinking", "thinking": "", "signature": SEAL}, (0, 30)),
        ({"type": "redacted_thinking", "data": SEAL}, (0, 30)),
        ({"type": "tool_use", "id": "toolu_1", "name": TEXT, "input": {"city": "Paris1"}}, (0, CALL + 5)),
        ({"type": "server_tool_use", "name": TEXT, "input": {}}, (0, CALL)),
        ({"type": "compaction", "content": TEXT}, (4, 0)),
        (FOUND, (0, 0)),
    ],
)
def test_a_block_says_its_text_thinking_and_calls(block: dict[str, Any], expected: tuple[float, float]) -> None:
    """What a server's tool found was read, not written."""
    assert expected == counted({"id": "msg_1", "content": [block]})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}}, (4, 0)),
        ({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": TEXT}}, (4, 0)),
        ({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": TEXT}}, (4, 0)),
        ({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": SEAL}}, (0, 30)),
        ({"type": "content_block_delta", "delta": {"type": "compaction_delta", "content": TEXT}}, (4, 0)),
        ({"type": "content_block_delta", "delta": {"type": "citations_delta", "citation": {"text": TEXT}}}, (0, 0)),
        ({"type": "content_block_start", "content_block": {"type": "tool_use", "name": TEXT}}, (0, CALL)),
        ({"type": "content_block_start", "content_block": {"type": "redacted_thinking", "data": SEAL}}, (0, 30)),
        ({"type": "content_block_start", "content_block": FOUND}, (0, 0)),
        ({"type": "message_start", "message": {"content": [{"type": "text", "text": TEXT}]}}, (0, 0)),
        ({"type": "completion", "completion": TEXT}, (4, 0)),
        ({"type": "ping"}, (0, 0)),
    ],
)
def test_an_event_says_what_it_adds(event: dict[str, Any], expected: tuple[float, float]) -> None:
    """The name of a call when it begins, its arguments as they come."""
    assert expected == counted(event, EVENTS.read)


def test_a_completion_is_text() -> None:
    """Of the older endpoint."""
    assert (4, 0) == counted({"completion": TEXT})


@pytest.mark.parametrize("value", [None, 7, "x", [], ["x"], [None], {"x": 1}, [{"type": "text", "text": 7}]])
def test_odd_shapes_say_nothing(value: Any) -> None:
    """And never raise."""
    assert (0, 0) == counted({"content": value})
    for kind in ("content_block_start", "content_block_delta"):
        assert (0, 0) == counted({"type": kind, "content_block": value, "delta": value}, EVENTS.read)
