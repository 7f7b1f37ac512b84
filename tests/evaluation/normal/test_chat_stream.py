"""Chunks of a chat add up to the answer that would have come in one piece."""

from typing import Any

import pytest

from gateway.evaluation.api import Message, ToolCall
from gateway.evaluation.normal.chat_stream import assemble
from gateway.evaluation.normal.openai_chat import said


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """Make one chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(**function: Any) -> dict[str, Any]:
    """Make a piece of a call."""
    return {"index": 0, "function": function}


STREAMS: dict[str, tuple[list[dict[str, Any]], Message, bool]] = {
    "openai": (
        [
            chunk(role="assistant", content=""),
            chunk(reasoning_content="H"),
            chunk(reasoning_content="m."),
            chunk(content="Hel"),
            chunk(content="lo"),
            chunk(tool_calls=[{"id": "1", **call(name="look", arguments="")}]),
            chunk(tool_calls=[call(arguments='{"a":')]),
            chunk(tool_calls=[call(arguments="1}")]),
            chunk("tool_calls"),
            {"choices": [], "usage": {}},
        ],
        Message("assistant", "Hello", "Hm.", tool_calls=(ToolCall("1", "look", '{"a":1}'),)),
        True,
    ),
    "whole calls without a place": (
        [chunk(tool_calls=[{"id": n, "function": {"name": "f", "arguments": "{}"}} for n in ("1", "2")])],
        Message("assistant", tool_calls=(ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}"))),
        False,
    ),
    "custom calls": (
        [
            chunk(tool_calls=[{"index": 0, "id": "1", "custom": {"name": "c", "input": "x"}}]),
            chunk("tool_calls", tool_calls=[{"index": 0, "custom": {"input": " y"}}]),
        ],
        Message("assistant", tool_calls=(ToolCall("1", "c", "x y"),)),
        True,
    ),
    "mistral": (
        [
            chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "H"}]}]),
            chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "m."}]}]),
            chunk("stop", content="Hello"),
        ],
        Message("assistant", "Hello", "Hm."),
        True,
    ),
    "completion": (
        [{"choices": [{"text": "Hel"}]}, {"choices": [{"text": "lo", "finish_reason": "stop"}]}],
        Message("assistant", "Hello"),
        True,
    ),
    "ollama": (
        [
            {"message": {"content": "Hel"}},
            {"message": {"content": "lo", "thinking": "Hm."}},
            {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}},
            {"message": {"content": ""}, "done": True, "done_reason": "stop"},
        ],
        Message("assistant", "Hello", "Hm.", tool_calls=(ToolCall("", "f", '{"a":1}'),)),
        True,
    ),
    "ollama, generated": (
        [{"response": "Hel", "done": False}, {"response": "lo", "done": True, "done_reason": "stop"}],
        Message("assistant", "Hello"),
        True,
    ),
    "cohere": (
        [
            {"type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}},
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hel"}}}},
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "lo"}}}},
            {
                "type": "tool-call-start",
                "index": 0,
                "delta": {"message": {"tool_calls": {"id": "1", "function": {"name": "f", "arguments": ""}}}},
            },
            {
                "type": "tool-call-delta",
                "index": 0,
                "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}},
            },
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
        ],
        Message("assistant", "Hello", tool_calls=(ToolCall("1", "f", "{}"),)),
        True,
    ),
    "cut": ([chunk(content="Hel")], Message("assistant", "Hel"), False),
    "only done": ([chunk(content="Hel"), {"done": True}], Message("assistant", "Hel"), True),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name: str) -> None:
    """And whether the end came."""
    events, expected, has_ended = STREAMS[name]
    found = assemble(events)

    assert (expected,) == said(found.document).choices
    assert has_ended == found.has_ended


def test_choices_are_kept_apart() -> None:
    """By their index, in whatever order they come."""
    pieces = [(1, "b"), (0, "a"), (1, "d"), (0, "c")]
    found = assemble([{"choices": [{"index": index, "delta": {"content": text}}]} for index, text in pieces])

    assert ["ac", "bd"] == [message.text for message in said(found.document).choices]


def test_an_error_ends_it_badly() -> None:
    """What came before it stands, and it is not complete, whatever follows."""
    found = assemble([chunk(content="Hel"), {"error": {"message": "overloaded"}}, {"done": True}])

    assert ("Hel", "error") == (said(found.document).choices[0].text, said(found.document).finish)
    assert not found.has_ended
