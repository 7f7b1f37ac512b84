"""How the two bodies of an exchange are kept: pieces put in order, compressed together, and taken apart again."""

import msgspec
import zstandard

from gateway.journal.frame import REQUEST, RESPONSE, Piece

RAW, ZSTD = 0, 1
# There were bodies, and retention has removed them.
REMOVED = 2
# Below this compression saves less than it costs.
COMPRESS_FROM_BYTES = 256
LEVEL = 1
_zstd = zstandard.ZstdCompressor(level=LEVEL).compress  # costly to make; one thread only, which the writer is

# Codec; bytes kept of request and answer (None: no body); layout: JSON list of [direction, offset, length] where a
# body is not one stretch from its start; data: request and answer behind each other. All None: no body at all.
Packed = tuple[int | None, int | None, int | None, str | None, bytes | None]
# A body taken apart: offset and data of each stretch.
Stretches = list[tuple[int, bytes]]


def pack(request: list[Piece], response: list[Piece]) -> Packed:
    """Put pieces in order and compress them."""
    if not request and not response:
        return None, None, None, None, None
    asked, answered = join(request), join(response)
    layout = None
    if not (_is_plain(asked) and _is_plain(answered)):
        layout = _layout(asked, answered)
    first, second = _bytes_of(asked), _bytes_of(answered)
    codec, data = _compress(first + second)
    return codec, len(first) if request else None, len(second) if response else None, layout, data


def unpack(packed: Packed) -> tuple[Stretches | None, Stretches | None]:
    """Undo `pack`: the stretches of request and answer; None: no body."""
    codec, request_kept, response_kept, layout, _ = packed
    if codec is None or codec == REMOVED:
        return None, None
    plain = decompress(packed)
    split = request_kept or 0
    if layout is None:
        request = None if request_kept is None else [(0, plain[:split])]
        return request, None if response_kept is None else [(0, plain[split:])]
    bodies: dict[int, Stretches] = {REQUEST: [], RESPONSE: []}
    at = 0
    for direction, offset, length in msgspec.json.decode(layout, type=list[tuple[int, int, int]]):
        bodies[direction].append((offset, plain[at : at + length]))
        at += length
    return bodies[REQUEST] or None, bodies[RESPONSE] or None


def decompress(packed: Packed) -> bytes:
    """Return request and answer behind each other."""
    codec, _, _, _, data = packed
    if data is None:
        return b""
    return zstandard.ZstdDecompressor().decompress(data) if codec == ZSTD else data


def join(pieces: list[Piece]) -> Stretches:
    """Put pieces in order and join those that touch; bytes that come twice are taken once."""
    if len(pieces) == 1:
        _, offset, data = pieces[0]
        return [(offset, data)]
    stretches: list[tuple[int, list[bytes]]] = []
    end = -1
    for _, offset, data in sorted(pieces, key=lambda piece: piece[1]):
        if stretches and offset <= end:
            stretches[-1][1].append(data[end - offset :])
            end = max(end, offset + len(data))
        else:
            stretches.append((offset, [data]))
            end = offset + len(data)
    return [(offset, b"".join(parts)) for offset, parts in stretches]


def _is_plain(body: Stretches) -> bool:
    return not body or (len(body) == 1 and body[0][0] == 0)


def _bytes_of(body: Stretches) -> bytes:
    if len(body) == 1:
        return body[0][1]
    return b"".join([data for _, data in body])


def _layout(asked: Stretches, answered: Stretches) -> str:
    places = [(REQUEST, offset, len(data)) for offset, data in asked]
    places += [(RESPONSE, offset, len(data)) for offset, data in answered]
    return msgspec.json.encode(places).decode()


def _compress(data: bytes) -> tuple[int, bytes]:
    if len(data) < COMPRESS_FROM_BYTES:
        return RAW, data
    return ZSTD, _zstd(data)
