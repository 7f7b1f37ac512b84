"""Streams of the Gemini dialect, as events and as an array that grows."""

import json
from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.wire.endpoint import Endpoint
from gateway.wire.gemini_meter import new_meter
from gateway.wire.meter import Meter

GENERATE = Endpoint(name="generate_content", streams=True)


def chunk(text: str | None, finish: str | None = None, **usage: int) -> dict[str, Any]:
    """Write a chunk."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}] if text is not None else [], "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    found: dict[str, Any] = {"candidates": [candidate]}
    if usage:
        found["usageMetadata"] = usage
    return found | {"modelVersion": "gemini-x", "responseId": "r"}


def event(document: dict[str, Any]) -> bytes:
    """Write an event as the provider does."""
    return b"data: " + json.dumps(document).encode() + b"\r\n\r\n"


def array(*documents: dict[str, Any]) -> bytes:
    """Write an array as the provider does, line by line."""
    return b"[" + b"\n,\r\n".join(json.dumps(each, indent=2).encode() for each in documents) + b"\n]\n"


def stream(*pieces: bytes) -> Meter:
    """Feed pieces to a fresh meter."""
    meter = new_meter(GENERATE, streamed=True, strip_usage=False)
    for piece in pieces:
        assert meter.feed(piece) is piece
    assert b"" == meter.finish()
    return meter


def found(meter: Meter) -> Usage:
    """Return a meter's usage without its raw form."""
    usage = meter.usage()
    assert usage is not None
    usage.raw = Usage().raw
    return usage


CHUNKS = [
    chunk("a", promptTokenCount=12, thoughtsTokenCount=50),
    chunk("b" * 20_000, promptTokenCount=12, candidatesTokenCount=3, thoughtsTokenCount=89),
    chunk(
        " end", "STOP", promptTokenCount=12, toolUsePromptTokenCount=71, candidatesTokenCount=65, thoughtsTokenCount=89
    ),
]
EXPECTED = Usage(input_total=83, input_tool=71, output_total=154, output_reasoning=89)


@pytest.mark.parametrize("whole", [b"".join(map(event, CHUNKS)), array(*CHUNKS)], ids=["events", "array"])
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_the_last_chunk_tells_the_usage(whole: bytes, size: int) -> None:
    """Counts are cumulative; thoughts and tool prompts stand beside; however the bytes are cut."""
    meter = stream(*(whole[at : at + size] for at in range(0, len(whole), size)))

    assert EXPECTED == found(meter)
    assert ("gemini-x", True, True, True) == (meter.model, meter.content_seen, meter.terminal, meter.complete(200))


@pytest.mark.parametrize("write", [lambda each: b"".join(map(event, each)), lambda each: array(*each)[:-3]])
def test_a_cut_stream_tells_the_usage_so_far(write: Any) -> None:
    """It is exact up to its last whole chunk, and it is not complete."""
    meter = stream(write(CHUNKS[:2]))

    assert (12, 92) == (found(meter).input_total, found(meter).output_total)
    assert not meter.complete(200)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_an_arrays_model_is_found_wherever_it_stands(size: int) -> None:
    """Members have no order: the model may be named before the usage, or once for all chunks."""
    first, *others = [{name: each[name] for name in reversed(each)} for each in CHUNKS]
    for other in others:
        del other["modelVersion"]
    for documents in ([first], [first, *others]):
        whole = array(*documents)

        meter = stream(*(whole[at : at + size] for at in range(0, len(whole), size)))

        assert "gemini-x" == meter.model


def test_words_about_a_model_are_not_its_name() -> None:
    """A text that quotes the member is a text."""
    assert "gemini-x" == stream(array(CHUNKS[0], chunk('"modelVersion": "other"', "STOP", promptTokenCount=1))).model


def test_usage_that_comes_alone_counts_and_an_empty_one_does_not() -> None:
    """A last chunk without candidates may tell; `{}` tells nothing."""
    alone = {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}}

    assert (1, 2) == (found(stream(event(CHUNKS[0]), event(alone))).input_total, 2)
    assert EXPECTED == found(stream(*map(event, CHUNKS)))


