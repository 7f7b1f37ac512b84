"""Streams of chats: where usage stands, what content is, how they end, and why."""

from typing import Any

import pytest

from gateway.wire.chat_meter import ChatMeter
from gateway.wire.meter import Meter
from tests.wire.test_openai_meter import DONE, USAGE, event


def delta(content: str | None = None, **more: Any) -> dict[str, Any]:
    """Write a chat chunk with some content."""
    said = {"content": content} if content is not None else {"role": "assistant"}
    return {"id": "c", "model": "gpt-x", "choices": [{"index": 0, "delta": said, "finish_reason": None}], **more}


def chat(*events: bytes) -> Meter:
    """Feed events, one read each, to a fresh chat meter."""
    meter = ChatMeter()
    for each in events:
        assert meter.feed(each) is each
    return meter


@pytest.mark.parametrize("spaced", [False, True])
def test_null_on_every_chunk_does_not_hide_the_usage_that_counts(spaced: bool) -> None:
    """With include_usage all other chunks carry null, in the server's own spelling."""
    chunks = [delta(), delta("a"), delta("b"), delta("c")]
    last = {"id": "c", "model": "gpt-x", "choices": [], "usage": USAGE, "service_tier": "flex"}

    meter = ChatMeter()
    for chunk in chunks:
        meter.feed(event(chunk | {"usage": None}, spaced=spaced))
    assert meter._mark not in event(chunks[0] | {"usage": None}, spaced=spaced)  # these are no longer looked at
    meter.feed(event(last, spaced=spaced) + DONE)

    usage = meter.usage()
    assert usage is not None
    assert (20, 9, "flex") == (usage.input_total, usage.output_total, usage.service_tier)
    assert ("gpt-x", True) == (meter.model, meter.terminal)


def test_of_cumulative_usage_the_last_counts() -> None:
    """Some servers tell the usage so far on every chunk: it is not a sum."""
    meter = chat(*(event(delta("x", usage={"prompt_tokens": 5, "completion_tokens": n})) for n in (1, 2, 3)))

    usage = meter.usage()
    assert usage is not None
    assert (5, 3) == (usage.input_total, usage.output_total)
    assert not meter.complete(200)


def test_groq_tells_its_usage_beside_its_id() -> None:
    """x_groq.usage counts where there is no other."""
    meter = chat(event(delta("x")), event(delta("y", x_groq={"id": "r", "usage": USAGE})))

    usage = meter.usage()
    assert usage is not None
    assert (20, 9) == (usage.input_total, usage.output_total)


def test_content_begins_with_the_first_text_thought_or_call() -> None:
    """A chunk with a role only, or with empty text, is none."""
    assert not chat(event(delta()), event(delta(""))).content_seen
    for said in (
        {"content": "x"},
        {"reasoning_content": "x"},
        {"tool_calls": [{"index": 0}]},
        {"content": [{"text": "x"}]},
    ):
        assert chat(event({"choices": [{"delta": {"role": "assistant"} | said}]})).content_seen
    assert chat(event({"choices": [{"text": "x"}]})).content_seen


def test_done_is_only_what_stands_on_its_own() -> None:
    """Text that says [DONE] does not end a stream, and usage in text is no usage."""
    sly = 'data: [DONE]\n\n "usage":{"prompt_tokens":1} [DONE]'

    for meter in (chat(event(delta("x")), event(delta(sly))), chat(event(delta(sly)), event(delta(sly)) * 2)):
        assert (False, None) == (meter.terminal, meter.usage())


def test_a_server_that_never_says_done_ends_with_a_finish_reason() -> None:
    """Without either the stream was cut."""
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    assert not chat(event(delta("x"))).complete(200)
    assert chat(event(delta("x")), event(finish)).complete(200)
    assert chat(event(delta("x")), event(finish), event({"choices": [], "usage": USAGE})).complete(200)
    assert not chat(event(finish), event(delta("x"))).complete(200)


def test_an_error_in_the_stream_is_told() -> None:
    """Also with usage, which is still counted, and behind other events of one read."""
    failed = event({"error": {"code": 502, "message": "gone"}, "choices": [], "usage": USAGE})

    meter = chat(event(delta("x")), event(delta("y")) + failed + DONE)

    assert "502: gone" == meter.error
    assert meter.usage() is not None
    assert meter.terminal


def test_one_delta_at_a_time_or_many_in_one_read() -> None:
    """How the network groups events changes nothing."""
    events = [event(delta("x", usage=None)) for _ in range(50)]
    events += [event({"choices": [], "usage": USAGE}), DONE]

    grouped = chat(b"".join(events))

    assert chat(*events).usage() is not None
    assert grouped.usage() is not None
    assert grouped.terminal


def test_an_event_that_is_larger_than_a_read_is_put_together() -> None:
    """Held back for metering only: the client has each byte at once."""
    body = event(delta("x")) + event(delta("y" * 300_000)) + event({"choices": [], "usage": USAGE}) + DONE
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]

    meter = chat(*pieces)

    assert meter.usage() is not None
    assert meter.terminal


def test_stripping_holds_back_no_more_than_half_an_event() -> None:
    """Whole events go out at once; the injected one goes nowhere."""
    meter = ChatMeter(strip_usage=True)
    first, second = event(delta("a")), event(delta("b"))
    usage = event({"choices": [], "usage": USAGE})

    assert first == meter.feed(first + second[:10])
    assert second == meter.feed(second[10:] + usage[:-1])
    assert b"" == meter.feed(usage[-1:])
    assert DONE[:-2] == meter.feed(DONE[:-2]) + meter.finish()
    assert meter.terminal


