"""Every exchange becomes one shape: the same whether it was streamed, and whatever its bytes are."""

import dataclasses
import gzip
import json
import zlib
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.record import Record, encode
from gateway.core.usage import Usage
from gateway.evaluation.api import Exchange, Message, ToolCall
from gateway.evaluation.api import Usage as GivenUsage
from gateway.evaluation.protocol import Kept
from gateway.evaluation.reading import READERS, exchange_of
from tests.evaluation.kept import js, kept, recorded, sse
from tests.evaluation.streamed import stream_of

TALKS = {endpoint for _, endpoint in READERS}
CHAT = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}
SAID = ("choices", "finish", "is_complete")


def said_of(exchange: Exchange) -> dict[str, Any]:
    """Return what an answer says."""
    return {name: getattr(exchange, name) for name in SAID}


def test_every_recorded_conversation_is_read() -> None:
    """Of real exchanges: what was asked, who answered what, and in known words why it ended."""
    unread = []
    for name, each in recorded():
        exchange = exchange_of(each)
        if exchange.endpoint in TALKS and exchange.outcome == "ok" and "compact" not in name:
            silent = not (exchange.text or exchange.tool_calls or exchange.answer.media) and exchange.is_complete
            may_be_silent = exchange.finish in ("content_filter", "length")
            is_known = exchange.messages and exchange.finish not in (None, "other")
            if not is_known or (silent and not may_be_silent):
                unread.append(name)

    assert [] == unread


def test_streamed_is_the_same_as_in_one_piece() -> None:
    """All recorded answers, written as the stream that they could have been, read the same."""
    compared = 0
    for _, each in recorded():
        exchange = exchange_of(each)
        answer = _document(exchange.response)
        if exchange.endpoint not in TALKS or exchange.outcome != "ok" or not answer or "error" in answer:
            continue
        if exchange.endpoint == "responses" and answer.get("status") not in ("completed", "incomplete"):
            continue
        body = stream_of(exchange.endpoint, answer)
        stream = exchange_of(msgspec.structs.replace(each, response=[(0, body)], response_bytes=len(body)))

        assert said_of(exchange) == said_of(stream)
        compared += 1
    assert compared > 400


def test_a_stream_that_broke_off_says_what_came() -> None:
    """Without its last event it is not complete; what came is there."""
    for _, each in recorded():
        exchange = exchange_of(each)
        answer = _document(exchange.response)
        if exchange.endpoint not in ("messages", "responses") or exchange.outcome != "ok" or not answer:
            continue
        if exchange.endpoint == "responses" and answer.get("status") not in ("completed", "incomplete"):
            continue
        body = stream_of(exchange.endpoint, answer, ends=False)
        broken = exchange_of(msgspec.structs.replace(each, response=[(0, body)], response_bytes=len(body)))

        assert exchange.choices == broken.choices
        assert not broken.is_complete


