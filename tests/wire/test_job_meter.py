"""Answers about work under way are read whole, in bounded memory, and trusted with nothing."""

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.wire.adding import Sum
from gateway.wire.job_meter import DocumentMeter, LinesMeter, asked, believed, job, polled
from gateway.wire.shapes import Sight
from gateway.wire.sse import HELD_MOST_BYTES


def read_line(line: bytes, total: Sum) -> None:
    """Read a line that is a number of tokens."""
    total.add("m", Usage(input_total=int(line)))


def fed(meter: Any, *pieces: bytes) -> Sight:
    """Feed an answer to its end, and check that nothing of it is changed."""
    assert list(pieces) == [meter.feed(piece) for piece in pieces]
    assert b"" == meter.finish()
    sight: Sight = meter.sight()
    return sight


def told(sight: Sight) -> Usage | None:
    """Return the usage that some work is said to have had."""
    return sight.job.usage if sight.job else None


@pytest.mark.parametrize(
    "name", [None, 7, ["resp_1"], {}, "", " ", "a b", "a\nb", "\x1b[2J", "é", "\ud800", "x" * 257, "x" * 10_240]
)
def test_what_is_no_name_makes_no_job(name: Any) -> None:
    """Names come from outside: they go into tables and onto terminals."""
    assert job(name, "open") is None
    assert polled(name, Usage(input_total=1)).job is None
    assert asked(name).job is None


def test_work_that_goes_on_is_open_and_what_has_ended_is_not() -> None:
    """An answer that tells the usage at once needs no job."""
    ended = asked("batch_1", Usage(input_total=3), "m")

    assert (None, 3, "m") == (ended.job, ended.usage and ended.usage.input_total, ended.model)
    assert ("batch_1", "open") == ((found := asked("batch_1").job) and (found.id, found.state))


def test_a_usage_that_cannot_be_believed_is_none_yet() -> None:
    """The work may still tell a better one."""
    spoiled = Usage(suspect=True)

    assert believed(spoiled) is None
    assert told(polled("batch_1", spoiled)) is None
    assert asked("batch_1", spoiled).job is not None


def test_a_document_is_read_when_it_is_whole() -> None:
    """Looked at once for each state of it."""
    seen: list[bytes] = []

    def read(body: bytes) -> Sight:
        seen.append(body)
        return polled("batch_1", Usage(input_total=len(body)), "m")

    meter = DocumentMeter(read)
    assert (False, b"ab") == (meter.content_seen, meter.feed(b"ab"))
    sight = fed(meter, b"cd")

    assert (4, "m") == (sight.job and sight.job.usage and sight.job.usage.input_total, meter.model)
    assert (None, None, False, True) == (meter.usage(), meter.error, meter.terminal, meter.complete(200))
    assert [b"abcd"] == seen


def test_an_endless_document_is_let_go() -> None:
    """It passes all the same."""
    meter = DocumentMeter(lambda body: polled("batch_1", Usage(input_total=1)) if body else Sight(polled=True))
    for _ in range(HELD_MOST_BYTES // (1 << 20) + 2):
        meter.feed(bytes(1 << 20))

    assert meter.sight().job is None
    assert [] == meter._parts


@given(st.lists(st.integers(0, 999_999), min_size=1, max_size=20), st.integers(1, 7), st.booleans())
def test_lines_add_up_however_they_are_cut(numbers: list[int], size: int, ends: bool) -> None:
    """With or without a last line end, with either kind of it, with blank lines."""
    body = b"\r\n\n".join(b"%d" % number for number in numbers) + b"\n" * ends
    sight = fed(LinesMeter(read_line), *(body[at : at + size] for at in range(0, len(body), size)))

    usage = told(sight)
    assert usage is not None
    assert sum(numbers) == usage.input_total + sum(each.input_total for each in usage.elsewhere)
    assert not usage.suspect


def test_a_line_that_cannot_be_read_is_told_not_guessed() -> None:
    """The others count."""
    usage = told(fed(LinesMeter(read_line), b"1\nnonsense\n2\n"))

    assert (3, True) == (usage and usage.input_total, usage and usage.suspect)


@pytest.mark.parametrize("body", [b"", b"\n\n", b"<html>\n</html>\n"])
def test_no_results_tell_nothing(body: bytes) -> None:
    """Every batch has a request: an empty answer, or a page that says so, is not the price of one."""
    assert told(fed(LinesMeter(read_line), body)) is None


def test_a_last_line_that_is_cut_is_noticed() -> None:
    """Of an answer that ends with its connection, nothing else says so."""
    whole, cut = LinesMeter(read_line), LinesMeter(read_line)
    fed(whole, b"1\n2")
    fed(cut, b"1\n2x")

    assert (True, False) == (whole.complete(200), cut.complete(200))


def test_long_results_need_little_memory() -> None:
    """Hundreds of megabytes pass; a line without end does not fill the worker, and the lines behind it count."""
    meter = LinesMeter(read_line)
    piece = b"1" * 6 + b"\n"
    tracemalloc.start()
    for _ in range(200):
        meter.feed(piece * 1_000)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 100_000
    for _ in range(HELD_MOST_BYTES // (1 << 20) + 2):
        meter.feed(b"1" * (1 << 20))
    usage = told(fed(meter, b"\n5\n"))

    assert usage is not None
    assert usage.suspect
    assert 200_000 * 111_111 + 5 == usage.input_total + sum(each.input_total for each in usage.elsewhere)


def test_the_estimate_is_what_was_asked() -> None:
    """At the price of a batch; what will be answered nobody knows."""
    guess = LinesMeter(read_line).estimate(400)

    assert (100, 0, "batch") == (guess.input_total, guess.output_total, guess.processing)
    assert msgspec.json.decode(msgspec.json.encode(guess), type=Usage) == guess
