"""Frames survive packing; whatever else stands on disk is told apart from them."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import frame
from gateway.journal.frame import BEGIN, END, HEADER_BYTES, MAGIC, Frame, FrameError, NewerVersion, pack, unpack

PIECES = st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 2**63), st.binary(max_size=300)), max_size=6)
SAMPLE = pack(END, b'{"id":"x"}', [(0, 0, b"request"), (1, 65536, b"answer")])


@settings(deadline=None)
@given(st.sampled_from(frame.KINDS), st.binary(max_size=300), PIECES)
def test_what_is_packed_is_read_back(kind: int, meta: bytes, pieces: list[frame.Piece]) -> None:
    """Kind, meta and every piece come back exactly, and the size is the whole frame's."""
    packed = pack(kind, meta, pieces)

    assert Frame(kind, meta, pieces, len(packed)) == unpack(packed)


@settings(deadline=None)
@given(st.integers(0, len(SAMPLE) - 1))
def test_cut_frame_is_incomplete_never_wrong(cut: int) -> None:
    """Every prefix of a frame is one that may still grow: neither a frame nor damage."""
    assert unpack(SAMPLE[:cut]) is None


@settings(deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_flipped_byte_never_passes(at: int, flip: int) -> None:
    """No single changed byte yields a frame, wherever it stands: header and kind are covered too."""
    damaged = bytearray(SAMPLE)
    damaged[at] ^= flip
    if 14 <= at < HEADER_BYTES:
        return  # the reserved word is for later versions and not looked at

    try:
        found = unpack(bytes(damaged))
    except FrameError:
        return
    assert found is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_never_crashes(data: bytes) -> None:
    """Arbitrary bytes are incomplete or damage, nothing else."""
    try:
        unpack(data)
    except FrameError:
        return


def test_lengths_that_do_not_add_up_are_damage() -> None:
    """A right checksum over a wrong layout is refused, and not read beyond its end."""
    for payload in (b"", b"\xff" * 8, frame._COUNTS.pack(0, 1) + b"\x00" * 5, frame._COUNTS.pack(2, 0) + b"abc"):
        checksum = zlib.crc32(payload, BEGIN | frame.VERSION << 8)
        data = frame.HEADER.pack(MAGIC, len(payload), checksum, BEGIN, frame.VERSION, 0) + payload

        with pytest.raises(FrameError):
            unpack(data)


def test_newer_version_is_told_from_damage() -> None:
    """A sound frame of a later format must be kept, not skipped."""
    payload = b"whatever"
    checksum = zlib.crc32(payload, BEGIN | 2 << 8)
    data = frame.HEADER.pack(MAGIC, len(payload), checksum, BEGIN, 2, 0) + payload

    with pytest.raises(NewerVersion):
        unpack(data)


def test_absurd_length_is_damage_not_a_wait() -> None:
    """A length beyond what a frame can have is never waited for."""
    data = frame.HEADER.pack(MAGIC, frame.MAX_PAYLOAD_BYTES + 1, 0, BEGIN, frame.VERSION, 0)

    with pytest.raises(FrameError):
        unpack(data)


@settings(deadline=None)
@given(st.binary(max_size=50), st.integers(0, 4), st.integers(0, 50))
def test_next_magic_misses_nothing(before: bytes, kept: int, start: int) -> None:
    """The next magic is found whole, or as the beginning that stands at the end; never skipped over."""
    data = before.replace(MAGIC[:1], b"x") + MAGIC[:kept]
    start = min(start, len(data))
    expected = len(data) - kept if kept and start <= len(data) - kept else None

    found = frame.next_magic(data, start)

    if expected is not None:
        assert expected == found
    else:
        assert start <= found <= len(data)


def test_checksum_is_the_standard_one() -> None:
    """The fast checksum and the standard library's agree, so that files move between machines."""
    data = bytes(range(256)) * 5

    assert zlib.crc32(data, 259) == frame.crc32(data, 259)  # type: ignore[attr-defined]
