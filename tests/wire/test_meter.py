"""A JSON answer of any length tells its usage; a stream without usage is estimated from the text that passed."""

import json
from typing import Any

import pytest

from gateway.wire import meter as meters
from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import JsonMeter, Meter, error_text
from gateway.wire.openai_meter import new_meter, read_answer
from tests import exchanges

USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}


def fed(document: Any, *, generates: bool = True, piece: int = 10_000) -> Meter:
    """Feed a document in pieces to a fresh meter."""
    body = json.dumps(document).encode()
    meter = JsonMeter(read_answer, generates=generates)
    for at in range(0, len(body), piece):
        meter.feed(body[at : at + piece])
    assert b"" == meter.finish()
    return meter


def totals(meter: Meter) -> tuple[int, int] | None:
    """Return the totals of a meter's usage."""
    usage = meter.usage()
    return (usage.input_total, usage.output_total) if usage else None


@pytest.mark.parametrize("text_bytes", [10, 100_000, meters.WHOLE_BYTES + 100_000])
@pytest.mark.parametrize("generates", [True, False])
def test_usage_is_found_in_answers_of_any_length(text_bytes: int, generates: bool) -> None:
    """Also where only head and tail are kept; model and tier stand on either side of it."""
    before = {"id": "x", "model": "m", "text": "y" * text_bytes, "service_tier": "flex", "usage": USAGE, "z": 1}
    behind = {"id": "x", "text": "y" * text_bytes, "usage": USAGE, "model": "m", "service_tier": "flex"}
    for document in (before, behind):
        meter = fed(document, generates=generates)
        usage = meter.usage()

        assert usage is not None
        assert ((20, 9), "m", "flex") == (totals(meter), meter.model, usage.service_tier)
        assert meter.complete(200)


@pytest.mark.parametrize("text_bytes", [10, meters.WHOLE_BYTES + 100_000])
def test_only_the_answers_own_usage_counts(text_bytes: int) -> None:
    """Text and nested objects that look like one do not, before or behind it."""
    decoy: dict[str, Any] = {"usage": {"prompt_tokens": 666, "completion_tokens": 666}}
    quoted = json.dumps(decoy)
    document = {
        "model": "m",
        "text": "y" * text_bytes,
        "a": decoy,
        "b": quoted,
        "usage": USAGE,
        "c": decoy,
        "d": quoted,
    }

    assert (20, 9) == totals(fed(document))
    assert None is totals(fed({"model": "m", "text": "y" * text_bytes, "a": decoy, "d": quoted}))


@pytest.mark.parametrize("generates", [True, False])
@pytest.mark.parametrize("text_bytes", [10, 100_000, meters.WHOLE_BYTES + 100_000])
def test_usage_that_comes_first_is_found_in_answers_of_any_length(text_bytes: int, generates: bool) -> None:
    """Some servers tell it before their data; what is nested, or only a text, is not it."""
    decoy: dict[str, Any] = {"usage": {"prompt_tokens": 666, "completion_tokens": 666}}
    first = {"object": "usage", "a": decoy, "b": json.dumps(decoy), "service_tier": "flex", "usage": USAGE}
    for document in (
        {"model": "m", **first, "data": ["y" * text_bytes], "c": decoy},
        {**first, "model": "m", "data": ["y" * text_bytes], "c": decoy},
        {**first, "data": ["y" * text_bytes], "model": "m"},
    ):
        meter = fed(document, generates=generates)
        usage = meter.usage()

        assert usage is not None
        assert ((20, 9), "m", "flex") == (totals(meter), meter.model, usage.service_tier)


@pytest.mark.parametrize("text_bytes", [10, meters.WHOLE_BYTES + 100_000])
@pytest.mark.parametrize("first", [True, False])
def test_a_byte_order_mark_hides_nothing(text_bytes: int, first: bool) -> None:
    """JSON should have none; some servers write it."""
    text = {"text": "y" * text_bytes}
    document = {"usage": USAGE, **text} if first else {**text, "usage": USAGE}
    meter = JsonMeter(read_answer)
    meter.feed(b"\xef\xbb\xbf" + json.dumps(document).encode())

    assert (20, 9) == totals(meter)


def test_a_long_answer_is_not_kept() -> None:
    """Beyond the bound only its ends are."""
    meter = JsonMeter(read_answer)
    for _ in range(100):
        meter.feed(b"x" * 100_000)

    assert sum(map(len, meter._parts)) < meters.HEAD_BYTES + 3 * meters.TAIL_BYTES


def test_leading_blank_lines_are_no_part_of_an_answer() -> None:
    """Some servers send them to keep the connection alive."""
    meter = JsonMeter(read_answer)
    meter.feed(b"\n\n")
    meter.feed(b"\n" + json.dumps({"usage": USAGE}).encode())

    assert (20, 9) == totals(meter)


def test_an_error_is_told_in_one_line() -> None:
    """From an object, from a text, from a list of one; never more than a line."""
    assert "rate_limit: slow down" == fed({"error": {"type": "rate_limit", "message": "slow down"}}).error
    assert "429: slow down" == fed([{"error": {"code": 429, "message": "slow down"}}]).error
    assert "no" == error_text("no")
    assert "error" == error_text({"x": 1})
    assert None is error_text(None)
    assert 300 == len(error_text({"message": "x" * 1000}) or "")


def test_an_answer_without_usage_is_estimated_from_its_size() -> None:
    """Text that was generated counts; vectors and files do not."""
    document = {"choices": [{"message": {"content": "word " * 800}}]}

    assert (25, 1000) == pytest.approx(
        (fed(document).estimate(100).input_total, fed(document).estimate(100).output_total), rel=0.1
    )
    assert 0 == fed(document, generates=False).estimate(100).output_total
    assert 0 == JsonMeter(read_answer).estimate(100).output_total


def test_a_stream_without_usage_is_estimated_from_its_text() -> None:
    """Over all recorded chat streams with some text, taken together, the estimate is near what was reported."""
    estimated, reported = 0, 0
    for exchange in exchanges.streams():
        if exchange["provider"] != "openai" or "chat/completions" not in exchange["path"]:
            continue
        meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
        meter.feed(exchanges.answer_bytes(exchange))
        usage = meter.usage()
        assert usage is not None
        estimated += meter.estimate(0).output_total
        reported += usage.output_total - usage.output_reasoning

    assert reported * 0.6 < estimated < reported * 1.4


def test_a_long_stream_is_estimated_by_the_share_of_text_in_its_beginning() -> None:
    """800 deltas of a token each are about 800 tokens, though only the first are kept."""
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
    for number in range(800):
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": f" w{number % 100:02}"}}],
        }
        meter.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    assert 800 == pytest.approx(meter.estimate(400).output_total, rel=0.15)
    assert 100 == meter.estimate(400).input_total


def test_a_delta_with_text_is_at_least_a_token() -> None:
    """Short tokens are not a quarter of a token."""
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
    for _ in range(40):
        meter.feed(b'data: {"choices":[{"delta":{"content":"1"}}]}\n\n')

    assert 40 == meter.estimate(0).output_total


def test_seen_content_is_never_estimated_at_nothing() -> None:
    """One short delta is at least a token; no content is none."""
    meter = new_meter(Endpoint(name="chat"), streamed=True, strip_usage=False)
    assert 0 == meter.estimate(10).output_total

    meter.feed(b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n')

    assert 1 <= meter.estimate(10).output_total <= 2
