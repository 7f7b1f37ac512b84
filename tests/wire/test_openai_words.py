"""What is text in OpenAI-shaped answers, and what is not."""

from typing import Any

import pytest

from gateway.wire.guess import OPENAI, Guess
from gateway.wire.openai_words import ANSWERS, EVENTS, read_closed, read_opened

TEXT = "four"  # a token
CALL = OPENAI.call_tokens + 1
SEAL = "x" * 1500  # a hundred tokens


def counted(document: dict[str, Any], read: Any = ANSWERS.read) -> tuple[float, float]:
    """Return what flows and what does not."""
    guess = Guess(OPENAI)
    read(document, guess)
    return guess.flow(), guess.once()


def chat(**message: Any) -> dict[str, Any]:
    """Write a chat answer."""
    return {"id": "chatcmpl-12345678", "model": "some-model", "choices": [{"index": 0, "message": message}]}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "assistant", "content": TEXT}, (1, 0)),
        ({"content": None, "refusal": TEXT}, (1, 0)),
        ({"content": TEXT, "reasoning_content": TEXT}, (2, 0)),
        ({"content": TEXT, "reasoning": TEXT, "channel": "analysis"}, (2, 0)),
        ({"reasoning": TEXT, "reasoning_content": TEXT}, (1, 0)),
        ({"content": [{"type": "text", "text": TEXT}, {"type": "thinking", "thinking": [{"text": TEXT}]}]}, (2, 0)),
        ({"reasoning": TEXT, "reasoning_details": [{"text": TEXT}, {"data": SEAL}]}, (1, 99)),
        ({"tool_calls": [{"id": "call_1", "function": {"name": TEXT, "arguments": TEXT * 2}}]}, (2, CALL)),
        ({"tool_calls": [{"index": 0, "function": {"arguments": TEXT}}]}, (1, 0)),
        ({"tool_calls": [{"custom": {"name": TEXT, "input": TEXT}}]}, (1, CALL)),
        ({"function_call": {"name": TEXT, "arguments": TEXT}}, (1, CALL)),
        ({"content": TEXT, "annotations": [{"url_citation": {"content": TEXT * 99}}], "audio": {"data": TEXT}}, (1, 0)),
    ],
)
def test_a_message_says_its_text_reasoning_and_calls(message: dict[str, Any], expected: tuple[float, float]) -> None:
    """Whole, or as a delta; ids, roles, citations and sound are no text."""
    assert pytest.approx(expected, abs=1) == counted(chat(**message))
    assert pytest.approx(expected, abs=1) == counted({"choices": [{"delta": message}], "obfuscation": TEXT})


def test_a_text_counts_once_where_a_server_tells_it_twice() -> None:
    """Some write completions and chat into one chunk."""
    assert (1, 0) == counted({"choices": [{"text": TEXT}]})
    assert (1, 0) == counted({"choices": [{"text": TEXT, "delta": {"content": TEXT}}]})


ITEMS = [
    ({"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": TEXT}, {"refusal": TEXT}]}, (2, 0)),
    ({"type": "reasoning", "summary": [{"text": TEXT}], "content": [{"text": TEXT}]}, (2, 0)),
    ({"type": "reasoning", "summary": [{"text": TEXT}], "encrypted_content": SEAL}, (1, 99)),
    ({"type": "compaction", "encrypted_content": SEAL}, (0, 100)),
    ({"type": "function_call", "name": TEXT, "arguments": TEXT * 2, "call_id": "call_1"}, (0, CALL + 2)),
    ({"type": "web_search_call", "action": {"q": TEXT}}, (0, CALL + 2)),
    ({"type": "code_interpreter_call", "code": TEXT, "outputs": [{"url": SEAL}]}, (0, CALL)),
    ({"type": "image_generation_call", "result": SEAL}, (0, CALL - 1)),
    ({"type": "mcp_list_tools", "tools": [{"name": TEXT}]}, (0, 0)),
]


@pytest.mark.parametrize(("item", "expected"), ITEMS)
def test_an_item_says_its_text_reasoning_and_calls(item: dict[str, Any], expected: tuple[float, float]) -> None:
    """What a tool answered was read, not written; what the response echoes of the request, too."""
    echo = {"instructions": TEXT * 99, "tools": [{"description": TEXT}]}

    assert pytest.approx(expected, abs=1) == counted({"output": [item], **echo})


def test_a_streams_items_say_only_what_its_deltas_do_not() -> None:
    """A call by its name when it begins; what has no deltas, and what is sealed, when it ends."""
    call, search = (
        {"type": "function_call", "name": TEXT, "arguments": TEXT},
        {"type": "web_search_call", "query": TEXT},
    )

    assert [(0, CALL), (0, 0)] == [counted(call, read_opened), counted(call, read_closed)]
    assert [(0, 0), (0, CALL)] == [counted(search, read_opened), counted(search, read_closed)]
    assert 99 == counted(ITEMS[2][0], read_closed)[1]


@pytest.mark.parametrize(
    ("kind", "tokens"),
    [
        ("response.output_text.delta", 1),
        ("response.reasoning_summary_text.delta", 1),
        ("response.function_call_arguments.delta", 1),
        ("response.output_audio_transcript.delta", 1),
        ("transcript.text.delta", 1),
        ("response.output_audio.delta", 0),
        ("speech.audio.delta", 0),
        ("response.output_text.done", 0),
        (None, 0),
    ],
)
def test_a_streams_deltas_are_text_unless_they_are_sound(kind: str | None, tokens: int) -> None:
    """Neither padding nor names, nor what repeats the text at its end."""
    event = {"type": kind, "delta": TEXT, "item_id": "msg_1", "obfuscation": TEXT, "text": TEXT, "logprobs": []}

    assert (tokens, 0) == counted(event, EVENTS.read)


@pytest.mark.parametrize(
    "value", [None, 7, "x", [], ["x"], [None], {"x": 1}, [{"message": 7}], [{"type": "reasoning"}]]
)
def test_odd_shapes_say_nothing(value: Any) -> None:
    """And never raise."""
    for name in ("choices", "output", "delta", "item", "type"):
        assert (0, 0) == counted({name: value})
        assert (0, 0) == counted({name: value}, EVENTS.read)
    for name in ("content", "tool_calls", "function_call", "reasoning_details"):
        assert 0 == counted(chat(**{name: value}))[1]
