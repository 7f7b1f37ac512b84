"""Where may a stream be ended by us, so that its client reads our last event as one of the stream?

Not in the middle of an event: what is begun by then stays with us, or is let through to its end first.
"""

import re
from typing import Final, Protocol

from gateway.wire.endpoint import Endpoint
from gateway.wire.sse import Splitter, payload

_ENDINGS: Final = (b"\n\n", b"\r\n\r\n")
_OUTSIDE: Final = re.compile(rb'["{}\[\],]')
_INSIDE: Final = re.compile(rb'["\\]')


class Seam(Protocol):
    """Watches what the client of one stream is given, read by read."""

    def feed(self, out: bytes) -> None:
        """Take what goes to the client."""
        ...

    def end(self, out: bytes, event: bytes) -> bytes | None:
        """Take what would go to the client, and return what goes there last: the whole events of it, and `event`.

        None: it is all in the middle of an event. It goes to the client, and the end may come behind the next read.
        """
        ...


def new_seam(endpoint: Endpoint, content_type: bytes) -> Seam | None:
    """Watch an answer of this lower-cased type; None: it is one document, which is whole or is none."""
    if endpoint.lines:
        return Lines()
    if content_type.find(b"json") < 0:
        return Events()
    return Elements() if endpoint.streams else None


class Events:
    """Server-sent events."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        self._splitter = Splitter()

    def feed(self, out: bytes) -> None:
        """Take a read; most end where an event does."""
        if self._splitter.holding or not out.endswith(_ENDINGS):
            self._splitter.feed(out)

    def end(self, out: bytes, event: bytes) -> bytes | None:
        """End it behind the last whole event."""
        self.feed(out)
        return _cut(out, self._splitter.held, event)


class Lines:
    """A document on each line."""

    __slots__ = ("_open_bytes",)

    def __init__(self) -> None:
        self._open_bytes = 0

    def feed(self, out: bytes) -> None:
        """Take a read."""
        behind = out.rfind(b"\n") + 1
        self._open_bytes = len(out) - behind + (0 if behind else self._open_bytes)

    def end(self, out: bytes, event: bytes) -> bytes | None:
        """End it behind the last whole line."""
        self.feed(out)
        return _cut(out, self._open_bytes, event)


class Elements:
    """One JSON array that grows, as Google streams without `alt=sse`."""

    __slots__ = ("_depth", "_escaped", "_last", "_open_bytes", "_quoted")

    def __init__(self) -> None:
        self._depth = 0  # 1: between two elements
        self._quoted = False
        self._escaped = False
        self._last = b""  # what the next element would stand behind: one of [ } ,
        self._open_bytes = 0

    def feed(self, out: bytes) -> None:
        """Take a read."""
        began = -self._open_bytes  # the element under way, as seen from the start of this read
        at = 0
        while at < len(out):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_INSIDE if self._quoted else _OUTSIDE).search(out, at)
            if found is None:
                break
            at = found.end()
            if self._opens_element(found[0]):
                began = at - 1
        self._open_bytes = len(out) - began if self._depth > 1 else 0

    def end(self, out: bytes, event: bytes) -> bytes | None:
        """End it with one more element; None also where it has not begun, or has ended by itself."""
        self.feed(out)
        if not self._depth:
            return None
        comma = b",\r\n" if self._last == b"}" else b""
        return _cut(out, self._open_bytes, b"%b%b\n]" % (comma, payload(event)))

    def _opens_element(self, mark: bytes) -> bool:
        """Take a character that means something, and tell whether an element begins with it."""
        if self._quoted:
            self._escaped = self._quoted = mark == b"\\"
            return False
        if mark == b'"':
            self._quoted = True
        elif mark == b",":
            self._last = mark if self._depth == 1 else self._last
        elif mark in (b"{", b"["):
            self._depth += 1
            self._last = mark if self._depth == 1 else self._last
            return self._depth == 2
        else:
            self._depth -= 1
            self._last = b"}" if self._depth == 1 else self._last
        return False


def _cut(out: bytes, open_bytes: int, event: bytes) -> bytes | None:
    """Leave out what of the last event has come, unless the client has some of it already."""
    return out[: len(out) - open_bytes] + event if open_bytes <= len(out) else None
