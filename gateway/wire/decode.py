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
        return _bounded(zlib.decompressobj(wbits=47).decompress)  # 47: gzip or zlib, told from the header
    if word == b"zstd":
        return _bounded(zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj().decompress)
    return None


def _bounded(decompress: Callable[[bytes], bytes]) -> Decoder:
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
