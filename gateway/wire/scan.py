"""Where does a JSON value end inside longer text? The decoder stops behind it and says where."""

import re

import msgspec

_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def value_end(data: bytes, start: int) -> int | None:
    """Return the offset behind the value at `start` and the white space after it; None: no whole value stands there."""
    try:
        _decode_raw(memoryview(data)[start:])
    except UNREADABLE as error:
        found = _TRAILING.search(str(error))
        return start + int(found[1]) - 1 if found else None  # it counts from one
    return len(data)
