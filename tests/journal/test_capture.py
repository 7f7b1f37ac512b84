"""Of a body the head and the last bytes are kept, exactly, within small memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal.capture import PART_BYTES, TAIL_BYTES, Capture
from gateway.journal.frame import Piece

LIMITS = st.sampled_from([0, 1, 7, 1000, 40_000, 100_000, 300_000])
CHUNKS = st.lists(st.integers(0, 90_000), max_size=12)


def body_of(lengths: list[int]) -> list[bytes]:
    """Make chunks in which every byte tells where it stands."""
    whole = b"".join(at.to_bytes(4) for at in range(sum(lengths) // 4 + 1))
    chunks, at = [], 0
    for length in lengths:
        chunks.append(whole[at : at + length])
        at += length
    return chunks


@settings(deadline=None)
@given(LIMITS, CHUNKS)
def test_what_is_kept_is_the_head_and_the_tail(limit: int, lengths: list[int]) -> None:
    """Within the limit everything is kept; beyond it the head and the last bytes, each at its true place."""
    chunks = body_of(lengths)
    whole = b"".join(chunks)
    capture = Capture(1, limit)
    pieces: list[Piece] = []
    for chunk in chunks:
        pieces += capture.add(chunk) or []
    pieces += capture.rest()

    tail = min(TAIL_BYTES, (limit + 1) // 2)
    kept = bytearray(len(whole))
    marks = bytearray(len(whole))
    for direction, offset, data in pieces:
        assert 1 == direction
        assert len(data) <= PART_BYTES
        kept[offset : offset + len(data)] = data
        marks[offset : offset + len(data)] = b"\1" * len(data)
    expected = [
        0 < limit and (len(whole) <= limit or at < limit - tail or at >= len(whole) - tail) for at in range(len(whole))
    ]
    assert expected == [mark == 1 for mark in marks]
    assert all(kept[at] == whole[at] for at in range(0, len(whole), 97) if marks[at])
    assert sum(len(data) for _, _, data in pieces) == sum(expected)
    assert len(whole) == capture.total
    assert (0 < limit < len(whole)) == capture.cut


def test_memory_stays_small() -> None:
    """However long the body, no more than 128 KiB of it are held."""
    capture = Capture(0, 1 << 20)
    for _ in range(40_000):
        capture.add(b"x" * 100)

        assert capture._held_bytes + capture._tail_bytes <= 128 * 1024


def test_bytes_after_the_end_continue_at_their_place() -> None:
    """What comes after `rest` (behind a terminal event) is kept as a continuation."""
    capture = Capture(1, 1000)
    capture.add(b"event")
    first = capture.rest()
    capture.add(b" more")

    assert [(1, 0, b"event")] == first
    assert [(1, 5, b" more")] == capture.rest()
    assert [] == capture.rest()
