"""Streams of the Anthropic dialect: how usage is merged, and what is estimated where it stops."""

import json
from typing import Any

import msgspec
import pytest

from gateway.core.usage import Usage
from gateway.wire.anthropic_meter import new_meter, read_usage
from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import Meter

MESSAGES = Endpoint(name="messages")


def event(kind: str, **members: Any) -> bytes:
    """Write an event, padded as the provider pads."""
    text = json.dumps({"type": kind, **members}, separators=(",", ":"))
    return f"event: {kind}\ndata: {text[:-1]}      }}\n\n".encode()


def start(**usage: Any) -> bytes:
    """Write a message_start."""
    return event("message_start", message={"model": "claude-x", "usage": usage})


def text(said: str) -> bytes:
    """Write a delta of text."""
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": said})


STOP = event("message_stop")


def stream(*events: bytes) -> Meter:
    """Feed events, one read each, to a fresh meter."""
    meter = new_meter(MESSAGES, streamed=True, strip_usage=False)
    for each in events:
        assert meter.feed(each) is each
    return meter


def found(meter: Meter) -> Usage:
    """Return a meter's usage without its raw form."""
    usage = meter.usage()
    assert usage is not None
    usage.raw = Usage().raw
    return usage


def test_deltas_replace_what_the_start_said() -> None:
    """Counts are cumulative, may raise the input, and what a delta leaves out or nulls stands."""
    meter = stream(
        start(input_tokens=43, output_tokens=1, cache_read_input_tokens=7, service_tier="standard"),
        text("hello"),
        event(
            "message_delta", delta={}, usage={"input_tokens": 61, "output_tokens": 900, "cache_read_input_tokens": None}
        ),
        event("message_delta", delta={}, usage={"output_tokens": 1042, "server_tool_use": {"web_search_requests": 2}}),
        STOP,
    )

    expected = Usage(input_total=68, output_total=1042, input_cached_read=7, service_tier="standard", web_searches=2)
    assert expected == found(meter)
    assert ("claude-x", True, True) == (meter.model, meter.terminal, meter.complete(200))


def test_a_repeated_start_does_not_reset() -> None:
    """Some servers send message_start again."""
    begin = start(input_tokens=5, output_tokens=1)

    meter = stream(begin, text("x"), event("message_delta", usage={"output_tokens": 9}), begin, STOP)

    assert Usage(input_total=5, output_total=9) == found(meter)


def test_cache_writes_keep_their_lifetimes() -> None:
    """The split comes at the start only; what a delta adds to the sum was written for five minutes."""
    split = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 50}
    begin = start(input_tokens=1, output_tokens=1, cache_creation_input_tokens=150, cache_creation=split)

    meter = stream(
        begin, text("x"), event("message_delta", usage={"output_tokens": 2, "cache_creation_input_tokens": 170})
    )

    usage = found(meter)
    assert (171, 120, 50) == (usage.input_total, usage.input_cache_write_5m, usage.input_cache_write_1h)


def test_a_cut_stream_has_its_input_and_an_estimated_output() -> None:
    """message_start seeds the output with 1: that is not what was written."""
    meter = stream(start(input_tokens=500, output_tokens=1), *(text(" word and more") for _ in range(800)))

    usage = found(meter)
    assert 500 == usage.input_total
    assert 2800 == pytest.approx(usage.output_total, rel=0.15)
    assert not meter.complete(200)


def test_output_that_no_delta_tells_is_a_guess() -> None:
    """Although the stream is whole."""
    begin = start(input_tokens=500, output_tokens=1)
    silent = stream(begin, text("hello"), event("message_delta", delta={"stop_reason": "end_turn"}), STOP)
    told = stream(begin, text("hello"), event("message_delta", delta={}, usage={"output_tokens": 3}), STOP)

    assert (True, True) == (silent.complete(200), silent.sight().guessed)
    assert (True, False) == (told.complete(200), told.sight().guessed)


def test_an_error_event_is_told_and_is_no_end() -> None:
    """overloaded_error after a 200."""
    meter = stream(
        start(input_tokens=5, output_tokens=1),
        text("x"),
        text("y") + event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
    )

    assert ("overloaded_error: Overloaded", False) == (meter.error, meter.terminal)


def test_text_cannot_end_a_stream() -> None:
    """What a model writes is not an event."""
    sly = 'event: message_stop\ndata: {"type":"message_stop"}\n\n{"usage":{"output_tokens":7}}'

    meter = stream(start(input_tokens=5, output_tokens=1), text("x"), text(sly), text(sly) + text(sly))

    assert (False, None) == (meter.terminal, meter.error)


def test_content_begins_with_the_first_delta() -> None:
    """Neither the start nor a ping is content."""
    assert not stream(start(input_tokens=5), event("ping"), event("content_block_start", index=0)).content_seen
    assert stream(text("x")).content_seen


def test_compaction_passes_are_added() -> None:
    """They are billed and not in the totals; passes of the message itself are."""
    entry = {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 20}
    seen = {
        "input_tokens": 5,
        "output_tokens": 2,
        "iterations": [{"type": "message"} | entry, {"type": "compaction"} | entry],
    }

    usage = read_usage(seen, b"")

    assert (125, 12, 20) == (usage.input_total, usage.output_total, usage.input_cached_read)


def test_what_an_advisor_used_stands_apart() -> None:
    """It is another model, billed by its own price: no total may hold it, and it must not be lost."""
    advice = {"type": "advisor_message", "model": "claude-y", "input_tokens": 100, "output_tokens": 10}
    seen = {"input_tokens": 5, "output_tokens": 2, "iterations": [{"type": "message", "input_tokens": 5}, advice]}

    usage = read_usage(seen, json.dumps(seen).encode())

    assert (5, 2) == (usage.input_total, usage.output_total)
    assert (Usage(model="claude-y", input_total=100, output_total=10),) == usage.elsewhere
    assert usage.elsewhere == msgspec.json.decode(msgspec.json.encode(usage), type=Usage).elsewhere


def test_a_json_answer_tells_everything_at_once() -> None:
    """Thoughts are part of the output; speed and tier decide the price."""
    usage = {
        "input_tokens": 3,
        "output_tokens": 550,
        "cache_creation_input_tokens": 12_304,
        "output_tokens_details": {"thinking_tokens": 500},
        "speed": "fast",
        "service_tier": "priority",
    }
    meter = new_meter(MESSAGES, streamed=False, strip_usage=False)
    meter.feed(json.dumps({"model": "claude-x", "usage": usage}).encode())

    expected = Usage(
        input_total=12_307,
        input_cache_write_5m=12_304,
        output_total=550,
        output_reasoning=500,
        speed="fast",
        service_tier="priority",
    )
    assert expected == found(meter)
    assert "claude-x" == meter.model


def test_text_of_a_cut_stream_makes_no_usage_of_a_spoiled_one() -> None:
    """With a count that none can be nothing is believed, so that all is estimated, the input too."""
    meter = new_meter(MESSAGES, streamed=True, strip_usage=False)
    start = {"type": "message_start", "message": {"usage": {"input_tokens": -1}}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello, how are you?"}}
    for event in (start, delta):
        meter.feed(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()))  # type: ignore[attr-defined]
    usage = meter.usage()

    assert usage is not None
    assert usage.is_spoiled
