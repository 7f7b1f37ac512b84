"""Compressed answers, read along for metering; the client gets them as they came."""

import zlib
from collections.abc import Callable

import zstandard

_Decompress = Callable[[bytes], bytes]

_MAX_BYTES = 64 * 1024 * 1024  # of decoded text; what comes behind it is not metered


class Decoder:
    """Decodes an answer piece by piece. `blind`: it cannot, or no longer; it returns nothing from there on.

    Codings that we do not know, damage and bombs end the decoding, never the relay.
    """

    __slots__ = ("_decompress", "_left", "blind")

    def __init__(self, encoding: bytes) -> None:
        found = _DECOMPRESSORS.get(encoding.strip().lower())
        self._decompress = found() if found is not None else _nothing
        self._left = _MAX_BYTES
        self.blind = found is None

    def __call__(self, data: bytes) -> bytes:
        """Return the text that these bytes complete."""
        if self.blind:
            return b""
        try:
            text = self._decompress(data)
        except (zlib.error, zstandard.ZstdError, EOFError):
            self.blind = True
            return b""
        self._left -= len(text)
        self.blind = self._left <= 0
        return text


def _nothing(_: bytes) -> bytes:
    return b""


def _inflate() -> _Decompress:
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


def _unzstd() -> _Decompress:
    return zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj(read_across_frames=True).decompress


_DECOMPRESSORS = {b"gzip": _inflate, b"x-gzip": _inflate, b"deflate": _inflate, b"zstd": _unzstd}
