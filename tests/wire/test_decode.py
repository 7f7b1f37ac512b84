"""Compressed answers are read along, whatever they hold."""

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.decode import Decoder

ENCODE: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", ENCODE)
def test_pieces_decode_to_the_whole(coding: bytes) -> None:
    """Cut at every byte, the decoded pieces are the text."""
    text = b'data: {"usage":{"prompt_tokens":3}}\n\n' * 20
    decode = Decoder(coding)

    pieces = [decode(bytes([byte])) for byte in ENCODE[coding](text)]

    assert text == b"".join(pieces)


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
@pytest.mark.parametrize("size", [1, 1000])
def test_members_in_a_row_are_one_body(coding: bytes, size: int) -> None:
    """Some servers end a member with every flush."""
    encoded = b"".join(ENCODE[coding](part) for part in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"))
    decode = Decoder(coding)

    pieces = [decode(encoded[at : at + size]) for at in range(0, len(encoded), size)]

    assert b"data: 1\n\ndata: 2\n\ndata: 3\n\n" == b"".join(pieces)


@given(st.lists(st.binary(max_size=40), max_size=10), st.sampled_from(sorted(ENCODE)))
def test_damage_is_silence(pieces: list[bytes], coding: bytes) -> None:
    """Bytes that are no such stream never raise."""
    decode = Decoder(coding)

    for piece in pieces:
        decode(piece)


def test_damage_blinds() -> None:
    """What was lost is not taken for an end: who asks is told that it could not be read."""
    decode = Decoder(b"gzip")

    assert (b"", True) == (decode(b"not gzip at all"), decode.blind)
    assert b"" == decode(gzip.compress(b"too late"))


def test_unknown_coding_is_not_read() -> None:
    """What we cannot read is relayed and not metered."""
    decode = Decoder(b"br")

    assert (True, b"") == (decode.blind, decode(b"x"))


def test_an_unknown_coding_is_never_read() -> None:
    """It says so at once, and gives nothing for whatever it is fed."""
    decode = Decoder(b"br")

    assert decode.blind
    assert b"" == decode(b"x")
    assert b"" == decode._decompress(b"x")
