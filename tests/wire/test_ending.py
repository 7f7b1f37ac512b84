"""Why a model stopped, how many tools it calls, and what the provider calls the answer: of every recorded exchange."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.dialect import DIALECTS, Endpoint
from gateway.wire.ending import calls_in_delta
from gateway.wire.json_meter import WHOLE_BYTES
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


CHAT = ("openai", Endpoint(name="chat"))
RESPONSES = ("openai", Endpoint(name="responses"))
MESSAGES = ("anthropic", Endpoint(name="messages"))
GENERATE = ("gemini", Endpoint(name="generate_content"))
Where = tuple[str, Endpoint]


def new_meter(where: Where, *, streamed: bool) -> Meter:
    """Make a meter."""
    dialect, endpoint = where
    return DIALECTS[dialect].new_meter(endpoint, streamed=streamed, strip_usage=False)


def events(*documents: Any, named: bool = False, end: bytes = b"\n\n") -> list[bytes]:
    """Write documents as events."""
    heads = [b"event: " + each["type"].encode() + b"\n" if named else b"" for each in documents]
    return [head + b"data: " + orjson.dumps(each) + end for head, each in zip(heads, documents, strict=True)]


def parts(*parts: Any, reason: str | None = None) -> dict[str, Any]:
    """Write an answer of Gemini, or a chunk of one."""
    candidate = {"content": {"parts": list(parts)}} | ({"finishReason": reason} if reason else {})
    return {"candidates": [candidate], "responseId": "r", "usageMetadata": {"promptTokenCount": 1}}


def items(status: str, *kinds: str, **more: Any) -> dict[str, Any]:
    """Write a response."""
    return {"id": "resp_1", "status": status, "output": [{"type": kind} for kind in kinds], **more}


WORD = {"message": {"content": "hi"}, "finish_reason": "stop"}
CALLED = {"message": {"tool_calls": [{}, {}]}, "finish_reason": "tool_calls"}


@pytest.mark.parametrize(
    ("where", "document", "expected"),
    [
        (CHAT, {"id": "c", "choices": [WORD]}, End("c", "stop", 0)),
        (CHAT, {"id": "c", "choices": [WORD, CALLED]}, End("c", "stop", 2)),
        (CHAT, {"id": "c", "choices": [{"message": {"tool_calls": None}}, CALLED]}, End("c", "tool_calls", 2)),
        (CHAT, {"choices": [{"message": {"function_call": {"name": "f"}}}]}, End(None, None, 1)),
        (CHAT, {"id": "c", "finish_reason": "COMPLETE"}, End("c", "COMPLETE", 0)),
        (CHAT, {"id": 7, "choices": [{"text": "hi", "finish_reason": 7}]}, End(None, None, 0)),
        (CHAT, {"id": "c\n", "choices": [{"finish_reason": "x" * 65}]}, End(None, None, 0)),
        (CHAT, {"id": "c", "choices": "none", "finish_reason": "stop"}, End("c", "stop", 0)),
        (CHAT, {"id": "c", "choices": [{"message": "hi"}]}, End("c", None, 0)),
        (RESPONSES, items("completed", "message", "function_call", "web_search_call"), End("resp_1", "completed", 2)),
        (RESPONSES, items("queued"), End("resp_1", None, 0)),
        (
            RESPONSES,
            items("incomplete", incomplete_details={"reason": "max_output_tokens"}),
            End("resp_1", "max_output_tokens", 0),
        ),
        (RESPONSES, items("completed", incomplete_details=None), End("resp_1", "completed", 0)),
        (
            MESSAGES,
            {"id": "msg_1", "stop_reason": "tool_use", "content": [{"type": "text"}, {"type": "tool_use"}]},
            End("msg_1", "tool_use", 1),
        ),
        (MESSAGES, {"id": "msg_1", "stop_reason": "end_turn", "content": "hi"}, End("msg_1", "end_turn", 0)),
        (GENERATE, parts({"text": "hi"}, reason="MAX_TOKENS"), End("r", "MAX_TOKENS", 0)),
        (GENERATE, parts({"functionCall": {}}, {"functionCall": {}}, {"toolCall": {}}), End("r", None, 3)),
        (GENERATE, {"responseId": "r", "promptFeedback": {"blockReason": "SAFETY"}}, End("r", "SAFETY", 0)),
    ],
)
def test_a_whole_answer_tells_how_it_ended(where: Where, document: Any, expected: End) -> None:
    """What is of another shape tells nothing, and hides nothing else."""
    usage = {"usage": {"prompt_tokens": 3, "input_tokens": 3}, "usageMetadata": {"promptTokenCount": 3}}
    meter = new_meter(where, streamed=False)

    assert expected == end_seen(meter, [orjson.dumps(document | usage)])
    usage_seen = meter.usage()
    assert usage_seen is not None
    assert 3 == usage_seen.input_total


def test_of_a_long_answer_the_ends_are_known() -> None:
    """Its calls are not."""
    chat = {"id": "c", "choices": [{"message": {"content": "x" * WHOLE_BYTES}, "finish_reason": "length"}], "usage": {}}
    picture = {"candidates": [{"content": {"parts": [{"text": "x" * WHOLE_BYTES}]}, "finishReason": "STOP"}],
               "usageMetadata": {"promptTokenCount": 3}, "responseId": "r"}  # fmt: skip

    for where, document, expected in (
        (CHAT, chat, End("c", "length", 0)),
        (GENERATE, picture, End("r", "STOP", 0)),
    ):
        body = orjson.dumps(document)
        pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
        assert expected == end_seen(new_meter(where, streamed=False), pieces)


def start(kind: str, place: int = 0) -> dict[str, Any]:
    """Write the beginning of an Anthropic block."""
    return {"type": "content_block_start", "index": place, "content_block": {"type": kind, "name": "f"}}


DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 'a "tool_use" _start'}}
MESSAGE = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}}}
STOP = [
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
BLOCKS = [
    *(start("text"), DELTA, start("tool_use"), DELTA, DELTA),
    *(start("server_tool_use"), DELTA, start("tool_use"), DELTA),
]


@pytest.mark.parametrize("grouped", [1, 2, 3, 5, 100])
def test_calls_of_a_messages_stream_are_counted_however_it_is_read(grouped: int) -> None:
    """Whatever stands behind their beginning in one read; of one that is cut so far."""
    written = events(MESSAGE, *BLOCKS, *STOP, named=True)
    reads = [b"".join(written[at : at + grouped]) for at in range(0, len(written), grouped)]

    assert End("msg_1", "tool_use", 3) == end_seen(new_meter(MESSAGES, streamed=True), reads)
    assert End("msg_1", None, 3) == end_seen(new_meter(MESSAGES, streamed=True), [b"".join(written[:-2])])


@pytest.mark.parametrize("grouped", [1, 2, 3, 100])
def test_calls_of_a_generated_stream_are_counted_however_it_is_read(grouped: int) -> None:
    """Each chunk has its own; as events, and as an array that grows."""
    text, one = parts({"text": 'a "functionCall": b'}), parts({"functionCall": {"name": "f", "args": {"a": "Call"}}})
    documents = [text, one, text, parts({"functionCall": {"name": "g"}}, {"executableCode": {"code": "1"}}), text,
                 parts({"text": "."}, reason="STOP")]  # fmt: skip
    written = events(*documents, end=b"\r\n\r\n")
    reads = [b"".join(written[at : at + grouped]) for at in range(0, len(written), grouped)]
    array = b"[" + b"\n,\r\n".join(json.dumps(each, indent=2).encode() for each in documents) + b"]"
    pieces = [array[at : at + grouped * 7] for at in range(0, len(array), grouped * 7)]

    assert End("r", "STOP", 3) == end_seen(new_meter(GENERATE, streamed=True), reads)
    assert End("r", "STOP", 3) == end_seen(new_meter(GENERATE, streamed=True), pieces)


@pytest.mark.parametrize("end", ["completed", "incomplete", "failed"])
def test_a_stream_of_responses_tells_what_its_last_event_shows(end: str) -> None:
    """Before that, it has a name and no end."""
    created = {"type": "response.created", "response": items("in_progress")}
    delta = {"type": "response.output_text.delta", "item_id": "i", "delta": "hi"}
    last = {"type": f"response.{end}", "response": items(end, "reasoning", "custom_tool_call", "mcp_call")}
    odd = {"type": f"response.{end}", "response": {"id": "resp_1", "status": end, "output": "?"}}

    assert End("resp_1", end, 2) == end_seen(new_meter(RESPONSES, streamed=True), events(created, delta, last))
    assert End("resp_1", None, 0) == end_seen(new_meter(RESPONSES, streamed=True), events(created, delta))
    assert End("resp_1", end, 0) == end_seen(new_meter(RESPONSES, streamed=True), events(created, delta, odd))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([{"index": 0}], 1),
        ([{"index": 2}], 3),
        ([{}, {}], 2),
        ([{"index": -1}, 7, {"index": "x"}], 3),
        ([{"index": 10**30}], 1),
        ([{"index": True}], 1),
        (None, 0),
        ("x", 0),
    ],
)
def test_a_delta_of_a_call_tells_how_many_there_are(calls: Any, expected: int) -> None:
    """By the highest place; what is no place tells no more than that there is one."""
    assert expected == calls_in_delta(calls)


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=80),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "choices", "message", "delta", "tool_calls", "function_call", "finish_reason", "index"),
                    *("output", "type", "status", "incomplete_details", "reason", "response", "content", "stop_reason"),
                    *("candidates", "parts", "functionCall", "finishReason", "responseId", "promptFeedback", "usage"),
                    *("content_block", "usageMetadata"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
TYPES = st.sampled_from(["message_start", "content_block_start", "message_delta", "response.completed", None])


@given(
    st.sampled_from([CHAT, RESPONSES, MESSAGES, GENERATE]),
    st.lists(st.dictionaries(st.sampled_from(["choices", "output", "response", "candidates", "x"]), JUNK), max_size=4),
    TYPES,
    st.booleans(),
)
def test_whatever_a_provider_says_nothing_breaks(
    where: Where, documents: list[dict[str, Any]], kind: str | None, streamed: bool
) -> None:
    """Words that can be printed, and a number."""
    typed = [document | ({"type": kind} if kind else {}) for document in documents]
    pieces = [json.dumps(each).encode() for each in typed]

    found = end_seen(new_meter(where, streamed=streamed), [b"data: " + piece + b"\n\n" for piece in pieces])
    plain = end_seen(new_meter(where, streamed=False), pieces[:1])

    for end in (found, plain):
        assert end.response_id is None or (len(end.response_id) <= 256 and end.response_id.isprintable())
        assert end.finish_reason is None or (len(end.finish_reason) <= 64 and end.finish_reason.isprintable())
        assert 0 <= end.tool_calls <= 10_000
