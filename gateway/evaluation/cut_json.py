"""What does JSON say that was cut off? Everything before the cut, closed where it broke off."""

import re
from typing import Any, Final

import msgspec

from gateway.wire.scan import UNREADABLE

# A string, whole or cut (then without its end), or what JSON is built of. Runs of other signs are passed over.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]+|\\.)*+(")?|[\[\]{},]', re.DOTALL)
_CLOSERS: Final = {b"{": b"}", b"[": b"]"}
# Half an escape, or half a letter of UTF-8.
_HALF: Final = re.compile(rb"(?:\\(?:u[0-9a-fA-F]{0,3})?|[\xc0-\xff][\x80-\xbf]{0,2})\Z")
_decode: Final = msgspec.json.Decoder().decode


def closed(data: bytes) -> Any:
    """Read the beginning of a JSON document; None: there is nothing that can be read."""
    closers, comma, is_in_string = _scan(data)
    if is_in_string:
        # Of a value what there is of it; a name whose value did not come falls with what follows the last comma.
        whole = _read(_HALF.sub(b"", data) + b'"' + closers)
        if whole is not None:
            return whole
    return _read(data[:comma] + _scan(data[:comma])[0]) if comma else None


def _scan(data: bytes) -> tuple[bytes, int, bool]:
    """Tell what would close everything that is open, where the last comma stands, and whether a string has no end."""
    open_ones: list[bytes] = []
    comma = 0
    is_in_string = False
    for found in _TOKEN.finditer(data):
        token = found[0]
        if token in _CLOSERS:
            open_ones.append(_CLOSERS[token])
        elif token in (b"]", b"}"):
            if open_ones:
                open_ones.pop()
        elif token == b",":
            comma = found.start()
        else:
            is_in_string = found[1] is None
    return b"".join(reversed(open_ones)), comma, is_in_string


def _read(data: bytes) -> Any:
    try:
        return _decode(data)
    except UNREADABLE:
        return None
