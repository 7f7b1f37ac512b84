"""Streams of Responses and of media: where usage stands, what content is, how they end."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import Meter
from gateway.wire.openai_meter import new_meter

RESPONSES = Endpoint(name="responses")
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
DONE = b"data: [DONE]\n\n"


def event(chunk: Any, name: str | None = None, spaced: bool = False) -> bytes:
    """Write an event, in one of the two usual spellings of JSON."""
    head = f"event: {name}\n" if name else ""
    text = json.dumps(chunk, separators=None if spaced else (",", ":"))
    return f"{head}data: {text}\n\n".encode()


def responses(*events: bytes) -> Meter:
    """Feed events, one read each, to a fresh Responses meter."""
    meter = new_meter(RESPONSES, streamed=True, strip_usage=False)
    for each in events:
        assert meter.feed(each) is each
    return meter


CREATED = {"type": "response.created", "response": {"id": "r", "model": "gpt-x", "usage": None, "error": None}}
TEXT = {"type": "response.output_text.delta", "delta": "hi"}


@pytest.mark.parametrize("end", ["completed", "incomplete", "failed"])
def test_a_responses_stream_ends_with_the_whole_response(end: str) -> None:
    """Its usage, tier and model count; a failure says why."""
    response = {
        "id": "r",
        "model": "gpt-x-1",
        "service_tier": "flex",
        "output": ["x" * 200_000],
        "usage": {"input_tokens": 3, "output_tokens": 4},
        "tool_usage": {"web_search": {"num_requests": 2}},
        "error": {"code": "server_error", "message": "sorry"} if end == "failed" else None,
    }
    kind = f"response.{end}"

    meter = responses(
        event(CREATED, "response.created"),
        event(TEXT, "response.output_text.delta"),
        event({"type": kind, "response": response}, kind),
    )

    usage = meter.usage()
    assert usage is not None
    assert (3, 4, "flex", 2) == (usage.input_total, usage.output_total, usage.service_tier, usage.web_searches)
    assert ("gpt-x-1", True, True) == (meter.model, meter.terminal, meter.content_seen)
    assert ("server_error: sorry" if end == "failed" else None) == meter.error


def test_a_failure_without_usage_ends_a_responses_stream_all_the_same() -> None:
    """usage is null there, the error is not."""
    failed = {"type": "response.failed", "response": {"error": {"message": "sorry"}, "usage": None}}

    meter = responses(event(TEXT), event(failed))

    assert (True, "sorry", None) == (meter.terminal, meter.error, meter.usage())


@pytest.mark.parametrize("end", ["completed", "incomplete", "failed"])
@pytest.mark.parametrize("more", [b"", event(TEXT)])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_responses_stream_that_tells_no_usage_has_an_end(end: str, more: bytes, grouped: bool) -> None:
    """Whichever read it comes with: its last event says so. Text about it does not, and nor does a cut one."""
    last = event({"type": f"response.{end}", "response": {"id": "r", "output": []}}, f"response.{end}")
    sly = event({"type": "response.output_text.delta", "delta": '{"type":"response.completed"}'})
    before = [event(CREATED), event(TEXT)]
    reads = [b"".join(before) + more + last] if grouped else [*before, more + last]

    assert responses(*reads).complete(200)
    assert not responses(*before, sly).complete(200)
    assert not responses(*before, last[:-2]).complete(200)
    assert responses(*before, last, DONE).complete(200)


@pytest.mark.parametrize(
    "failure",
    [
        {"type": "error", "code": "server_error", "message": "sorry", "param": None},
        {"type": "error", "error": {"type": "server_error", "message": "sorry"}},
    ],
)
def test_error_events_have_two_shapes(failure: dict[str, Any]) -> None:
    """Documented flat, seen nested."""
    assert "server_error: sorry" == responses(event(TEXT), event(failure)).error


@pytest.mark.parametrize(
    "kind", ["image_generation.completed", "image_edit.completed", "transcript.text.done", "speech.audio.done"]
)
def test_media_streams_tell_their_usage_at_the_end(kind: str) -> None:
    """At the top of the last event."""
    last = {"type": kind, "b64_json": "x" * 100_000, "usage": {"input_tokens": 3, "output_tokens": 4}}
    meter = new_meter(Endpoint(name="image"), streamed=True, strip_usage=False)

    meter.feed(event({"type": "image_generation.partial_image", "b64_json": "x"}) + event(last))

    usage = meter.usage()
    assert usage is not None
    assert (3, 4, True) == (usage.input_total, usage.output_total, meter.terminal)


# ---- what stands in a Responses stream beside its deltas ----------------------------------------------------------


SEALED = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x" * (850 + 6500)}  # 1000 tokens
PICTURE = {"id": "ig_1", "type": "image_generation_call", "result": "x" * 200_000}
FOUND = {"id": "mcp_1", "type": "mcp_list_tools", "tools": [{"description": "some words " * 2000}]}
CALL = {"id": "fc_1", "type": "function_call", "name": "find", "arguments": "word" * 100}
REPEATED = {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "word" * 9000}]}


def item(of: dict[str, Any], kind: str = "done", *, spaced: bool = False) -> bytes:
    """Write the event that opens or closes an item."""
    return event({"type": f"response.output_item.{kind}", "output_index": 0, "item": of}, f"response.{kind}", spaced)


def said(deltas: int, *, spaced: bool = False) -> bytes:
    """Write deltas of a token each."""
    chunk = {"type": "response.output_text.delta", "item_id": "msg_1", "delta": " word", "obfuscation": "x" * 9}
    return event(chunk, "response.output_text.delta", spaced) * deltas


def response(*parts: bytes, whole: bool = False) -> Meter:
    """Feed a stream, a part at a time or all at once."""
    meter = new_meter(RESPONSES, streamed=True, strip_usage=False)
    for part in [b"".join(parts)] if whole else parts:
        meter.feed(part)
    return meter


def begun(*, spaced: bool = False) -> bytes:
    """Write the events with which a response begins."""
    response = {"id": "resp_1", "model": "m", "instructions": "word " * 9000, "usage": None, "error": None}
    opened = item({"id": "msg_1", "type": "message", "content": []}, "added", spaced=spaced)
    return event({"type": "response.created", "response": response}, "response.created", spaced) + opened


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("place", [0, 30, 150, 1000])
@pytest.mark.parametrize(("of", "tokens"), [(SEALED, 1000), (PICTURE, 10), (FOUND, 0), (REPEATED, 0), (CALL, 0)])
def test_an_item_counts_by_itself_wherever_it_stands(
    of: dict[str, Any], tokens: int, place: int, spaced: bool, whole: bool
) -> None:
    """Sealed reasoning that no delta shows; a picture, what tools found, and what repeats the deltas is no text."""
    parts = [begun(spaced=spaced), said(place, spaced=spaced), item(of, spaced=spaced), said(1000, spaced=spaced)]
    meter = response(*parts, whole=whole)

    assert place + 1000 + tokens == pytest.approx(meter.so_far(), rel=0.05)
    assert meter.estimate(0).output_total == meter.so_far()


def test_a_call_counts_its_name_when_it_begins_and_its_arguments_as_they_come() -> None:
    """A stream that is left in between has what came."""
    chunk = {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "word"}
    meter = response(begun(), said(1), item(CALL | {"arguments": ""}, "added"))
    assert 1 + 10 + 1 == meter.so_far()

    meter.feed(event(chunk) * 100)
    meter.feed(item(CALL))

    assert 101 + 11 == meter.so_far()


def test_reasoning_that_was_summed_up_counts_once() -> None:
    """The deltas of the summary are part of what is sealed."""
    chunk = {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "delta": " word"}
    summary = {"summary": [{"type": "summary_text", "text": " word" * 200}]}

    assert 1000 == pytest.approx(response(begun(), event(chunk) * 200, item(SEALED | summary)).so_far(), rel=0.06)


def test_usage_of_a_response_without_an_id_is_found_at_the_end() -> None:
    """It lacks the mark of what is looked at; no provider leaves it out, and a small server of one's own may."""
    last = event({"type": "response.completed", "response": {"usage": USAGE}}, "response.completed")
    for parts in ([begun(), said(5), last], [begun(), said(5) + last]):
        meter = response(*parts)

        assert meter.complete(200)
        usage = meter.sight().usage
        assert usage is not None
        assert (20, 9) == (usage.input_total, usage.output_total)
    assert None is response(begun(), said(5)).sight().usage


