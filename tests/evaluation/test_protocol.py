"""Messages between the evaluator and its plugin processes: whatever the pieces they come in, and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.protocol import MAX_BYTES, Begun, Frames, Garbled, Told, ToParent, framed

MESSAGES = st.one_of(
    st.builds(Begun, number=st.integers(0, 1 << 40), evaluator=st.text()),
    st.builds(Told, number=st.integers(0, 9), evaluator=st.text(), result=st.text(), detail=st.none() | st.text()),
)


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(1, 40), min_size=1))
def test_messages_come_whole_in_whatever_pieces(messages: list[ToParent], sizes: list[int]) -> None:
    """What is said is what is heard, in order, wherever the stream is cut."""
    stream = b"".join(map(framed, messages))
    frames: Frames[ToParent] = Frames(ToParent)
    heard, at, turn = [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        heard += frames.feed(stream[at : at + size])
        at, turn = at + size, turn + 1

    assert messages == heard


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 8, b"\0\0\0\x01\xc1", b"\0\0\0\x00", (MAX_BYTES + 1).to_bytes(4, "big"), b"\0\0\0\x02\x81\xa1"],
)
def test_what_came_before_garbage_counts(garbage: bytes) -> None:
    """The last sound message says who was running when the garbage came: it must not be lost with it."""
    frames: Frames[ToParent] = Frames(ToParent)
    begun = Begun(number=1, evaluator="mine")
    heard = []
    with pytest.raises(Garbled):
        for message in frames.feed(framed(begun) + garbage):
            heard.append(message)

    assert [begun] == heard


def test_message_that_is_too_long_is_not_sent() -> None:
    """Who would send it hears it, not who would have to take it."""
    with pytest.raises(ValueError, match="larger than"):
        framed(Told(number=1, evaluator="e", result="ok", detail="x" * (MAX_BYTES + 1)))


def test_no_pickle() -> None:
    """A message is data: what is decoded are the structures that were agreed on, and strings that are UTF-8."""
    frames: Frames[ToParent] = Frames(ToParent)
    other = msgspec.msgpack.encode({"type": "job", "number": 1})
    with pytest.raises(Garbled):
        list(frames.feed(len(other).to_bytes(4, "big") + other))
