"""What is written down, in which frames, and what an exchange is booked at."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core.record import Record, decode, encode
from gateway.exchange.books import Entry, outcome_of, result_of, settle
from gateway.journal.frame import AMEND, BEGIN, END, PART, Frame, unpack
from gateway.journal.writer import Journal
from gateway.policies.pricing import PriceBook
from gateway.wire.billed import Billed
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import ASKS, POLLS, RESULTS, Endpoint
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


def test_overhead_is_no_time_in_which_we_waited(journal: Journal) -> None:
    """Not for a client that sends its request piece by piece, nor for money; what is left is never below zero."""
    second_ns = 10**9
    slow, quick, held, idle = (entry(journal) for _ in range(4))
    for one in (slow, quick, held, idle):
        one.begun_ns -= second_ns
    slow.note_upload(7)
    slow.note_overhead()
    quick.note_upload(1)
    quick.note_overhead()
    held.record.waited_us = 900_000
    held.note_overhead()
    idle.record.waited_us = 10**9
    idle.note_overhead()

    assert 0 <= (slow.record.overhead_us or 0) < 900_000
    assert 1_000_000 <= (quick.record.overhead_us or 0) < 1_900_000
    assert 100_000 <= (held.record.overhead_us or 0) < 1_000_000
    assert 0 == idle.record.overhead_us


@pytest.mark.parametrize("keep", [0, 10, 1 << 20])
def test_how_long_a_request_is_stands_in_its_beginning(journal: Journal, tmp_path: Path, keep: int) -> None:
    """Also where nothing of it is kept: should the process die, its input is estimated by it."""
    one = entry(journal, keep)
    one.begin(b"x" * 100_000)
    one.close("ok")

    begun, *_, ended = frames(tmp_path)
    assert (100_000, 100_000) == (decode(begun.meta).request_bytes, decode(ended.meta).request_bytes)


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
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Billed())

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


def test_settling_notes_how_the_answer_ended(journal: Journal) -> None:
    """In the provider's own words."""
    one = entry(journal)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=False, strip_usage=False)
    ended = b'{"id":"c-1","choices":[{"message":{"tool_calls":[{},{}]},"finish_reason":"tool_calls"}],'
    meter.feed(ANSWER.replace(b'{"model"', ended + b'"model"').replace(b'"choices":[],', b""))
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Billed())

    assert ("c-1", "tool_calls", 2) == (one.record.response_id, one.record.finish_reason, one.record.tool_calls)


def test_price_is_that_of_the_model_which_the_provider_was_asked_for(journal: Journal) -> None:
    """A route's name, or `provider/model`, has no price; nor has an answer that names no model."""
    one = entry(journal)
    one.record.model_requested = "fast"
    one.attempt("openai", "gpt-4o-mini")
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=False, strip_usage=False)
    meter.feed(ANSWER.replace(b'"model":"gpt-4o-mini",', b""))
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Billed())

    assert ("genai-prices", 10 * 150 + 2 * 600) == (one.record.price_source, one.record.cost_nano_usd)


def test_silence_is_estimated_never_nothing(journal: Journal) -> None:
    """A provider that was called is booked by what was sent to it."""
    one = entry(journal)
    one.begin(b"x" * 400)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=True, strip_usage=False)
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=False, asked=Billed())

    assert "estimated" == one.record.usage_source
    assert one.record.cost_nano_usd > 0


def test_a_picture_is_not_estimated_as_text(journal: Journal) -> None:
    """Four bytes a token would make a quarter of a million of it."""
    one = entry(journal)
    body = b'{"url":"data:image/png;base64,' + b"iVBORw0K" * 125_000 + b'"}'
    one.begin(body)
    meter = DIALECTS["openai"].new_meter(CHAT, streamed=True, strip_usage=False)
    prices = PriceBook({}, (Decimal(5), Decimal(25)), "default_price")
    settle(one, meter, prices, OPENAI, whole=False, asked=Billed(body))

    assert one.record.usage is not None
    assert 100 < one.record.usage.input_total < 10_000


