"""One vocabulary for why an answer ended."""

from typing import get_args

import pytest

from gateway.evaluation.api import Finish, Message, ToolCall
from gateway.evaluation.normal.finish import finish_of

CALLS = Message("assistant", tool_calls=(ToolCall("1", "look", "{}"),))
SERVER = Message("assistant", tool_calls=(ToolCall("1", "web_search", "{}", server=True),))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("COMPLETE", "stop"),
        ("completed", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("SAFETY", "content_filter"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("failed", "error"),
        ("tired", "other"),
        (None, None),
    ],
)
def test_words(word: str | None, expected: str | None) -> None:
    """Of all dialects; one that nobody knows is `other`, none is none."""
    assert expected == finish_of(word, None)
    assert expected is None or expected in get_args(Finish)


def test_a_stop_for_a_tool_is_one() -> None:
    """Gemini and the Responses API say `stop` then; not where the provider runs the tool."""
    assert "tool_calls" == finish_of("STOP", CALLS)
    assert "stop" == finish_of("completed", SERVER)
    assert "length" == finish_of("length", CALLS)
