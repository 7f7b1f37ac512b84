"""Header blocks as bytes: which headers must not pass a proxy, and how the others are written out again."""

from collections.abc import Iterable

# (lower-cased name, name as received, value)
Header = tuple[bytes, bytes, bytes]

# RFC 9110 7.6.1, with the obsolete ones that clients still send. They speak about one connection, not the message.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"expect",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# Framing is ours on both sides: lengths are counted anew from the bytes that are really sent.
FRAMING = frozenset((b"content-length", b"host"))

_CONNECTION_WORDS = (b"close", b"keep-alive")


def named_in_connection(connection: bytes) -> frozenset[bytes]:
    """Return the lower-cased header names that a Connection header declares as hop-by-hop."""
    words = (word.strip().lower() for word in connection.split(b","))
    return frozenset(word for word in words if word and word not in _CONNECTION_WORDS)


class Passing(dict[bytes, bool]):
    """Which header names pass, by lower-cased name: decided once for each name, then looked up.

    A name with underscores does not pass when the same name with hyphens does not: some servers read them as equal.
    """

    def __init__(self, drop: frozenset[bytes], drop_prefixes: tuple[bytes, ...] = ()) -> None:
        super().__init__()
        self._drop = drop
        self._drop_prefixes = drop_prefixes

    def __missing__(self, lower: bytes) -> bool:
        hyphened = lower.replace(b"_", b"-")
        passes = not (hyphened in self._drop or hyphened.startswith(self._drop_prefixes))
        if len(self) < _REMEMBERED:  # callers can invent names
            self[lower] = passes
        return passes

    def without(self, names: frozenset[bytes]) -> "Passing":
        """Return a stricter one for a single message."""
        return Passing(self._drop | names, self._drop_prefixes)


_REMEMBERED = 2_000


def write_block(headers: Iterable[Header], passing: Passing) -> bytes:
    """Write the headers that pass, in their order, repeats included, as `Name: value` CRLF lines."""
    return b"".join([b"%b: %b\r\n" % (name, value) for lower, name, value in headers if passing[lower]])
