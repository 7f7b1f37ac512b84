"""Of a stream a few parts are kept, chosen by the stream alone, and its tokens told from them."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import sample as samples
from gateway.wire.guess import OPENAI, Guess, Words
from gateway.wire.sample import ASIDE_BYTES, FIRST_BYTES, LATER_BYTES, LONG_BYTES, SECOND_AT, Sample


def read(event: dict[str, Any], guess: Guess) -> None:
    """Add the text of an event, and what it says once."""
    guess.text(event.get("text"))
    guess.aside = "aside" in event
    if event.get("call"):
        guess.call(event["call"])


WORDS = Words(OPENAI, read)


def event(frame: int = 200, end: str = "\n\n", **members: Any) -> bytes:
    """Write an event of `frame` bytes and its members."""
    return f"data: {json.dumps({'frame': 'x' * frame, **members})}{end}".encode()


def text(size: int = 40, **more: Any) -> bytes:
    """Write an event with so many bytes of text: a tenth as many tokens at the least."""
    return event(text="word" * (size // 4), **more)


def taken(data: bytes, cuts: tuple[int, ...] = ()) -> Sample:
    """Let a sample take what it wants of a stream that comes in pieces."""
    sample = Sample()
    wanted = 0
    for start, end in itertools.pairwise([0, *cuts, len(data)]):
        if end > wanted:
            wanted = sample.take(data[:end], start, start)
    return sample


def kept_bytes(sample: Sample) -> int:
    """Return how many bytes a sample keeps."""
    return sum(len(piece) for part in sample._parts for piece in part._kept)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
@pytest.mark.parametrize("events", [1, 50, 200, 3000])
def test_even_text_is_counted_at_any_length(events: int, end: str) -> None:
    """From a part of it, whatever ends its lines; of a long stream a few parts are kept."""
    data = text(end=end) * events
    sample = taken(data)

    assert kept_bytes(sample) <= FIRST_BYTES + LATER_BYTES * 6
    assert events * 10 == pytest.approx(sample.tokens(len(data), WORDS), rel=0.01)


def test_what_is_kept_is_read_once_and_let_go() -> None:
    """Asking again costs nothing."""
    data = text() * 1000
    sample = taken(data)
    first = sample.tokens(len(data), WORDS)

    assert 0 == kept_bytes(sample)
    assert first == sample.tokens(len(data), WORDS)


def test_a_stream_that_changes_is_followed() -> None:
    """Dense text, then thin: the beginning does not speak for all of it. By itself it would say 5,000 too many."""
    dense, thin = text(120) * 100, text(40) * 400

    assert 3_000 + 4_000 == pytest.approx(taken(dense + thin).tokens(len(dense + thin), WORDS), rel=0.15)


@pytest.mark.parametrize("place", [10, 60, 100, 150, 400])
def test_a_long_event_without_text_is_not_taken_for_text(place: int) -> None:
    """A picture, or a page that was found, wherever it stands; at most what is left of one stretch."""
    data = text() * place + event(600_000) + text() * 200
    without = (place + 200) * 10

    assert without == pytest.approx(taken(data).tokens(len(data), WORDS), abs=1000)


def test_what_is_said_once_is_not_multiplied() -> None:
    """A call at the beginning counts once, and its event is no measure for those that flow."""
    data = event(call="name") + event(ASIDE_BYTES + 500) + text() * 3000

    assert 30_000 + OPENAI.call_tokens + 1 == pytest.approx(taken(data).tokens(len(data), WORDS), rel=0.02)


def test_what_is_put_aside_is_not_counted() -> None:
    """It is counted elsewhere: inside a part it is no frame of text, behind one it takes nothing."""
    plain, aside = text() * 1000, event(900, aside=True)
    data = (text() * 10 + aside) * 5 + plain + aside * 100
    sample = taken(data)
    for number in range(100):
        sample.put_aside(len(data) - number * len(aside), len(aside))

    assert 10_500 == pytest.approx(sample.tokens(len(data), WORDS), rel=0.02)


def test_where_it_needs_bytes_again_is_said() -> None:
    """In between nothing is to be done: the next part starts at a doubling."""
    sample = Sample()
    filler = text(LATER_BYTES // 2)
    assert 0 == sample.take(filler, 0, 0)

    data = filler * 40
    wanted = sample.take(data, len(filler), len(filler))
    after = wanted

    assert wanted in {SECOND_AT << doubling for doubling in range(8)}
    while after == wanted:
        after = sample.take(data + filler, len(data), len(data))
        data += filler
    assert 0 == after


def test_a_part_that_ran_past_the_next_start_skips_it() -> None:
    """An event may be longer than the way to the next part."""
    for data in (event(SECOND_AT * 3) + text() * 2000, text() * 120 + event(SECOND_AT * 3) + text() * 1880):
        assert 20_000 == pytest.approx(taken(data).tokens(len(data), WORDS), rel=0.02)


def test_a_long_event_at_the_beginning_does_not_stand_for_what_follows() -> None:
    """The next part begins right behind it."""
    data = event(600_000) + text() * 200

    assert 2_000 == pytest.approx(taken(data).tokens(len(data), WORDS), rel=0.02)


def test_many_short_deltas_take_nothing_back() -> None:
    """Where they show that a delta is a token, a long one before them was counted for more."""
    data, said = b"", []
    for each in [text(60), *[event(text="a")] * 30]:
        data += each
        said.append(taken(data).tokens(len(data), WORDS))

    assert sorted(said) == said
    assert (15, 31) == (said[0], said[-1])


def test_an_event_that_ends_where_a_part_is_full_is_its_last() -> None:
    """Also when the last byte comes alone, and somebody asked before it."""
    last = event(text="word")
    data = (text() * 100)[: FIRST_BYTES - len(last) - 2] + b"\n\n" + last + text() * 500
    cut = Sample()
    cut.take(data[: FIRST_BYTES - 1], 0, 0)
    cut.tokens(FIRST_BYTES - len(last), WORDS)
    cut.take(data[:FIRST_BYTES], FIRST_BYTES - 1, FIRST_BYTES - 1)
    cut.take(data, FIRST_BYTES, FIRST_BYTES)

    assert FIRST_BYTES == cut._parts[0]._end == taken(data)._parts[0]._end
    assert taken(data).tokens(len(data), WORDS) == cut.tokens(len(data), WORDS)


def test_an_event_that_fills_a_part_may_be_counted_elsewhere() -> None:
    """Then no byte of it is text."""
    before, aside = text() * (FIRST_BYTES // len(text())), event(3000, aside=True)
    data = before + aside + text() * 10
    sample = taken(data)
    sample.put_aside(len(before + aside), len(aside))

    assert FIRST_BYTES < len(before + aside)
    assert data.count(b"word") == pytest.approx(sample.tokens(len(data), WORDS), abs=2)


ENDS = st.sampled_from(["\n\n", "\r\n\r\n"])
RUNS = st.lists(
    st.tuples(
        st.sampled_from(["text", "short", "call", "long", "noise", "broken"]), st.integers(1, 300), st.integers(20, 400)
    ),
    min_size=1,
    max_size=8,
)


def written(runs: list[tuple[str, int, int]], end: str) -> bytes:
    """Write a stream of runs of like events, up to some hundred KB."""
    each = {
        "text": lambda size: event(size, end, text="word" * (size // 8)),
        "short": lambda size: event(size, end, text="a"),
        "call": lambda size: event(size, end, call="name"),
        "noise": lambda size: event(size, end),
        "broken": lambda size: b"data: {" + b"x" * size + end.encode(),
    }
    return b"".join(
        event(count * size, end) if kind == "long" else each[kind](size) * count for kind, count, size in runs
    )


@settings(max_examples=60, deadline=None)
@given(RUNS, ENDS, st.lists(st.integers(0, 1 << 20), max_size=30), st.booleans())
def test_the_estimate_does_not_depend_on_the_cut(
    runs: list[tuple[str, int, int]], end: str, places: list[int], ask: bool
) -> None:
    """Nor on whether somebody asked in between."""
    data = written(runs, end)
    cuts = sorted({place % len(data) for place in places} - {0})
    pieces = taken(data, tuple(cuts[: len(cuts) // 2])) if ask else taken(data, tuple(cuts))
    if ask:  # again, asking after each piece
        pieces, wanted = Sample(), 0
        for start, stop in itertools.pairwise([0, *cuts, len(data)]):
            wanted = pieces.take(data[:stop], start, start) if stop > wanted else wanted
            pieces.tokens(whole_events(data, stop, end), WORDS)

    assert taken(data).tokens(len(data), WORDS) == pieces.tokens(len(data), WORDS)


def whole_events(data: bytes, stop: int, end: str) -> int:
    """Return where the last event ends that is whole up to `stop`."""
    return max(0, data.rfind(end.encode(), 0, stop) + len(end))


@settings(max_examples=60, deadline=None)
@given(RUNS, ENDS, st.lists(st.integers(0, 1 << 20), min_size=1, max_size=30))
def test_more_of_a_stream_is_never_less(runs: list[tuple[str, int, int]], end: str, places: list[int]) -> None:
    """Whatever comes."""
    data = written(runs, end)
    said = []
    for place in sorted(1 + place % len(data) for place in places):
        said.append(taken(data[:place]).tokens(whole_events(data, place, end), WORDS))

    assert sorted(said) == said


def test_the_bounds_are_consistent() -> None:
    """A part must be able to hold an event that is not long, and must fit into its stretch."""
    assert LONG_BYTES <= LATER_BYTES < FIRST_BYTES < SECOND_AT
    assert samples.ASIDE_BYTES < LONG_BYTES