def _document(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(body or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def test_facts_come_from_the_record() -> None:
    """Usage, money and times as they were booked; all of the log's fields by name, also those that say nothing."""
    usage = Usage(input_total=9, output_total=7, input_cached_read=3, output_reasoning=2, raw=msgspec.Raw(b'{"a":1}'))
    facts = {"cost_nano_usd": 1_500_000_000, "price_source": "config", "duration_ms": 12.5, "first_token_ms": 3.5}
    exchange = exchange_of(kept({}, CHAT, usage=usage, session="s", model_served="m-1", **facts))

    assert GivenUsage(9, 7, 3, 2) == exchange.usage
    assert (1.5, 12.5, 3.5) == (exchange.cost_usd, exchange.duration_ms, exchange.first_token_ms)
    assert ("s", "m-1", "default", "x") == (exchange.session, exchange.model, exchange.team, exchange.id)
    assert set(Record.__struct_fields__) == set(exchange.record)
    assert (None, [], {"a": 1}) == (exchange.record["user"], exchange.record["tags"], exchange.record["usage"]["raw"])


def test_an_unknown_price_is_no_price_of_nothing() -> None:
    """Where nobody knows the price, the cost is not 0."""
    assert exchange_of(kept({}, CHAT, price_source="none")).cost_usd is None
    assert 0 == exchange_of(kept({}, CHAT, price_source="free")).cost_usd


def test_a_record_with_numbers_that_only_json_can_hold() -> None:
    """A provider may write such in its usage; everything else is told."""
    record = encode(Record(id="x", started_at="", team="t", key="k", usage=Usage(raw=msgspec.Raw(b'{"n":1e999}'))))
    exchange = exchange_of(Kept(record=record))

    assert "x" == exchange.id == exchange.record["id"]


def test_without_bodies_the_record_tells_how_it_ended() -> None:
    """Teams may keep no bodies: the reason to stop stands in the record, too."""
    exchange = exchange_of(kept(finish_reason="max_tokens", dialect="anthropic"))

    assert ("length", True, None, None) == (
        exchange.finish,
        exchange.is_complete,
        exchange.request,
        exchange.prompt_version,
    )


@pytest.mark.parametrize("outcome", ["cancelled", "upstream_error", "gateway_error", "client_error"])
def test_what_did_not_end_well_is_not_complete(outcome: str) -> None:
    """Even if the bytes are all there."""
    assert not exchange_of(kept({}, CHAT, outcome=outcome)).is_complete


def test_the_prompt_version_is_that_of_the_words() -> None:
    """The system prompt's text names it, in every dialect alike; a reminder further down does not change it."""
    openai = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}
    later = {"messages": [*openai["messages"], {"role": "system", "content": "Remember!"}]}
    anthropic = {"system": [{"type": "text", "text": "Be brief."}], "messages": []}
    versions = {
        exchange_of(kept(openai)).prompt_version,
        exchange_of(kept(later)).prompt_version,
        exchange_of(kept(anthropic, dialect="anthropic")).prompt_version,
        exchange_of(kept({"instructions": "Be brief."}, endpoint="responses")).prompt_version,
    }

    assert {"213c22ed7234eb11"} == versions
    assert exchange_of(kept({"messages": []})).prompt_version is None


@pytest.mark.parametrize(
    ("encoding", "encode_body"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", lambda data: zstandard.ZstdCompressor().compress(data)),
    ],
)
def test_coded_bodies_are_decoded(encoding: str, encode_body: Any) -> None:
    """The plugin gets what was said, and the body as it was before its coding."""
    exchange = exchange_of(kept({}, encode_body(js(CHAT)), content_encoding=encoding))

    assert ("Hello", js(CHAT), False) == (exchange.text, exchange.response, exchange.is_truncated)


def test_a_coding_that_nobody_knows_says_nothing() -> None:
    """The bytes are there, and no words."""
    exchange = exchange_of(kept({}, b"\x01\x02", content_encoding="snappy"))

    assert ("", b"\x01\x02") == (exchange.text, exchange.response)


def test_a_cut_body_is_said_to_be_cut() -> None:
    """Of a stream all events that were kept are read, those behind the gap, too."""
    whole = sse(*[{"choices": [{"delta": {"content": word}}]} for word in ("one ", "two ", "three ")], CHAT)
    head, tail = whole[:60], whole[150:]
    made = kept({}, b"")
    made.response = [(0, head), (150, tail)]
    made.response_bytes = len(whole)
    exchange = exchange_of(made)

    assert exchange.is_truncated
    assert exchange.is_complete
    assert exchange.text.startswith("one ")
    assert exchange.text.endswith("Hello")


def test_of_a_request_that_was_cut_its_beginning_is_read() -> None:
    """The system prompt stands there, and with it the prompt's version."""
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Look: " + "x" * 1000}]
    made = kept({"messages": talk}, CHAT, truncated=True)
    made.request = [(0, made.request[0][1][:200])]  # type: ignore[index]
    exchange = exchange_of(made)

    assert ("Be brief.", "213c22ed7234eb11", True) == (exchange.system, exchange.prompt_version, exchange.is_truncated)
    assert exchange.asked.startswith("Look: xxx")


def test_halves_of_pairs_and_broken_utf8_do_not_hide_the_rest() -> None:
    """They become U+FFFD, so that no plugin meets a text that cannot be written down."""
    odd = b'{"choices":[{"message":{"content":"a\\ud800b\\\\ud800 \xff \\ud83d\\ude00"}}]}'
    exchange = exchange_of(kept({}, odd))

    assert "a�b\\ud800 � 😀" == exchange.text


def test_other_endpoints_have_no_conversation() -> None:
    """An embedding's input is not what somebody said; the facts are there all the same."""
    exchange = exchange_of(kept({"input": "words", "messages": [{"role": "user", "content": "x"}]}, endpoint="images"))

    assert ((), "images") == (exchange.messages, exchange.endpoint)


def test_answers_know_what_they_are_asked() -> None:
    """The short ways to what most plugins look at."""
    request = {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]}
    call = {"id": "1", "function": {"name": "look", "arguments": "{}"}}
    exchange = exchange_of(kept(request, {"choices": [{"message": {"content": "A", "tool_calls": [call]}}]}))

    assert ("S", "Q", "A") == (exchange.system, exchange.asked, exchange.text)
    assert (ToolCall("1", "look", "{}"),) == exchange.tool_calls
    assert Message("assistant") == Exchange(id="x").answer


