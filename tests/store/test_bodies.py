"""Bodies come back as they were kept, with every stretch at its place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal.frame import REQUEST, RESPONSE, Piece
from gateway.store.bodies import Stretches, join, pack, unpack

OFFSETS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), max_size=5)
BODY = bytes(range(100)) * 10


def pieces_of(direction: int, places: list[tuple[int, int]]) -> list[Piece]:
    """Cut pieces out of a body."""
    return [(direction, offset, BODY[offset : offset + length]) for offset, length in places]


def picture(stretches: Stretches | None) -> dict[int, int]:
    """Map every kept place to its byte."""
    return {offset + at: byte for offset, data in stretches or () for at, byte in enumerate(data)}


@settings(deadline=None)
@given(OFFSETS, OFFSETS)
def test_any_pieces_come_back_at_their_places(request: list[tuple[int, int]], response: list[tuple[int, int]]) -> None:
    """Pieces may overlap, leave gaps and come in any order: every byte is back where it was, once."""
    packed = pack(pieces_of(REQUEST, request), pieces_of(RESPONSE, response))
    unpacked = unpack(packed)

    for places, stretches in zip((request, response), unpacked, strict=True):
        expected = {at: BODY[at] for offset, length in places for at in range(offset, offset + length)}
        assert expected == picture(stretches)
        assert len(expected) == sum(len(data) for _, data in stretches or ())


def test_whole_bodies_are_compressed_together() -> None:
    """The usual exchange takes one compressed value and no layout."""
    codec, request_kept, response_kept, layout, data = pack([(REQUEST, 0, BODY)], [(RESPONSE, 0, BODY)])

    assert (len(BODY), len(BODY), None) == (request_kept, response_kept, layout)
    assert data is not None
    assert len(data) < len(BODY) // 2
    assert ([(0, BODY)], [(0, BODY)]) == unpack((codec, request_kept, response_kept, layout, data))


def test_long_bodies_come_back_too() -> None:
    """Parts that follow each other need no layout."""
    half = BODY * (65536 // len(BODY))
    packed = pack([(REQUEST, 0, half), (REQUEST, len(half), half)], [(RESPONSE, 0, BODY)])

    assert packed[3] is None
    assert ([(0, half + half)], [(0, BODY)]) == unpack(packed)


def test_no_body_and_an_empty_one_differ() -> None:
    """A team that logs no bodies has none; an answer without bytes is an empty one."""
    assert (None, None) == unpack(pack([], []))
    assert ([(0, b"")], None) == unpack(pack([(REQUEST, 0, b"")], []))
    assert (None, [(0, b"x")]) == unpack(pack([], [(RESPONSE, 0, b"x")]))


def test_touching_pieces_become_one() -> None:
    """Parts that follow each other need no layout."""
    assert [(0, b"abcdef")] == join([(1, 3, b"def"), (1, 0, b"abc")])
    assert [(0, b"ab"), (5, b"f")] == join([(1, 5, b"f"), (1, 0, b"ab")])
