"""A stream that we end is read to its end: whole events, and then ours, however the bytes came."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Refusal
from gateway.wire import anthropic, gemini, openai
from gateway.wire.endpoint import Endpoint
from gateway.wire.seam import Elements, Events, Lines, Seam, new_seam
from gateway.wire.sse import Splitter, payload

REFUSAL = Refusal("budget_exceeded", 'spent, "all" of it }')
STREAM = gemini.ACTIONS["streamgeneratecontent"]
DOCUMENTS = st.lists(
    st.dictionaries(
        st.sampled_from(["text", "parts", '"', "\\"]),
        st.recursive(st.text(alphabet='ab"\\[]{},\n é', max_size=8) | st.integers() | st.none(), st.lists),
        max_size=3,
    ),
    max_size=4,
)
CUTS = st.lists(st.integers(1, 30), max_size=12)


def in_reads(whole: bytes, sizes: list[int]) -> list[bytes]:
    """Cut a stream where it happens to be cut."""
    reads = []
    for size in sizes:
        reads.append(whole[:size])
        whole = whole[size:]
    return [read for read in [*reads, whole] if read]


def ended(seam: Seam, reads: list[bytes], after: int, event: bytes) -> tuple[bytes, bytes] | None:
    """Stop a stream when that many reads have passed: what the client got, and what of it was there before the end."""
    given = b""
    for number, read in enumerate(reads):
        if number < after:
            seam.feed(read)
        elif (last := seam.end(read, event)) is not None:
            return given + last, given
        given += read
    return None


def sse(documents: list[Any], end: str) -> bytes:
    """Write events."""
    return "".join(f"data: {json.dumps(each)}{end}{end}" for each in documents).encode()


def read_sse(stream: bytes) -> list[Any]:
    """Read events; what is none of them fails."""
    splitter = Splitter()
    events = splitter.feed(stream)
    assert not splitter.holding
    return [json.loads(payload(event)) for event in events]


@given(DOCUMENTS, st.sampled_from(["\n", "\r\n"]), CUTS, st.integers(0, 12))
def test_events_are_whole(documents: list[Any], end: str, sizes: list[int], after: int) -> None:
    """Those that were begun are left out, or let through to their end."""
    event = openai.error_event(REFUSAL, "id", openai.CHAT)

    found = ended(Events(), in_reads(sse(documents, end), sizes), after, event)

    if found is not None:
        stream, before = found
        *events, last = read_sse(stream)
        assert documents[: len(events)] == events
        assert REFUSAL.message == last["error"]["message"]
        assert len(sse(documents[: len(events)], end)) >= len(before)


@given(DOCUMENTS, CUTS, st.integers(0, 12))
def test_lines_are_whole(documents: list[Any], sizes: list[int], after: int) -> None:
    """As Ollama writes and its client reads them."""
    whole = b"".join(json.dumps(each).encode() + b"\n" for each in documents)

    found = ended(Lines(), in_reads(whole, sizes), after, openai.error_event(REFUSAL, "id", openai.LINES))

    if found is not None:
        *lines, last = [json.loads(line) for line in found[0].splitlines()]
        assert documents[: len(lines)] == lines
        assert {"error": REFUSAL.message} == last


@given(DOCUMENTS, st.sampled_from([None, 1]), CUTS, st.integers(0, 12))
def test_an_array_is_whole(documents: list[Any], indent: int | None, sizes: list[int], after: int) -> None:
    """It ends with one more element, and is still JSON."""
    whole = ("[" + "\n,\r\n".join(json.dumps(each, indent=indent) for each in documents) + "\n]").encode()

    found = ended(Elements(), in_reads(whole, sizes), after, gemini.error_event(REFUSAL, "id", STREAM))

    if found is not None:
        *elements, last = json.loads(found[0])
        assert documents[: len(elements)] == elements
        assert (429, REFUSAL.message) == (last["error"]["code"], last["error"]["message"])


@pytest.mark.parametrize(
    ("seam", "whole"),
    [
        (Events(), sse([{"a": 1}, {"b": 2}], "\n")),
        (Lines(), b'{"a": 1}\n{"b": 2}\n'),
        (Elements(), b'[{"a": 1}\n,\r\n{"b": 2}\n'),
    ],
    ids=["events", "lines", "array"],
)
def test_it_ends_at_the_first_chance(seam: Seam, whole: bytes) -> None:
    """Byte by byte: nothing of an event that is begun is taken back, and at its end there is no waiting."""
    middle = whole.index(b"1")
    behind = whole.index(b"}") + (1 if isinstance(seam, Elements) else 3 if isinstance(seam, Events) else 2)
    seam.feed(whole[:middle])

    chances = [seam.end(whole[at : at + 1], b"data: {}\n\n") for at in range(middle, behind)]

    assert [None] * (len(chances) - 1) == chances[:-1]
    assert chances[-1] is not None


@pytest.mark.parametrize(("half", "rest"), [(b"data: 1\n", b"\n"), (b"data: 1\r\n", b"\r\n")])
def test_the_end_of_a_line_is_not_the_end_of_an_event(half: bytes, rest: bytes) -> None:
    """It may have more of them."""
    seam = Events()
    seam.feed(half)

    assert seam.end(b"", b"data: 2\n\n") is None
    assert rest + b"data: 2\n\n" == seam.end(rest, b"data: 2\n\n")


def test_an_array_that_has_not_begun_or_is_over_has_no_place() -> None:
    """Its own end stands there already."""
    assert Elements().end(b" ", b"data: {}\n\n") is None
    assert Elements().end(b'[{"a": 1}]', b"data: {}\n\n") is None


@pytest.mark.parametrize(
    ("endpoint", "content_type", "kind"),
    [
        (openai.CHAT, b"text/event-stream; charset=utf-8", Events),
        (openai.CHAT, b"", Events),
        (anthropic.MESSAGES, b"text/event-stream", Events),
        (STREAM, b"text/event-stream", Events),
        (STREAM, b"application/json; charset=utf-8", Elements),
        (openai.LINES, b"application/x-ndjson", Lines),
        (openai.CHAT, b"application/json", type(None)),
    ],
)
def test_the_kind_of_stream_is_told_by_its_head(endpoint: Endpoint, content_type: bytes, kind: type) -> None:
    """A JSON document is no stream: it has no place for another word."""
    assert kind is type(new_seam(endpoint, content_type))
