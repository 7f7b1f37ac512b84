"""A JSON answer of any length tells its usage."""

import json
from typing import Any

import pytest

from gateway.wire.endpoint import Endpoint
from gateway.wire.json_meter import HEAD_BYTES, WHOLE_BYTES, JsonMeter
from gateway.wire.meter import TAIL_BYTES, Meter
from gateway.wire.openai_meter import new_meter, read_answer

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


@pytest.mark.parametrize("text_bytes", [10, 100_000, WHOLE_BYTES + 100_000])
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


@pytest.mark.parametrize("text_bytes", [10, WHOLE_BYTES + 100_000])
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
@pytest.mark.parametrize("text_bytes", [10, 100_000, WHOLE_BYTES + 100_000])
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


@pytest.mark.parametrize("text_bytes", [10, WHOLE_BYTES + 100_000])
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

    assert sum(map(len, meter._parts)) < HEAD_BYTES + 3 * TAIL_BYTES


def test_an_error_is_told() -> None:
    """Also one in a list of one, as Google's are."""
    assert "rate_limit: slow down" == fed({"error": {"type": "rate_limit", "message": "slow down"}}).error
    assert "429: slow down" == fed([{"error": {"code": 429, "message": "slow down"}}]).error


def test_leading_blank_lines_are_no_part_of_an_answer() -> None:
    """Some servers send them to keep the connection alive."""
    meter = JsonMeter(read_answer)
    meter.feed(b"\n\n")
    meter.feed(b"\n" + json.dumps({"usage": USAGE}).encode())

    assert (20, 9) == totals(meter)


def test_an_answer_without_usage_is_estimated_from_its_size() -> None:
    """Text that was generated counts; vectors and files do not. What was asked is never nothing."""
    document = {"choices": [{"message": {"content": "word " * 800}}]}

    assert (25, 1000) == pytest.approx(
        (fed(document).estimate(100).input_total, fed(document).estimate(100).output_total), rel=0.1
    )
    assert 0 == fed(document, generates=False).estimate(100).output_total
    nothing = JsonMeter(read_answer).estimate(0)
    assert (1, 0) == (nothing.input_total, nothing.output_total)


def test_a_json_answer_is_known_when_it_is_whole() -> None:
    """Until then it is a token; then what it tells, or an estimate."""
    told, silent = ({"choices": [{"message": {"content": "word" * 100}}], **more} for more in ({"usage": USAGE}, {}))
    for document, expected in ((told, 9), (silent, 100)):
        meter = new_meter(Endpoint(name="chat"), streamed=False, strip_usage=False)
        assert 0 == meter.so_far()
        meter.feed(json.dumps(document).encode())
        assert 1 == meter.so_far()
        meter.finish()
        assert expected == meter.so_far()
    assert (0, 9) == (fed({"data": [0.5] * 99}, generates=False).so_far(), fed({"usage": USAGE}).so_far())
