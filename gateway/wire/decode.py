"""Compressed answers, read along for metering; the client gets them as they came."""

import zlib
from collections.abc import Callable

import zstandard

Decoder = Callable[[bytes], bytes]

_MAX_BYTES = 64 * 1024 * 1024  # of decoded text; what comes behind it is not metered


def decoder_for(encoding: bytes) -> Decoder | None:
    """Return a function that decodes an answer piece by piece; None: this coding is not read.

    Damage and bombs end the decoding, never the relay: from there on it returns nothing.
    """
    word = encoding.strip().lower()
    if word in (b"gzip", b"x-gzip", b"deflate"):
        return _bounded(_inflate())
    if word == b"zstd":
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 23)
        return _bounded(decompressor.decompressobj(read_across_frames=True).decompress)
    return None


def _inflate() -> Decoder:
    """Decode gzip or zlib, told from the header (47); several members in a row are one body (RFC 1952, 2.2)."""
    member = zlib.decompressobj(wbits=47)

    def decode(data: bytes) -> bytes:
        nonlocal member
        text = member.decompress(data)
        while member.eof and (rest := member.unused_data):
            member = zlib.decompressobj(wbits=47)
            text += member.decompress(rest)
        return text

    return decode


def _bounded(decompress: Decoder) -> Decoder:
    left = _MAX_BYTES

    def decode(data: bytes) -> bytes:
        nonlocal left
        if left <= 0:
            return b""
        try:
            text = decompress(data)
        except (zlib.error, zstandard.ZstdError, EOFError):
            left = 0
            return b""
        left -= len(text)
        return text

    return decode
