"""Why a model stopped, how many tools it calls, and what the provider calls the answer: of every recorded exchange."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from gateway.wire.meter import Meter
from tests import exchanges
from tests.wire.test_dialect import meter_for, random_pieces

FINAL = ("completed", "incomplete", "failed", "cancelled")
# Endpoints whose answers nobody reads, or that generate nothing.
SILENT = (
    *("count_tokens", "count-tokens", "countTokens", "input_tokens", "conversations", "vector_stores"),
    *("cachedContents", "fileSearchStores", "/files", "embeddings", "batchEmbedContents"),
)


class End(NamedTuple):
    """What must be found."""

    response_id: str | None
    finish_reason: str | None
    tool_calls: int


def end_seen(meter: Meter, pieces: Iterable[bytes]) -> End:
    """Feed pieces and return what the meter found."""
    for piece in pieces:
        meter.feed(piece)
    meter.finish()
    sight = meter.sight()
    return End(sight.response_id, sight.finish_reason, sight.tool_calls)


def expected_end(exchange: dict[str, Any]) -> End:
    """Read an exchange the plain way: parse all of it, and put streams together."""
    documents = exchanges.chunks(exchange) if exchange["stream"] else [orjson.loads(exchanges.answer_bytes(exchange))]
    dialect = exchanges.dialect_of(exchange)
    if dialect == "anthropic":
        return _message(documents)
    if dialect == "gemini":
        return _generated(documents)
    return _response(documents) if "/responses" in exchange["path"] else _chat(documents)


def _message(documents: list[dict[str, Any]]) -> End:
    name, reason, kinds = None, None, []
    for document in documents:
        if document["type"] == "message":
            name, reason = document["id"], document["stop_reason"]
            kinds += [block["type"] for block in document["content"]]
        elif document["type"] == "message_start":
            name = document["message"]["id"]
        elif document["type"] == "content_block_start":
            kinds.append(document["content_block"]["type"])
        elif document["type"] == "message_delta":
            reason = document["delta"]["stop_reason"]
    return End(name, reason, sum(kind in ("tool_use", "server_tool_use", "mcp_tool_use") for kind in kinds))


def _generated(documents: list[dict[str, Any]]) -> End:
    name, reason, calls = None, None, 0
    for document in documents:
        name = document.get("responseId", name)
        reason = (document.get("promptFeedback") or {}).get("blockReason", reason)
        for candidate in document.get("candidates", []):
            reason = candidate.get("finishReason", reason)
            for part in (candidate.get("content") or {}).get("parts") or []:
                calls += not part.keys().isdisjoint({"functionCall", "executableCode", "toolCall"})
    return End(name, reason, calls)


def _chat(documents: list[dict[str, Any]]) -> End:
    name, reason, calls = None, None, set()
    for document in documents:
        name = name or document.get("id")
        for choice in document.get("choices") or []:
            reason = choice.get("finish_reason") or reason
            said = choice.get("message") or choice.get("delta") or {}
            for place, call in enumerate(said.get("tool_calls") or []):
                calls.add(call.get("index", place) if "delta" in choice else place)
            if said.get("function_call"):
                calls.add(0)
    return End(name or None, reason, len(calls))


def _response(documents: list[dict[str, Any]]) -> End:
    responses = [document.get("response", document) for document in documents]
    shown = [response for response in responses if "output" in response]
    if not shown:
        return End(None, None, 0)
    last = shown[-1]
    status = last.get("status") if last.get("status") in FINAL else None
    reason = status and ((last.get("incomplete_details") or {}).get("reason") or status)
    return End(last["id"], reason, sum(item["type"].endswith("_call") for item in last["output"]))


def told() -> list[dict[str, Any]]:
    """Return the recorded exchanges whose answers are read."""
    return [exchange for exchange in exchanges.load() if not any(part in exchange["path"] for part in SILENT)]


def test_every_recorded_answer_tells_how_it_ended() -> None:
    """The same as plain parsing of all of it, streams put together."""
    differing, reasons, calling = [], set(), 0
    for exchange in told():
        expected = expected_end(exchange)
        found = end_seen(meter_for(exchange), [exchanges.answer_bytes(exchange)])
        reasons.add(found.finish_reason)
        calling += found.tool_calls > 0
        if expected != found:
            differing.append((exchange["name"], expected, found))

    assert [] == differing
    assert calling > 250
    assert {"stop", "length", "tool_calls", "end_turn", "tool_use", "STOP", "completed"} <= reasons


def test_a_recorded_stream_tells_the_same_however_it_is_cut() -> None:
    """Event by event, in random pieces, byte by byte."""
    for number, exchange in enumerate(exchanges.streams()):
        body = exchanges.answer_bytes(exchange)
        expected = expected_end(exchange)
        pieces = [body[start : start + 64] for start in range(0, len(body), 64)]
        events = [event + b"\n\n" for event in body.split(b"\n\n") if event]
        for cut in (events, pieces, random_pieces(body, number)):
            assert expected == end_seen(meter_for(exchange), cut), exchange["name"]
            assert expected == end_seen(meter_for(exchange, strip_usage=True), cut), exchange["name"]