def test_what_cannot_be_read_at_the_end_hides_nothing() -> None:
    """Of the events that come last each is looked at by itself."""
    last = event({"type": "response.completed", "response": {"usage": USAGE}}, "response.completed")

    usage = response(begun(), said(5), b'data: {"usage":\n\n' + last).sight().usage

    assert usage is not None
    assert 9 == usage.output_total


@pytest.mark.parametrize(
    "broken", [b'"item":{"id":"\xff"}', b'"item":{"id":"x","a":' + b"[" * 5000, b'"item":7,"id":"x"']
)
def test_an_item_that_cannot_be_read_counts_nothing(broken: bytes) -> None:
    """And stops nothing."""
    meter = response(begun(), said(50), b'data: {"type":"response.output_item.done",' + broken + b"}\n\n", said(50))

    assert 100 == pytest.approx(meter.so_far(), abs=3)


UNNAMED = {"type": "reasoning", "encrypted_content": "x" * 2000, "error": None}  # read or not, by where a read ends


def test_an_item_without_an_id_counts_for_no_reader() -> None:
    """Whether it is looked at depends on what it was read with; the sum must not."""
    apart = response(begun(), said(1), item(UNNAMED), said(100)).so_far()

    assert apart == response(begun(), said(1), item(UNNAMED) + said(100)).so_far()
    assert apart == response(begun(), said(1), item(UNNAMED), said(100), whole=True).so_far()


PARTS = [
    said(1),
    said(40),
    item(UNNAMED),
    *(item(of, kind) for of in (SEALED, PICTURE, FOUND, CALL) for kind in ("added", "done")),
]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=12), st.lists(st.integers(0, 1 << 20), max_size=12), st.booleans())
def test_items_are_counted_the_same_however_they_are_cut(parts: list[bytes], places: list[int], ask: bool) -> None:
    """And the running estimate only grows."""
    data = begun() + b"".join(parts)
    meter = new_meter(RESPONSES, streamed=True, strip_usage=False)
    numbers = [0]
    for start, end in itertools.pairwise([0, *sorted({place % len(data) for place in places} - {0}), len(data)]):
        meter.feed(data[start:end])
        if ask:
            numbers.append(meter.so_far())

    assert sorted(numbers) == numbers
    assert response(data).so_far() == meter.so_far()
