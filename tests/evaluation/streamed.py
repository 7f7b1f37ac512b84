"""The stream that a provider would have sent instead of an answer in one piece."""

import json
from collections.abc import Iterator
from typing import Any

from tests.evaluation.kept import sse


def stream_of(endpoint: str, answer: dict[str, Any], *, ends: bool = True) -> bytes:
    """Write an answer as a stream. `ends`: with its last event."""
    events = list(_WRITERS[endpoint](answer))
    if not ends:
        events = events[:-1]
    return sse(*events) + (b"data: [DONE]\n\n" if endpoint == "chat" and ends else b"")


def pieces(text: str, size: int = 7) -> list[str]:
    """Cut a text."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def _chat(answer: dict[str, Any]) -> Iterator[Any]:
    for number, choice in enumerate(answer["choices"]):
        message = choice["message"]

        def delta(more: dict[str, Any], number: int = number) -> dict[str, Any]:
            return {"choices": [{"index": number, "delta": more, "finish_reason": None}]}

        yield delta({"role": "assistant", "content": ""})
        for name in ("reasoning_content", "reasoning", "refusal", "content"):
            value = message.get(name)
            if isinstance(value, str):
                yield from (delta({name: piece}) for piece in pieces(value))
            elif isinstance(value, list):
                yield from (delta({name: [part]}) for part in value)
        for place, call in enumerate(message.get("tool_calls") or ()):
            function = call["function"]
            named = {"name": function["name"], "arguments": ""}
            yield delta({"tool_calls": [{**call, "index": place, "function": named}]})
            for piece in pieces(function["arguments"]):
                yield delta({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
        rest = {name: message[name] for name in ("audio", "images", "function_call") if message.get(name)}
        if rest:
            yield delta(rest)
    finishes = [
        {"index": number, "delta": {}, "finish_reason": choice["finish_reason"]}
        for number, choice in enumerate(answer["choices"])
    ]
    yield {"choices": finishes}


def _messages(answer: dict[str, Any]) -> Iterator[Any]:
    yield {"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}}
    for place, block in enumerate(answer["content"]):
        begun, deltas = _block(block)
        yield {"type": "content_block_start", "index": place, "content_block": begun}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": place, "delta": delta}
        yield {"type": "content_block_stop", "index": place}
    told = {"stop_reason": answer["stop_reason"], "stop_details": answer.get("stop_details")}
    yield {"type": "message_delta", "delta": told}
    yield {"type": "message_stop"}


def _block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block["type"]
    if kind in ("text", "thinking"):
        return {**block, kind: ""}, [{"type": f"{kind}_delta", kind: piece} for piece in pieces(block[kind])]
    if kind.endswith("tool_use"):
        written = json.dumps(block["input"])
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(written)]
        return {**block, "input": {}}, deltas
    return block, []


def _responses(answer: dict[str, Any]) -> Iterator[Any]:
    yield {"type": "response.created", "response": {**answer, "status": "in_progress", "output": []}}
    for place, item in enumerate(answer["output"]):
        yield {"type": "response.output_item.added", "output_index": place, "item": {**item, "content": []}}
        for number, part in enumerate(item.get("content") or ()):
            kind = part["type"]
            for piece in pieces(part.get("text") or part.get("refusal") or ""):
                where = {"output_index": place, "content_index": number}
                yield {"type": f"response.{kind}.delta", **where, "delta": piece}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": f"response.{answer['status']}", "response": answer}


def _generated(answer: dict[str, Any]) -> Iterator[Any]:
    for place, candidate in enumerate(answer.get("candidates", ())):
        for part in candidate.get("content", {}).get("parts", ()):
            for piece in pieces(part["text"]) if part.get("text") else [None]:
                more = part if piece is None else {**part, "text": piece}
                yield {"candidates": [{"index": place, "content": {"parts": [more]}}]}
    ends = [
        {"index": place, "finishReason": candidate.get("finishReason")}
        for place, candidate in enumerate(answer.get("candidates", ()))
    ]
    yield {"candidates": ends, "promptFeedback": answer.get("promptFeedback")}


_WRITERS = {"chat": _chat, "messages": _messages, "responses": _responses, "generate_content": _generated}
