"""Instants as the record writes them."""

from datetime import UTC, datetime


def stamp(at_s: float) -> str:
    """Write a second of Unix time as RFC 3339, e.g. "2026-12-01T00:00:00Z"."""
    return datetime.fromtimestamp(int(at_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stamps:
    """Write wall-clock instants as RFC 3339 with microseconds; the text of a second is made once."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, now_ns: int) -> str:
        """Return e.g. "2026-11-23T19:49:00.123456Z" for nanoseconds since the epoch."""
        second = now_ns // 1_000_000_000
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._text}{str(1_000_000 + now_ns // 1000 % 1_000_000)[1:]}Z"
