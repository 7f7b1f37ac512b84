"""What the scripted provider says to the SDKs: short answers in each API's own shape."""

import json
from typing import Any

from tests.provider import Answer, answer, stream

TEXT = ["Hel", "lo, ", "wor", "ld \u2013 ü"]
WHOLE = "".join(TEXT)
CHAT_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def data(value: Any, name: str = "", end: str = "\n\n") -> bytes:
    """Write one event."""
    first = f"event: {name}\n" if name else ""
    return f"{first}data: {json.dumps(value)}{end}".encode()


def document(value: Any) -> Answer:
    """Answer with one JSON document."""
    return answer(json.dumps(value).encode())


def _chunk(choices: list[Any], **more: Any) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return data({**head, "choices": choices, **more})


def _choice(delta: dict[str, Any], finish: str | None = None) -> list[Any]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]


_DELTAS = [_chunk(_choice({"role": "assistant", "content": ""})), *(_chunk(_choice({"content": t})) for t in TEXT)]
_FINISH = _chunk(_choice({}, "stop"))
_USAGE = _chunk([], usage=CHAT_USAGE)
_DONE = b"data: [DONE]\n\n"

CHAT = document(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WHOLE}, "finish_reason": "stop"}],
        "usage": CHAT_USAGE,
    }
)
CHAT_STREAM = stream(*_DELTAS, _FINISH, _DONE)
CHAT_STREAM_USAGE = stream(*_DELTAS, _FINISH, _USAGE, _DONE)

_ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
_PART = {"type": "output_text", "text": WHOLE, "annotations": []}
_AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def _response(status: str, output: list[Any], usage: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "gpt-4o-mini-2024-07-18",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


_DONE_RESPONSE = _response(
    "completed",
    [{**_ITEM, "content": [_PART]}],
    {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 18,
    },
)
RESPONSE = document(_DONE_RESPONSE)
_EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": _response("in_progress", [], None)},
    {"type": "response.output_item.added", "output_index": 0, "item": {**_ITEM, "content": []}},
    {"type": "response.content_part.added", **_AT, "part": {**_PART, "text": ""}},
    *({"type": "response.output_text.delta", **_AT, "delta": text, "logprobs": []} for text in TEXT),
    {"type": "response.output_text.done", **_AT, "text": WHOLE, "logprobs": []},
    {"type": "response.content_part.done", **_AT, "part": _PART},
    {"type": "response.output_item.done", "output_index": 0, "item": {**_ITEM, "content": [_PART]}},
    {"type": "response.completed", "response": _DONE_RESPONSE},
]
RESPONSE_STREAM = stream(
    *(data({**event, "sequence_number": number}, event["type"]) for number, event in enumerate(_EVENTS))
)
EMBEDDINGS = document(
    {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
)

_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-9-20261101",
    "content": [{"type": "text", "text": WHOLE}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 11, "output_tokens": 7, "cache_read_input_tokens": 2},
}
MESSAGE = document(_MESSAGE)
_MESSAGE_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {**_MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in TEXT),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 7},
    },
    {"type": "message_stop"},
]
MESSAGE_STREAM = stream(*(data(event, event["type"]) for event in _MESSAGE_EVENTS))
COUNTED = document({"input_tokens": 42})


def _candidate(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r1", **more}


_GEMINI_USAGE = {
    "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18, "thoughtsTokenCount": 0}
}
GENERATED = document(_candidate(WHOLE, "STOP", **_GEMINI_USAGE))
GENERATED_STREAM = stream(
    *(data(_candidate(text), end="\r\n\r\n") for text in TEXT[:-1]),
    data(_candidate(TEXT[-1], "STOP", **_GEMINI_USAGE), end="\r\n\r\n"),
)
GEMINI_EMBEDDED = document({"embeddings": [{"values": [0.25, -0.5]}]})
GEMINI_COUNTED = document({"totalTokens": 42})