@pytest.mark.parametrize(
    "figures",
    [
        {"timings": {"prompt_n": 5, "predicted_ms": 12.5}},
        {"time_info": {"queue_time": 0.1}, "perf_metrics": {"ttft": 1}, "stats": {}, "nvext": {"worker_id": 1}},
        {"provider": "x", "sla_metrics": {"ttft_ms": 1}, "error": None, "citations": []},
    ],
)
def test_figures_beside_the_usage_that_we_asked_for_do_not_keep_it(figures: dict[str, Any]) -> None:
    """A client that did not ask must not get a chunk without choices: `chunk.choices[0]` is what it reads."""
    meter = ChatMeter(strip_usage=True)
    usage = event({"id": "c", "choices": [], "usage": USAGE, **figures})

    assert event(delta("a")) + DONE == meter.feed(event(delta("a")) + usage + DONE)
    assert meter.usage() is not None


@pytest.mark.parametrize(
    "content",
    [
        {"error": {"message": "gone"}},
        {"moderation": {"flagged": True}},
        {"prompt_filter_results": [{"prompt_index": 0}]},
        {"citations": ["https://example.com"]},
    ],
)
def test_what_a_client_would_miss_stays_with_the_usage_that_we_asked_for(content: dict[str, Any]) -> None:
    """An error above all."""
    meter = ChatMeter(strip_usage=True)
    usage = event({"id": "c", "choices": [], "usage": USAGE, **content})

    assert event(delta("a")) + usage + DONE == meter.feed(event(delta("a")) + usage + DONE)


def test_choices_that_are_none_hold_no_content() -> None:
    """A chunk may have anything there."""
    meter = ChatMeter()
    meter.feed(b'data: {"choices":7}\n\ndata: {"choices":null}\n\n')

    assert not meter.content_seen


def ended(reason: str | None, **more: Any) -> dict[str, Any]:
    """Write the chunk that says why the model stopped."""
    return {"id": "c", "model": "gpt-x", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more}


def call(place: int | None, name: str | None = None, arguments: str = "", **more: Any) -> dict[str, Any]:
    """Write a chunk of a call: the first has its name."""
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    called = {"index": place, "function": function} if place is not None else {"function": function}
    return {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [called]}, "finish_reason": None}], **more}


CALLS = [call(0, "f"), call(0, arguments="{}"), call(1, "g"), call(1, arguments='{"a":'), call(1, arguments="7}")]
LAST = {"id": "c", "choices": [], "usage": USAGE}
NULL = {"usage": None}


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(
    ("chunks", "reason", "calls"),
    [
        ([delta("a"), delta("b"), ended("stop"), LAST], "stop", 0),
        ([delta("a"), *CALLS, ended("tool_calls"), LAST], "tool_calls", 2),
        ([delta("a"), *CALLS, ended("stop"), LAST], "stop", 2),
        ([delta("a"), *CALLS, ended("tool_calls")], "tool_calls", 2),
        ([delta("a"), *CALLS, ended("tool_calls", usage=USAGE)], "tool_calls", 2),
        ([delta("a"), *CALLS, ended("tool_calls", x_groq={"usage": USAGE})], "tool_calls", 2),
        ([*[each | NULL for each in (delta("a"), *CALLS, ended("length"))], LAST], "length", 2),
        ([each | {"usage": USAGE} for each in (delta("a"), *CALLS, ended("tool_calls"))], "tool_calls", 2),
        ([call(None, "f", "{}"), ended("tool_calls"), LAST], "tool_calls", 1),
        ([delta("a"), call(0, "f", "x" * 5_000), ended("tool_calls"), LAST], "tool_calls", 1),
        ([delta("a"), delta("b")], None, 0),
        ([delta("a"), ended("x" * 65), LAST], None, 0),
        ([delta("a"), ended("a\nb"), LAST], None, 0),
        ([delta('"finish_reason":"no","tool_calls":[{"index":7}]'), delta("b"), ended("stop"), LAST], "stop", 0),
        ([delta("a"), call(10**9), ended("tool_calls"), LAST], "tool_calls", 1),
        ([delta("a"), delta("b", choices=7), ended("stop"), LAST], "stop", 0),
    ],
)  # fmt: skip
def test_a_chat_tells_why_it_ended_and_how_many_tools_it_calls(
    chunks: list[dict[str, Any]], reason: str | None, calls: int, grouped: bool, spaced: bool
) -> None:
    """In the chunk that says so, in one before the usage, however the server spells it, read by read or all at once."""
    events = [event(chunk, spaced=spaced) for chunk in chunks] + [DONE]
    meter = ChatMeter()
    for read in [b"".join(events)] if grouped else events:
        meter.feed(read)

    sight = meter.sight()

    assert ("c", reason, calls) == (sight.response_id, sight.finish_reason, sight.tool_calls)


def test_an_old_call_counts() -> None:
    """`function_call`, of before there could be many."""
    old = {"id": "c", "choices": [{"delta": {"function_call": {"name": "f"}}, "finish_reason": None}]}

    assert 1 == chat(event(old), event(ended("function_call")), DONE).sight().tool_calls
