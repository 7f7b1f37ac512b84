"""Is this a stream, and where does one event of it end and the next begin? Splits bytes that arrive cut anywhere."""

import re

HELD_MOST_BYTES = 16 << 20

# Two line ends in a row; a carriage return at the very end may still be half of one.
_END = re.compile(rb"(?>\r\n|\n|\r)(?:\r\n|\n|\r(?=[^\n])|(?<=\r)\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Splitter:
    """Collect bytes into whole events, each with its terminator; all pieces together are what was fed.

    An event larger than `most_bytes` comes out in pieces that mean nothing by themselves.
    """

    __slots__ = ("_most_bytes", "_parts", "_size", "_tail")

    def __init__(self, most_bytes: int = HELD_MOST_BYTES) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._tail = b""  # the last bytes held: where a terminator may have begun
        self._most_bytes = most_bytes

    @property
    def holding(self) -> bool:
        """Whether part of an event is held back."""
        return self._size > 0

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return self._size

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the events that they completed."""
        if self._size:
            junction = self._tail + data
            if _first_end(junction, 0, junction.find(b"\r") >= 0) < 0:
                self._hold(data)
                return [self.rest()] if self._size > self._most_bytes else []
            data = self.rest() + data
        events: list[bytes] = []
        at = 0
        returns = data.find(b"\r") >= 0
        while (end := _first_end(data, at, returns)) >= 0:
            events.append(data[at:end])
            at = end
        if at < len(data):
            self._hold(data[at:])
            if self._size > self._most_bytes:
                events.append(self.rest())
        return events

    def rest(self) -> bytes:
        """Hand out what is held back."""
        held = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._tail = b""
        return held

    def _hold(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._tail = (self._tail + data[-3:])[-3:]


def is_stream(content_type: bytes, *, asked: bool) -> bool:
    """Tell a stream by its lower-cased type. Some servers name none, or an odd one, on a stream that was asked for."""
    if content_type.startswith(b"text/event-stream"):
        return True
    return asked and content_type.find(b"json") < 0 and content_type.find(b"html") < 0


def payload(event: bytes) -> bytes:
    """Return an event's data: the lines of its `data` fields, joined."""
    if event.startswith(b"data:") and event.count(b"\n") == 2 and event.endswith(b"\n\n") and event.find(b"\r") < 0:
        return event[5:].strip(b" \n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:"))


def _first_end(data: bytes, start: int, returns: bool) -> int:
    """Find where the first event ends (behind its terminator); -1: nowhere yet. `returns`: has carriage returns."""
    if returns:
        match = _END.search(data, start)
        return match.end() if match else -1
    return found + 2 if (found := data.find(b"\n\n", start)) >= 0 else -1
