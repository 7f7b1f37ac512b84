"""Events come out whole, wherever the bytes were cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.sse import Splitter, is_stream, payload

LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
EVENTS = st.lists(
    st.lists(st.sampled_from([b"data: {}", b"event: x", b": note", b"data:y", b"data"]), min_size=1, max_size=3),
    max_size=6,
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut `data` at the given places (modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def split(pieces: list[bytes]) -> list[bytes]:
    """Feed pieces and return all events, an unterminated one last."""
    splitter = Splitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    rest = splitter.rest()
    return [*events, rest] if rest else events


@given(EVENTS, LINE_ENDS, st.lists(st.integers(0, 10_000)))
def test_events_are_the_same_for_any_cut(lines: list[list[bytes]], line_end: bytes, cuts: list[int]) -> None:
    """The splitter gives what was written, for every line end and every cut."""
    written = [line_end.join(event) + line_end * 2 for event in lines]

    assert written == split(pieces_of(b"".join(written), cuts))


def test_what_is_held_back_is_counted() -> None:
    """An event that is whole is not."""
    splitter = Splitter()
    for piece, held in ((b"data: x", 7), (b"y\n", 9), (b"\ndata", 4), (b"", 4)):
        splitter.feed(piece)
        assert (held, held > 0) == (splitter.held, splitter.holding)
    splitter.rest()

    assert 0 == splitter.held


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000)))
def test_no_byte_is_lost_or_added(data: bytes, cuts: list[int]) -> None:
    """All pieces together are what was fed, whatever it was."""
    assert data == b"".join(split(pieces_of(data, cuts)))


def test_a_carriage_return_at_the_end_of_a_read_waits_for_its_line_feed() -> None:
    """Half a CRLF is not a line end of its own."""
    splitter = Splitter()

    assert [] == splitter.feed(b"data: 1\r\n\r")
    assert [b"data: 1\r\n\r\n"] == splitter.feed(b"\n")


def test_an_event_beyond_the_bound_is_let_go_in_pieces() -> None:
    """What is held back is bounded, and nothing of it is lost."""
    splitter = Splitter(most_bytes=10)

    assert [b"data: 12345678"] == splitter.feed(b"data: 12345678")
    assert not splitter.holding
    assert [b"9\n\n"] == splitter.feed(b"9\n\n")


def test_byte_by_byte_feeding_of_a_long_event_stays_linear() -> None:
    """A long event that trickles in is joined once, not once a byte."""
    event = b"data: " + b"x" * 200_000 + b"\n\n"
    splitter = Splitter()

    events = [found for at in range(len(event)) for found in splitter.feed(event[at : at + 1])]

    assert [event] == events


def test_payload_joins_the_data_lines() -> None:
    """Only `data` fields count; a space after the colon is optional; several are joined."""
    assert b'{"a":1}' == payload(b'data: {"a":1}\n\n')
    assert b'{"a":1}' == payload(b'data:{"a":1}\n\n')
    assert b'{"a":\n1}' == payload(b'event: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\n')
    assert b"" == payload(b": OPENROUTER PROCESSING\n\n")


@pytest.mark.parametrize(
    ("content_type", "asked", "streamed"),
    [
        (b"text/event-stream; charset=utf-8", False, True),
        (b"text/event-stream", True, True),
        (b"application/json", True, False),
        (b"text/html", True, False),
        (b"", True, True),
        (b"text/plain", True, True),
        (b"", False, False),
    ],
)
def test_stream_is_told_by_its_type_or_because_it_was_asked_for(
    content_type: bytes, asked: bool, streamed: bool
) -> None:
    """Errors come as JSON, or as a page, also where a stream was asked for."""
    assert streamed == is_stream(content_type, asked=asked)
