"""What was said is readable for every dialect, streamed or not; nothing a provider sends makes it fail."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.transcript import Turn, answer_turns, is_stream, request_turns
from tests import exchanges


def sse(*events: Any, names: bool = False) -> bytes:
    """Write events as a provider streams them."""
    return b"".join(
        (b"event: %s\n" % event["type"].encode() if names else b"") + b"data: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    )


def js(value: Any) -> bytes:
    """Write JSON."""
    return msgspec.json.encode(value)


REQUESTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "openai chat": (
        {
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}],
                },
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": '{"a":1}'}}],
                },
                {"role": "tool", "tool_call_id": "c", "content": "a cat"},
            ],
        },
        ["system:Be brief.", "user:Look:\n[image, 35 bytes as JSON]", 'tool call:look({"a":1})', "tool:a cat"],
    ),
    "anthropic": (
        {
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "name": "look", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "a cat"}]}]},
            ],
        },
        ["system:Be brief.", "user:Hi", 'tool call:look({"a":1})', "tool:a cat"],
    ),
    "responses": (
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "output": "a cat"},
            ],
        },
        ["system:Be brief.", "user:Hi", "tool call:look({})", "tool:a cat"],
    ),
    "gemini": (
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"a": 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"x": "cat"}}}]},
            ],
        },
        ["system:Be brief.", "user:Hi", 'tool call:look({"a":1})', 'tool:{"x":"cat"}'],
    ),
    "embeddings": ({"input": ["one", "two"]}, ["user:one", "user:two"]),
    "completions": ({"prompt": "Once upon"}, ["user:Once upon"]),
}

CHAT_CHUNKS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]},
    {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": ""}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}}]},
    {"choices": [], "usage": {"prompt_tokens": 1}},
]
MESSAGE_EVENTS = [
    {"type": "message_start", "message": {"content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "name": "look", "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "message_stop"},
]
RESPONSE_OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
    {"type": "function_call", "name": "look", "arguments": '{"a":1}'},
]
RESPONSE_EVENTS = [
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hel"},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "lo"},
    {"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "name": "look"}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":1}'},
]
GEMINI_CHUNKS = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hm.", "thought": True}]}}]},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}}]},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "lo"}]}}]},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "look", "args": {"a": 1}}}]}}]},
]
SAID = ["thinking:Hm.", "assistant:Hello"]

ANSWERS = {
    "chat": (
        js({"choices": [{"message": {"role": "assistant", "reasoning_content": "Hm.", "content": "Hello"}}]}),
        SAID,
    ),
    "chat stream": (sse(*CHAT_CHUNKS) + b"data: [DONE]\n\n", [*SAID, 'tool call:look {"a":1}']),
    "chat stream, cut": (sse(*CHAT_CHUNKS[:4]) + b'data: {"cho', SAID),
    "completion stream": (sse({"choices": [{"text": "Hel"}]}, {"choices": [{"text": "lo"}]}), SAID[1:]),
    "messages": (
        js({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}),
        SAID[1:],
    ),
    "messages stream": (sse(*MESSAGE_EVENTS, names=True), [*SAID, 'tool call:look {"a":1}']),
    "messages stream, carriage returns": (
        sse(*MESSAGE_EVENTS, names=True).replace(b"\n", b"\r\n"),
        [*SAID, 'tool call:look {"a":1}'],
    ),
    "responses": (js({"object": "response", "output": RESPONSE_OUTPUT}), [*SAID, 'tool call:look({"a":1})']),
    "responses stream": (
        sse(*RESPONSE_EVENTS, {"type": "response.completed", "response": {"output": RESPONSE_OUTPUT, "error": None}}),
        [*SAID, 'tool call:look({"a":1})'],
    ),
    "responses stream, cut": (sse(*RESPONSE_EVENTS), [*SAID, 'tool call:look {"a":1}']),
    "gemini stream": (sse(*GEMINI_CHUNKS), [*SAID, 'tool call:look({"a":1})']),
    "gemini array": (js(GEMINI_CHUNKS), [*SAID, 'tool call:look({"a":1})']),
    "gemini": (js(GEMINI_CHUNKS[1]), ["assistant:Hel"]),
    "error": (js({"error": {"message": "no such model", "type": "x"}}), ["error:no such model"]),
    "error in a stream": (
        sse({"choices": [{"delta": {"content": "Hel"}}]}, {"error": {"message": "overloaded"}}),
        ["assistant:Hel", "error:overloaded"],
    ),
    "refusal": (
        sse({"choices": [{"delta": {"refusal": "I "}}]}, {"choices": [{"delta": {"refusal": "won't"}}]}),
        ["refusal:I won't"],
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_read(name: str) -> None:
    """System prompt, messages, calls and results, in order."""
    request, expected = REQUESTS[name]

    assert expected == [f"{role}:{text}" for role, text in request_turns(js(request))]


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_put_together(name: str) -> None:
    """A stream reads like the answer that it was; also as far as it got when it was cut."""
    answer, expected = ANSWERS[name]

    assert expected == [f"{role}:{text}" for role, text in answer_turns(answer)]


TOOLS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "anthropic": (
        [
            {"type": "redacted_thinking", "data": "Ev"},
            {"type": "mcp_tool_use", "name": "ask", "input": {"q": 1}},
            {"type": "mcp_tool_result", "content": [{"type": "text", "text": "so"}]},
            {"type": "bash_code_execution_tool_result", "content": {"stdout": "7"}},
        ],
        ["thinking:[not shown by the provider]", 'tool call:ask({"q":1})', "tool:so", 'tool:{"stdout":"7"}'],
    ),
    "responses": (
        [
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"type": "web_search_call", "action": {"query": "q"}},
            {"type": "code_interpreter_call", "code": "1+1"},
            {"type": "local_shell_call_output", "output": "so"},
        ],
        ["thinking:Hm.", 'tool call:web_search_call({"query":"q"})', "tool call:code_interpreter_call(1+1)", "tool:so"],
    ),
    "gemini": (
        [
            {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "Ev"},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
            {"toolCall": {"toolType": "SEARCH", "args": {"q": 1}}, "thoughtSignature": "Ev"},
        ],
        ["tool call:PYTHON(1+1)", "tool:2", 'tool call:SEARCH({"q":1})'],
    ),
}


@pytest.mark.parametrize("dialect", TOOLS)
def test_tools_that_the_provider_runs_are_calls_and_results(dialect: str) -> None:
    """They are not what the assistant said; nor is reasoning."""
    parts, expected = TOOLS[dialect]
    answer = {
        "anthropic": {"type": "message", "content": parts},
        "responses": {"output": parts},
        "gemini": {"candidates": [{"content": {"parts": parts}}]},
    }

    assert expected == [f"{role}:{text}" for role, text in answer_turns(js(answer[dialect]))]


def test_what_is_no_json_is_shown_as_it_stands() -> None:
    """Nothing is hidden because it is not understood."""
    assert [Turn("user", "plain")] == request_turns(b"plain")
    assert [Turn("assistant", "<html>bad gateway</html>")] == answer_turns(b"<html>bad gateway</html>\n")
    assert [Turn("assistant", '{"input_tokens":7}')] == answer_turns(b'{"input_tokens":7}')
    assert [] == answer_turns(b"")


def test_streams_are_recognised() -> None:
    """By their first field, comments included."""
    assert is_stream(b": ping\n\ndata: {}\n\n")
    assert is_stream(b"event: x\ndata: {}\n\n")
    assert not is_stream(b'{"data":1}')


NAMES = sorted(
    {name for request, _ in REQUESTS.values() for name in request}
    | {"type", "role", "content", "text", "parts", "tool_calls", "function", "name", "arguments", "index", "delta"}
    | {"choices", "message", "candidates", "output", "response", "error", "content_block", "thinking", "functionCall"}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
KINDS = st.sampled_from(
    ["content_block_start", "content_block_delta", "response.completed", "message", "reasoning", "tool_use"]
)


@settings(deadline=None, max_examples=300)
@given(JSON, st.lists(st.tuples(KINDS, JSON), max_size=4))
def test_hostile_json_never_fails(whole: Any, events: list[tuple[str, Any]]) -> None:
    """Known names with values of any type: the result is text, never an exception."""
    stream = [{**(event if isinstance(event, dict) else {"x": event}), "type": kind} for kind, event in events]
    for turns in (request_turns(js(whole)), answer_turns(js(whole)), answer_turns(sse(whole, *stream))):
        assert all(isinstance(role, str) and isinstance(text, str) for role, text in turns)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_never_fails(data: bytes) -> None:
    """Bytes of any kind are shown."""
    for turns in (request_turns(data), answer_turns(data), answer_turns(b"data: " + data)):
        assert all(isinstance(text, str) for _, text in turns)


def test_recorded_chats_are_all_readable() -> None:
    """Of real exchanges with chat models, every successful answer reads as more than its JSON."""
    unread = []
    for exchange in exchanges.load():
        path = exchanges.path_of(exchange)
        chat = path.endswith(("/messages", "/chat/completions", "/responses", "GenerateContent", "generateContent"))
        if chat and exchange["status"] == 200:
            answer = exchanges.answer_bytes(exchange)
            if not answer_turns(answer) or answer_turns(answer)[0].text == answer.decode("utf-8", "replace").strip():
                unread.append(exchange["name"])

    assert [] == unread


def test_what_is_in_no_known_shape_is_shown_as_it_is() -> None:
    """Parts that are texts, numbers or of a kind that nobody knows, and refusals."""
    parts = ["plain", 7, {"type": "hologram", "size": 3}]
    answer = {"choices": [{"message": {"role": "assistant", "content": parts, "refusal": "I can't"}}]}

    said = " ".join(turn.text for turn in answer_turns(json.dumps(answer).encode()))

    assert all(each in said for each in ("plain", "7", "hologram", "I can't"))


def test_a_call_in_no_known_shape_is_shown_as_it_is() -> None:
    """Some send the name alone."""
    answer = {"choices": [{"message": {"tool_calls": [{"type": "function", "function": "look_up"}]}}]}

    (turn,) = answer_turns(json.dumps(answer).encode())
    assert "look_up" in turn.text


def test_a_google_call_that_is_none_is_shown_as_it_is() -> None:
    """Whatever stands where it should."""
    answer = {"candidates": [{"content": {"parts": [{"functionCall": "look_up"}]}}]}

    (turn,) = answer_turns(json.dumps(answer).encode())
    assert "look_up" in turn.text
