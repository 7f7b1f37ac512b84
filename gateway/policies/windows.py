"""When does a budget begin anew? Spans that tile time: calendar windows in a time zone, rolling ones, all of it."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A rolling window is a ring of so many buckets, and what it counts leaves bucket by bucket.
BUCKETS = 60
END_OF_TIME_S = 1 << 40
MOST_S = 366 * 86_400

_ROLLING = re.compile(r"rolling:(\d{1,6})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Span(NamedTuple):
    """Whole seconds of Unix time, from `start_s` until before `end_s`."""

    start_s: int
    end_s: int


class Window(NamedTuple):
    """How a budget parts time. `kind`: as people write it. `length_s`: of a rolling one, else 0."""

    kind: str
    zone: tzinfo
    length_s: int = 0

    def span(self, at_s: float) -> Span:
        """Return the span in which an instant lies: what is spent in it counts together.

        Of a rolling window that is one bucket; `reach` tells which others count with it.
        """
        if self.length_s:
            return _even(at_s, self.bucket_s)
        return _SPANS[self.kind](at_s, self.zone)

    @property
    def bucket_s(self) -> int:
        """How long one bucket of a rolling window is, at least a second."""
        return -(-self.length_s // BUCKETS)

    def reach(self, at_s: float) -> int:
        """Return from when on spans count at this instant: those that begin there or later.

        A rolling window counts every bucket of which any part is younger than its length: never too little, and up to
        a bucket's length too long.
        """
        span = self.span(at_s)
        if not self.length_s:
            return span.start_s
        return span.start_s - -(-self.length_s // self.bucket_s) * self.bucket_s

    def resets_s(self, at_s: float) -> int | None:
        """Return when something is free again that is spent at this instant; None: never."""
        span = self.span(at_s)
        if self.length_s:
            return span.end_s + self.length_s
        return span.end_s if span.end_s < END_OF_TIME_S else None


def parse(text: str, timezone: str = "UTC") -> Window:
    """Read a window as people write it; raise ValueError saying what can be written."""
    try:
        zone: tzinfo = UTC if timezone == "UTC" else ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {timezone!r}; write one such as Europe/Paris") from None
    if text in _SPANS:
        return Window(text, zone)
    rolling = _ROLLING.match(text)
    length_s = int(rolling[1]) * _SECONDS[rolling[2]] if rolling else 0
    if not 0 < length_s <= MOST_S:
        raise ValueError(f"expected one of {', '.join(_SPANS)}, or rolling:5h (s, m, h, d; up to 366d), not {text!r}")
    return Window(text, zone, length_s)


def _even(at_s: float, length_s: int) -> Span:
    start_s = int(at_s // length_s) * length_s
    return Span(start_s, start_s + length_s)


def _minute(at_s: float, _: tzinfo) -> Span:
    return _even(at_s, 60)


def _hour(at_s: float, _: tzinfo) -> Span:
    """Take UTC's hours: a zone's own would be cut or doubled when its clock changes by half an hour."""
    return _even(at_s, 3_600)


def _day(at_s: float, zone: tzinfo) -> Span:
    return _dates(at_s, zone, lambda day: day, lambda day: day + timedelta(days=1))


def _week(at_s: float, zone: tzinfo) -> Span:
    return _dates(at_s, zone, lambda day: day - timedelta(days=day.weekday()), lambda day: day + timedelta(days=7))


def _month(at_s: float, zone: tzinfo) -> Span:
    return _dates(at_s, zone, lambda day: day.replace(day=1), lambda day: (day + timedelta(days=31)).replace(day=1))


def _total(_: float, __: tzinfo) -> Span:
    return Span(0, END_OF_TIME_S)


def _dates(at_s: float, zone: tzinfo, first: Callable[[date], date], following: Callable[[date], date]) -> Span:
    """Find the span between two local midnights.

    The clock on the wall may show the day before once more (clocks set back across midnight) or skip a whole day; so
    the midnights decide, not the date that it shows.
    """
    begin = first(datetime.fromtimestamp(at_s, zone).date())
    if at_s < _midnight(begin, zone):
        begin = first(begin - timedelta(days=1))
    while at_s >= (end_s := _midnight(following(begin), zone)):
        begin = following(begin)
    return Span(_midnight(begin, zone), end_s)


def _midnight(day: date, zone: tzinfo) -> int:
    """Return the first instant of a local day: where its midnight is skipped, when the clocks were set forward."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


_SPANS: dict[str, Callable[[float, tzinfo], Span]] = {
    "minute": _minute,
    "hour": _hour,
    "day": _day,
    "week": _week,
    "month": _month,
    "total": _total,
}
