"""What is written down, in which frames, and what an exchange is booked at."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from gateway.core.record import Record, decode
from gateway.exchange.books import Entry, outcome_of, result_of, settle
from gateway.journal.frame import AMEND, BEGIN, END, PART, Frame, unpack
from gateway.journal.writer import Journal
from gateway.policies.pricing import PriceBook
from gateway.wire.asked import Asked
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint
from tests.exchange.parts import OPENAI

CHAT = Endpoint(name="chat", reads_body=True, meters=True)
ANSWER = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2}}'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in a folder of its own."""
    journal = Journal(tmp_path, "test")
    yield journal
    journal.close()


def entry(journal: Journal, keep: int = 1 << 20) -> Entry:
    """A fresh exchange."""
    record = Record(id="01a20a31-7720-71c7-8d56-4365b3ed0dd5", started_at="", team="t", key="k", attempts=[])
    return Entry(journal, record, begun_ns=time.perf_counter_ns(), started_ns=1_800_000_000_000_000_000, keep=keep)


def frames(folder: Path) -> list[Frame]:
    """Every frame in the journal."""
    (segment,) = folder.glob("*.seg")
    data, at, found = segment.read_bytes(), 0, []
    while at < len(data):
        frame = unpack(data, at)
        assert frame is not None
        found.append(frame)
        at += frame.size
    return found


def body(found: list[Frame], direction: int) -> bytes:
    """Put a body together."""
    pieces = sorted(piece[1:] for frame in found for piece in frame.pieces if piece[0] == direction)
    return b"".join(data for _, data in pieces)


def test_small_exchange_is_two_frames(journal: Journal, tmp_path: Path) -> None:
    """Begin with the request, end with the answer; both readable as records."""
    one = entry(journal)
    one.begin(b"ask")
    one.answer(b"answer")
    one.close("ok")

    found = frames(tmp_path)
    assert [BEGIN, END] == [frame.kind for frame in found]
    assert (None, "ok") == (decode(found[0].meta).outcome, decode(found[1].meta).outcome)
    assert (b"ask", b"answer") == (body(found, 0), body(found, 1))


@pytest.mark.parametrize("sizes", [[200_000], [70_000, 5], [10] * 20_000])
def test_long_bodies_pass_in_parts(journal: Journal, tmp_path: Path, sizes: list[int]) -> None:
    """Whole in the journal, true lengths in the record, never more than a part held back."""
    data = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    one = entry(journal)
    one.begin(data[0])
    for piece in data[1:]:
        one.request(piece)
    for piece in data:
        one.answer(piece)
    one.close("ok")

    found = frames(tmp_path)
    assert PART in [frame.kind for frame in found]
    assert (b"".join(data), b"".join(data)) == (body(found, 0), body(found, 1))
    record = decode(found[-1].meta)
    assert (sum(sizes), sum(sizes), False) == (record.request_bytes, record.response_bytes, record.truncated)


def test_what_exceeds_the_limit_is_cut_and_said(journal: Journal, tmp_path: Path) -> None:
    """Head and tail are kept; with no limit at all not a byte."""
    one = entry(journal, keep=100_000)
    one.begin(b"a" * 300_000)
    one.close("ok")

    record = decode(frames(tmp_path)[-1].meta)
    assert (300_000, True) == (record.request_bytes, record.truncated)
    assert len(body(frames(tmp_path), 0)) <= 100_000


def test_no_byte_is_kept_where_bodies_are_off(journal: Journal, tmp_path: Path) -> None:
    """Only the lengths."""
    one = entry(journal, keep=0)
    one.begin(b"secret-ask")
    one.answer(b"secret-answer")
    one.close("ok")

    (segment,) = tmp_path.glob("*.seg")
    assert b"secret" not in segment.read_bytes()
    record = decode(frames(tmp_path)[-1].meta)
    assert (10, 13) == (record.request_bytes, record.response_bytes)


def test_what_comes_behind_the_end_is_amended(journal: Journal, tmp_path: Path) -> None:
    """A second record with the rest."""
    one = entry(journal)
    one.begin(b"")
    one.answer(b"data: [DONE]\n\n")
    one.close("ok")
    one.answer(b"\n")
    one.amend()

    found = frames(tmp_path)
    assert [BEGIN, END, AMEND] == [frame.kind for frame in found]
    assert b"data: [DONE]\n\n\n" == body(found, 1)


def test_settling_books_what_the_provider_told(journal: Journal) -> None:
    """Usage, its source, and the price of the list."""
    one = entry(journal)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=False, strip_usage=False)
    meter.feed(ANSWER)
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Asked())

    record = one.record
    assert record.usage is not None
    assert (10, 2, "provider", "genai-prices") == (
        record.usage.input_total,
        record.usage.output_total,
        record.usage_source,
        record.price_source,
    )
    assert 10 * 150 + 2 * 600 == record.cost_nano_usd
    assert b'{"prompt_tokens":10,"completion_tokens":2}' == bytes(msgspec.Raw(record.usage.raw))


def test_price_is_that_of_the_model_which_the_provider_was_asked_for(journal: Journal) -> None:
    """A route's name, or `provider/model`, has no price; nor has an answer that names no model."""
    one = entry(journal)
    one.record.model_requested = "fast"
    one.attempt("openai", "gpt-4o-mini")
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=False, strip_usage=False)
    meter.feed(ANSWER.replace(b'"model":"gpt-4o-mini",', b""))
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Asked())

    assert ("genai-prices", 10 * 150 + 2 * 600) == (one.record.price_source, one.record.cost_nano_usd)


def test_silence_is_estimated_never_nothing(journal: Journal) -> None:
    """A provider that was called is booked by what was sent to it."""
    one = entry(journal)
    one.begin(b"x" * 400)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=True, strip_usage=False)
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=False, asked=Asked())

    assert "estimated" == one.record.usage_source
    assert one.record.cost_nano_usd > 0


def test_a_picture_is_not_estimated_as_text(journal: Journal) -> None:
    """Four bytes a token would make a quarter of a million of it."""
    one = entry(journal)
    body = b'{"url":"data:image/png;base64,' + b"iVBORw0K" * 125_000 + b'"}'
    one.begin(body)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=True, strip_usage=False)
    prices = PriceBook({}, (Decimal(5), Decimal(25)), "default_price")
    settle(one, meter, prices, OPENAI, whole=False, asked=Asked(body))

    assert one.record.usage is not None
    assert 100 < one.record.usage.input_total < 10_000


def test_a_whole_stream_that_leaves_its_output_to_be_guessed_is_partial(journal: Journal) -> None:
    """Only its input was told."""
    one = entry(journal)
    meter = DIALECTS["anthropic"].new_meter(Endpoint(name="messages"), streamed=True, strip_usage=False)
    meter.feed(b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5}}}\n\n')
    meter.feed(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Asked())

    assert "partial" == one.record.usage_source


@pytest.mark.parametrize(
    ("status", "outcome", "result"),
    [
        (200, "ok", "ok"),
        (404, "client_error", "4xx"),
        (401, "upstream_error", "4xx"),
        (429, "rate_limited", "429"),
        (500, "upstream_error", "5xx"),
        (504, "timeout", "timeout"),
        (529, "overloaded", "5xx"),
    ],
)
def test_status_names_outcome_and_result(status: int, outcome: str, result: str) -> None:
    """Our key refused is the provider's trouble, not the client's."""
    assert (outcome, result) == (outcome_of(status), result_of(status))