def test_a_whole_stream_that_leaves_its_output_to_be_guessed_is_partial(journal: Journal) -> None:
    """Only its input was told."""
    one = entry(journal)
    meter = DIALECTS["anthropic"].new_meter(Endpoint(name="messages"), streamed=True, strip_usage=False)
    meter.feed(b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5}}}\n\n')
    meter.feed(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    settle(one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=True, asked=Billed())

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


RESPONSES = Endpoint(name="responses", reads_body=True, meters=True)
ASKED_BATCH = Endpoint(name="batch", meters=True, job=ASKS)
POLLED = Endpoint(name="responses", meters=True, job=POLLS)
RESULTS_OF_BATCH = Endpoint(name="batch", meters=True, job=RESULTS)
QUEUED = b'{"id":"resp_1","background":true,"status":"queued","model":"gpt-4o-mini","usage":null}'
ENDED = QUEUED.replace(b"queued", b"completed").replace(b"null", b'{"input_tokens":10,"output_tokens":2}')
LINE = b'{"result":{"type":"succeeded","message":{"model":"m","usage":{"input_tokens":7,"output_tokens":1}}}}\n'


def settled(
    one: Entry,
    endpoint: Endpoint,
    answer: bytes,
    *,
    dialect: str = "openai",
    streamed: bool = False,
    whole: bool = True,
) -> Record:
    """Settle an exchange by its answer."""
    meter = DIALECTS[dialect].new_meter(endpoint, streamed=streamed, strip_usage=False)
    meter.feed(answer)
    if whole:
        meter.finish()
    assert (
        settle(
            one, meter, PriceBook({}, (Decimal(5), Decimal(25)), "default_price"), OPENAI, whole=whole, asked=Billed()
        )
        is None
    )
    return one.record


def test_work_that_goes_on_is_booked_later(journal: Journal) -> None:
    """Nothing now; beside it what the request alone lets guess, and whose price it will be."""
    one = entry(journal)
    one.begin(b"x" * 400)
    record = settled(one, RESPONSES, QUEUED)

    assert (None, "none", 0, b"") == (record.usage, record.usage_source, record.cost_nano_usd, bytes(record.rates))
    assert ("gpt-4o-mini", "genai-prices") == (record.model_served, record.price_source)
    assert record.job is not None
    assert record.job.usage is not None
    assert ("resp_1", "open", 100, 0) == (
        record.job.id, record.job.state, record.job.usage.input_total, record.job.usage.output_total,
    )  # fmt: skip
    assert record == decode(encode(record))


def test_a_background_stream_that_was_left_keeps_what_it_showed(journal: Journal) -> None:
    """Its output so far is known to have been written."""
    event = b'event: response.created\ndata: {"type":"response.created","response":' + QUEUED + b"}\n\n"
    delta = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"' + b"a" * 40
    one = entry(journal)
    one.record.stream = True
    record = settled(one, RESPONSES, event + delta + b'"}\n\n', streamed=True, whole=False)

    assert record.job is not None
    assert record.job.usage is not None
    assert ("open", None, 0) == (record.job.state, record.usage, record.cost_nano_usd)
    assert record.job.usage.output_total >= 10


def test_a_batch_is_guessed_at_its_own_price(journal: Journal) -> None:
    """Its model is not known yet, so nobody's price stands there."""
    one = entry(journal)
    one.begin(b"x" * 400)
    record = settled(one, ASKED_BATCH, b'{"id":"batch_1","status":"validating"}')

    assert record.job is not None
    assert record.job.usage is not None
    assert (100, "batch", "none", None) == (
        record.job.usage.input_total, record.job.usage.processing, record.price_source, record.price_version,
    )  # fmt: skip


def test_a_batch_of_which_nothing_is_known_is_estimated_at_once(journal: Journal) -> None:
    """Without a name nobody will ever tell."""
    for answer in (b"<html>", b'{"id":["batch_1"],"status":"validating"}', b'{"id":"' + b"x" * 10_240 + b'"}'):
        one = entry(journal)
        one.begin(b"x" * 400)
        record = settled(one, ASKED_BATCH, answer)
        assert (None, "estimated", 100) == (record.job, record.usage_source, record.usage and record.usage.input_total)
        assert record.cost_nano_usd > 0


def polled(journal: Journal, **fields: Any) -> Entry:
    """Begin an exchange that asks how far some work is."""
    one = entry(journal)
    one.record.status, one.record.path = 200, "/v1/messages/batches/msgbatch_1/results"
    for name, value in fields.items():
        setattr(one.record, name, value)
    return one


def test_a_poll_is_free_and_says_what_it_saw(journal: Journal) -> None:
    """Whoever reads the log sees when the end was known; whoever adds up finds it elsewhere."""
    record = settled(polled(journal), POLLED, ENDED)

    assert (None, "none", 0, "none") == (record.usage, record.usage_source, record.cost_nano_usd, record.price_source)
    assert record.job is not None
    assert ("resp_1", "seen", 10) == (
        record.job.id,
        record.job.state,
        record.job.usage and record.job.usage.input_total,
    )
    assert "gpt-4o-mini" == record.model_served


def test_results_are_those_of_the_path(journal: Journal) -> None:
    """They do not say themselves whose they are."""
    record = settled(polled(journal), RESULTS_OF_BATCH, LINE, dialect="anthropic")
    nameless = settled(polled(journal, path="/results"), RESULTS_OF_BATCH, LINE, dialect="anthropic")

    assert ("msgbatch_1", 7) == (
        record.job and record.job.id,
        record.job and record.job.usage and record.job.usage.input_total,
    )
    assert nameless.job is None


@pytest.mark.parametrize(
    ("fields", "whole", "answer"),
    [({"status": 206}, True, LINE), ({"status": None}, True, LINE), ({}, False, LINE), ({}, False, LINE + LINE[:40])],
)
def test_part_of_the_results_tells_nothing(journal: Journal, fields: Any, whole: bool, answer: bytes) -> None:
    """A range that a client asked for, or what came before it left, would pass for the whole bill."""
    record = settled(polled(journal, **fields), RESULTS_OF_BATCH, answer, dialect="anthropic", whole=whole)

    assert record.job is not None
    assert ("seen", None) == (record.job.state, record.job.usage)


def test_the_last_event_tells_also_if_nobody_stays_for_what_follows(journal: Journal) -> None:
    """A streamed poll is as good as its terminal event."""
    event = b'event: response.completed\ndata: {"type":"response.completed","response":' + ENDED + b"}\n\n"
    record = settled(polled(journal), POLLED, event, streamed=True, whole=False)

    assert record.job is not None
    assert 10 == (record.job.usage and record.job.usage.input_total)


@pytest.mark.parametrize("endpoint", [POLLED, RESULTS_OF_BATCH])
def test_a_poll_without_an_answer_is_free(journal: Journal, endpoint: Endpoint) -> None:
    """Asking costs nothing, whatever becomes of it."""
    for answer in (b"", b"\xff", b'{"id":"resp_1","background":false,"usage":{"input_tokens":5}}', b"[" * 100_000):
        record = settled(polled(journal, status=200), endpoint, answer, dialect="openai")
        assert (None, "none", 0) == (record.usage, record.usage_source, record.cost_nano_usd)
        assert record.job is None or record.job.usage is None
