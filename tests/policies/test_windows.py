"""Windows of every kind tile time: no gap, no overlap, whatever the clocks do."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.windows import BUCKETS, END_OF_TIME_S, Span, Window, parse

ZONES = (
    "UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo",
    "America/St_Johns", "Pacific/Apia", "America/Havana", "Asia/Beirut", "Africa/Casablanca", "Pacific/Chatham",
)  # fmt: skip
KINDS = ("minute", "hour", "day", "week", "month", "total", "rolling:90s", "rolling:5h", "rolling:30d", "rolling:7s")

windows = st.builds(parse, st.sampled_from(KINDS), st.sampled_from(ZONES))
# From 1990 on: St John's changed its clocks a minute after midnight, Apia skipped a day, São Paulo midnights.
instants = st.floats(631_152_000, 4_102_444_800) | st.integers(631_152_000, 4_102_444_800)


@given(windows, instants)
def test_an_instant_lies_in_its_span(window: Window, at_s: float) -> None:
    """From its start until before its end, and every instant of it has the same one."""
    span = window.span(at_s)

    assert span.start_s <= at_s < span.end_s
    assert span == window.span(span.start_s)
    assert span == window.span(span.end_s - 1)


@given(windows, instants)
def test_spans_tile_time(window: Window, at_s: float) -> None:
    """Where one ends the next begins."""
    span = window.span(at_s)
    if span.end_s >= END_OF_TIME_S:
        return

    assert span.end_s == window.span(span.end_s).start_s
    assert span.start_s == window.span(span.start_s - 0.5).end_s


def at(text: str, zone: str = "UTC") -> float:
    """Return an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("kind", "zone", "when", "start", "hours"),
    [
        ("day", "Europe/Paris", "2026-03-29T12:00", "2026-03-29T00:00", 23),
        ("day", "Europe/Paris", "2026-10-25T12:00", "2026-10-25T00:00", 25),
        ("day", "America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T01:00", 23),
        ("day", "Pacific/Apia", "2011-12-29T12:00", "2011-12-29T00:00", 24),
        ("day", "America/St_Johns", "2010-11-07T12:00", "2010-11-07T00:00", 25),
        ("month", "UTC", "2024-02-29T23:59", "2024-02-01T00:00", 29 * 24),
        ("month", "UTC", "2023-02-28T23:59", "2023-02-01T00:00", 28 * 24),
        ("month", "Europe/Paris", "2026-03-31T23:59", "2026-03-01T00:00", 31 * 24 - 1),
        ("month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", 31 * 24),
        ("week", "UTC", "2026-11-29T23:59", "2026-11-23T00:00", 7 * 24),
        ("week", "UTC", "2026-11-23T00:00", "2026-11-23T00:00", 7 * 24),
        ("hour", "Asia/Kathmandu", "2026-11-25T12:10", "2026-11-25T11:45", 1),
    ],
)
def test_windows_begin_when_people_expect(kind: str, zone: str, when: str, start: str, hours: int) -> None:
    """Days of 23 and 25 hours, leap years, weeks from Monday on, midnights that do not exist or come twice."""
    span = parse(kind, zone).span(at(when, zone))

    assert at(start, zone) == span.start_s
    assert hours * 3600 == span.end_s - span.start_s


def test_all_of_time_is_one_window() -> None:
    """A total never begins anew."""
    window = parse("total")

    assert Span(0, END_OF_TIME_S) == window.span(at("2026-11-25T12:00"))
    assert window.resets_s(at("2026-11-25T12:00")) is None


def test_calendar_windows_say_when_they_reset() -> None:
    """At the end of the span."""
    assert at("2026-11-26T00:00", "Europe/Paris") == parse("day", "Europe/Paris").resets_s(at("2026-11-25T12:00"))


@given(st.integers(1, 10**6), instants, st.floats(0, 1))
def test_a_rolling_window_counts_whatever_is_younger_than_its_length(length: int, at_s: float, share: float) -> None:
    """Never too little; too much by less than two buckets."""
    window = Window(f"rolling:{length}s", UTC, length)
    younger_s, reach_s = at_s - share * length, window.reach(at_s)

    assert reach_s <= window.span(younger_s).start_s
    assert at_s - reach_s < length + 2 * window.bucket_s
    assert window.bucket_s <= length / BUCKETS + 1


@pytest.mark.parametrize("text", ["", "year", "rolling:", "rolling:0s", "rolling:367d", "rolling:5", "Day", "day "])
def test_other_windows_are_refused_with_what_can_be_written(text: str) -> None:
    """The message names them all."""
    with pytest.raises(ValueError, match="minute, hour, day, week, month, total, or rolling:5h"):
        parse(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "europe"])
def test_unknown_time_zones_are_refused(zone: str) -> None:
    """The message shows how one is written."""
    with pytest.raises(ValueError, match="Europe/Paris"):
        parse("day", zone)


def test_clocks_set_back_across_midnight_do_not_bring_yesterday_back() -> None:
    """In St John's they went from one minute past midnight to 23:01: the new day had begun, and goes on."""
    window = parse("day", "America/St_Johns")
    midnight = int(at("2010-11-07T00:00", "America/St_Johns"))

    assert {midnight} == {window.span(midnight + seconds).start_s for seconds in (0, 59, 60, 1800, 3600, 5000)}
    assert midnight == window.span(midnight - 1).end_s


def test_a_day_that_a_country_skipped_is_no_window() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    window = parse("day", "Pacific/Apia")
    first = window.span(at("2011-12-29T12:00", "Pacific/Apia"))
    second = window.span(first.end_s)

    assert 24 * 3600 == second.end_s - second.start_s
    assert at("2011-12-31T00:00", "Pacific/Apia") == second.start_s


def test_a_calendar_window_counts_from_its_own_beginning() -> None:
    """Nothing before it."""
    window = parse("day")
    noon = at("2026-11-25T12:00")

    assert window.span(noon).start_s == window.reach(noon)