def checked(exchange: Exchange) -> None:
    """Check that it is of the types that it says it is."""
    for message in (*exchange.messages, *exchange.choices):
        texts = [message.text, message.reasoning, message.refusal]
        texts += [value for call in message.tool_calls for value in (call.id, call.name, call.arguments)]
        texts += [value for result in message.tool_results for value in (result.id, result.name, result.text)]
        assert all(isinstance(text, str) for text in texts)
        "".join(texts).encode()
    for tool in exchange.tools:
        assert isinstance(tool.name, str)
        assert tool.schema is None or isinstance(tool.schema, dict)
    assert exchange.max_tokens is None or exchange.max_tokens > 0


NAMES = [
    "type", "role", "content", "text", "parts", "tool_calls", "function", "name", "arguments", "index",
    "delta", "choices", "message", "candidates", "output", "response", "error", "content_block", "thinking",
    "functionCall", "args", "messages", "input", "contents", "tools", "parameters", "input_schema",
    "tool_choice", "response_format", "json_schema", "schema", "generationConfig", "responseSchema",
    "functionDeclarations", "system", "instructions", "item", "output_index", "source", "image_url",
    "summary", "audio", "images", "reasoning", "done", "finish_reason", "max_tokens", "functionResponse",
    "toolConfig", "properties", "nullable", "custom",
]  # fmt: skip
KINDS = [
    "text", "message", "reasoning", "tool_use", "tool_result", "function_call", "function_call_output",
    "image_url", "thinking", "function", "content_block_start", "content_block_delta", "message_start",
    "message_delta", "message_stop", "response.completed", "response.output_item.added",
    "response.output_item.done", "response.output_text.delta", "response.function_call_arguments.delta",
    "input_json_delta", "json_schema", "allowed_tools", "additional_tools", "web_search_call", "error",
    "assistant", "user", "tool", "OBJECT",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.text(max_size=5) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=30,
)
PLACES = st.sampled_from(sorted((str(dialect), str(endpoint)) for dialect, endpoint in READERS))


@settings(deadline=None, max_examples=500)
@given(PLACES, JSON, JSON, st.lists(JSON, max_size=4))
def test_hostile_json_never_fails(place: tuple[str, str], asked: Any, answered: Any, events: list[Any]) -> None:
    """Known names with values of any type: an exchange comes out of it, of the types that it says."""
    lines = b"\n".join(json.dumps(event).encode() for event in events)
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    for body in (json.dumps(answered).encode(), stream, lines, json.dumps(events).encode()):
        checked(exchange_of(kept(json.dumps(asked).encode(), body, dialect=place[0], endpoint=place[1])))


@settings(deadline=None)
@given(PLACES, st.binary(max_size=200), st.sampled_from([None, "gzip", "zstd", "br"]), st.binary(max_size=50))
def test_garbage_never_fails(place: tuple[str, str], data: bytes, encoding: str | None, record: bytes) -> None:
    """Bytes of any kind, wherever they stand."""
    made = kept(data, data, dialect=place[0], endpoint=place[1], content_encoding=encoding)
    checked(exchange_of(made))
    checked(exchange_of(msgspec.structs.replace(made, response=[(5, data), (500, b"data: " + data)])))
    exchange_of(msgspec.structs.replace(made, record=record))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_recorded_bodies_cut_and_changed_never_fail(data: st.DataObject) -> None:
    """Of each real exchange any beginning, and any byte another one."""
    _, each = data.draw(st.sampled_from(recorded()), label="exchange")
    for name in ("request", "response"):
        ((_, body),) = getattr(each, name)
        cut = data.draw(st.integers(0, len(body)), label="cut")
        checked(exchange_of(msgspec.structs.replace(each, **{name: [(0, body[:cut])]})))
        if body:
            place = data.draw(st.integers(0, len(body) - 1), label="place")
            byte = data.draw(st.binary(min_size=1, max_size=1), label="byte")
            changed = body[:place] + byte + body[place + 1 :]
            checked(exchange_of(msgspec.structs.replace(each, **{name: [(0, changed)]})))


def test_json_nested_without_end_never_fails() -> None:
    """Deeper than anybody reads: nothing is read."""
    deep = b'{"messages":' + b'[{"content":' * 100_000
    exchange = exchange_of(kept(deep, b"[" * 100_000))
    nested: Any = "x"
    for _ in range(400):
        nested = {"content": [nested], "type": "tool_result", "properties": {"a": nested if len(str(_)) < 1 else 1}}
    exchange_of(kept({"messages": [{"role": "user", "content": [nested]}]}, dialect="anthropic"))

    assert () == exchange.messages


def test_an_exchange_is_not_changed() -> None:
    """Everything in it is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        exchange_of(kept({}, CHAT)).model = "other"  # type: ignore[misc]
