"""How one journal frame looks on disk: packing, unpacking, and finding the next sound frame behind damage."""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

try:  # same polynomial, 12 times faster; not available on every platform
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

BEGIN: Final = 1
PART: Final = 2
END: Final = 3
AMEND: Final = 4
SCORE: Final = 5
KINDS = (BEGIN, PART, END, AMEND, SCORE)
VERSION: Final = 1
REQUEST: Final = 0
RESPONSE: Final = 1

# Not valid UTF-8, so that no text body and no JSON can hold it.
MAGIC: Final = b"\xf7TJ\xff"
HEADER: Final = struct.Struct("<4sIIBBH")  # magic, payload length, checksum, kind, version, reserved
HEADER_BYTES: Final = HEADER.size
# A longer length word is damage: no reader waits for such a frame to grow.
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024

_COUNTS: Final = struct.Struct("<II")  # meta length, piece count
_PIECE: Final = struct.Struct("<BQI")  # direction, offset in the body, length
# Bound once: every frame is laid out by them.
_pack_header: Final = HEADER.pack
_pack_counts: Final = _COUNTS.pack
_pack_piece: Final = _PIECE.pack
_checksum: Final = crc32

Piece = tuple[int, int, bytes]  # direction, offset in the body, data


class Frame(NamedTuple):
    """One frame as read: `size` is what it takes on disk, header included."""

    kind: int
    meta: bytes
    pieces: list[Piece]
    size: int


class FrameError(Exception):
    """The bytes at this place are no sound frame."""


class NewerVersion(FrameError):
    """A sound frame of a newer format: it must be kept for the release that can read it."""


def pack(kind: int, meta: bytes, pieces: Sequence[Piece] = ()) -> bytes:
    """Lay out one frame."""
    return b"".join(lay_out(kind, meta, pieces)[1])


def lay_out(kind: int, meta: bytes, pieces: Sequence[Piece] = ()) -> tuple[int, list[bytes]]:
    """Lay out one frame as parts, to be joined with those of others so that long bodies are copied once.

    Return its size and the parts. The checksum covers kind and version too, which seed it.
    """
    heads = [_pack_counts(len(meta), len(pieces)), meta]
    parts = [b"", b""]
    length = 0
    for direction, offset, data in pieces:
        heads.append(_pack_piece(direction, offset, len(data)))
        parts.append(data)
        length += len(data)
    parts[1] = start = b"".join(heads)
    length += len(start)
    checksum = _checksum(start, kind | VERSION << 8)
    for at in range(2, len(parts)):
        checksum = _checksum(parts[at], checksum)
    parts[0] = _pack_header(MAGIC, length, checksum, kind, VERSION, 0)
    return HEADER_BYTES + length, parts


def unpack(data: bytes, at: int = 0) -> Frame | None:
    """Read the frame at `at`; None: the bytes end before it does. Raise FrameError for anything else."""
    if len(data) - at < HEADER_BYTES:
        if not MAGIC.startswith(data[at : at + len(MAGIC)]):
            raise FrameError("no frame begins here")
        return None
    magic, length, checksum, kind, version, _ = HEADER.unpack_from(data, at)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES:
        raise FrameError("no frame begins here")
    start = at + HEADER_BYTES
    if len(data) - start < length:
        return None
    payload = data[start : start + length]
    if crc32(payload, kind | version << 8) != checksum:
        raise FrameError("checksum differs")
    if version > VERSION:
        raise NewerVersion(f"frame version {version}, this release reads up to {VERSION}")
    return Frame(kind, *_unpack_payload(payload), HEADER_BYTES + length)


def _unpack_payload(payload: bytes) -> tuple[bytes, list[Piece]]:
    """Split a payload whose checksum was right; a layout that does not add up is damage all the same."""
    try:
        meta_length, count = _COUNTS.unpack_from(payload)
        at = _COUNTS.size + meta_length
        data_at = at + count * _PIECE.size
        if data_at > len(payload):
            raise FrameError("lengths inside the frame do not add up")
        meta = payload[_COUNTS.size : at]
        pieces = []
        for index in range(count):
            direction, offset, length = _PIECE.unpack_from(payload, at + index * _PIECE.size)
            pieces.append((direction, offset, payload[data_at : data_at + length]))
            data_at += length
    except struct.error as error:
        raise FrameError("payload too short") from error
    if data_at != len(payload):
        raise FrameError("lengths inside the frame do not add up")
    return meta, pieces


def next_magic(data: bytes, at: int) -> int:
    """Return where the next frame could begin at or after `at`: a magic, or the cut start of one at the end."""
    found = data.find(MAGIC, at)
    if found >= 0:
        return found
    for kept in range(len(MAGIC) - 1, 0, -1):
        if data.endswith(MAGIC[:kept]) and len(data) - kept >= at:
            return len(data) - kept
    return len(data)