def test_a_blocked_prompt_ends_the_stream() -> None:
    """There is no candidate, and so no finish reason."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}

    meter = stream(event(blocked))

    assert (True, 9, 0) == (meter.terminal, found(meter).input_total, found(meter).output_total)


def test_arguments_that_look_like_usage_are_none() -> None:
    """A function call's arguments are real objects: only the chunk's own member counts."""
    sly = {"usageMetadata": {"promptTokenCount": 666}, "finishReason": "STOP"}
    call = chunk(None, promptTokenCount=1, candidatesTokenCount=2)
    call["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "f", "args": sly}}]
    late = {"usageMetadata": call["usageMetadata"], "candidates": call["candidates"]}

    for document in (call, late):
        assert 1 == found(stream(event(document))).input_total
        assert not stream(event(document)).terminal
        assert 1 == found(stream(array(document))).input_total


@pytest.mark.parametrize("write", [event, array])
def test_an_error_in_the_stream_is_told(write: Any) -> None:
    """As an event, or as an array of one."""
    failure = {"error": {"code": 503, "message": "sorry", "status": "UNAVAILABLE"}}

    meter = stream(write(failure))

    assert "503: sorry" == meter.error
    assert not meter.complete(200)


def test_blanks_before_a_stream_tell_nothing_of_its_kind() -> None:
    """Servers send some to keep a connection open."""
    whole = array(*CHUNKS)

    assert found(stream(b"\r\n", whole)) == found(stream(whole))


def test_modalities_are_parts_of_the_totals() -> None:
    """Audio and pictures, documents among the pictures, in the prompt and in the tools' part of it."""
    usage = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 10,
        "cachedContentTokenCount": 30,
        "candidatesTokenCount": 20,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 40},
            {"modality": "DOCUMENT", "tokenCount": 5},
            {"modality": None, "tokenCount": 7},
        ],
        "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}, {"modality": "IMAGE", "tokenCount": 3}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}],
        "serviceTier": "flex",
    }
    meter = new_meter(GENERATE, streamed=False, strip_usage=False)
    meter.feed(json.dumps({"modelVersion": "gemini-x", "usageMetadata": usage}).encode())

    expected = Usage(
        input_total=110,
        input_tool=10,
        input_cached_read=30,
        input_audio=42,
        input_image=8,
        output_total=20,
        output_image=20,
        service_tier="flex",
    )
    assert expected == found(meter)


def test_the_openai_door_speaks_the_openai_dialect() -> None:
    """`/v1beta/openai/…` answers in OpenAI's shape."""
    usage = {"prompt_tokens": 3, "completion_tokens": 7}
    for endpoint, streamed, body in [
        (Endpoint(name="chat"), True, b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"),
        (Endpoint(name="chat"), False, json.dumps({"usage": usage}).encode()),
        (Endpoint(name="embeddings"), False, json.dumps({"data": [], "usage": usage}).encode()),
    ]:
        meter = new_meter(endpoint, streamed=streamed, strip_usage=False)
        meter.feed(body)
        assert (3, 7) == (found(meter).input_total, found(meter).output_total)


def test_what_comes_after_the_last_usage_is_told_apart_in_any_read() -> None:
    """Chunks that tell nothing add to what was told before them, whatever came in one read with them."""
    told = event(chunk("word " * 9, promptTokenCount=5, candidatesTokenCount=1000))
    silent = event(chunk("word " * 9))
    data = silent + told * 2 + silent * 9
    numbers = set()
    for size in (1, 100, 700, len(silent), len(data) - len(silent), len(data)):
        rest = range(len(silent), len(data), size)
        meter = stream(silent, *(data[at : at + size] for at in rest))
        sight = meter.sight()
        assert sight.usage is not None
        numbers |= {meter.so_far(), sight.usage.output_total}

    assert 1 == len(numbers)
    assert 1000 + 9 * 11 == pytest.approx(numbers.pop(), abs=15)


def test_half_an_event_takes_nothing_back() -> None:
    """What was told before it stands."""
    told = event(chunk("word", promptTokenCount=5, candidatesTokenCount=7))

    for cut in range(1, len(told) - 4):
        assert 7 == found(stream(told * 2, told[:cut])).output_total


def test_a_stream_that_tells_nothing_is_estimated() -> None:
    """From its text, in either form."""
    silent = [chunk("word " * 100) for _ in range(5)]

    assert 625 == pytest.approx(stream(*map(event, silent)).estimate(0).output_total, rel=0.2)
    assert 0 < stream(array(*silent)).estimate(0).output_total < 2000


def test_elements_that_only_look_like_usage_tell_none() -> None:
    """An array that ends within one, or is none."""
    for tail in (b'"usageMetadata":{"promptTokenCount":1', b'"usageMetadata":tru]', b'"usageMetadata":{} x'):
        meter = new_meter(Endpoint(name="generate_content"), streamed=True, strip_usage=False)
        meter.feed(b"[{" + tail * 20)
        meter.finish()

        assert None is meter.usage()


def test_an_element_that_is_no_text_tells_nothing() -> None:
    """Its usage is as damaged as its model's name may be."""
    meter = new_meter(Endpoint(name="generate_content"), streamed=True, strip_usage=False)
    meter.feed(b'[{"candidates":[],"usageMetadata":{"promptTokenCount":1},"modelVersion":"\xff"}]')
    meter.finish()

    assert None is meter.usage()
