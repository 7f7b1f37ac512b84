"""Which exchanges of a day match, newest first? The sums tell where there can be any; only there rows are looked at."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.core.record import Record, decode
from gateway.store import schema, texts
from gateway.store.filters import Clause, conditions, id_bounds, key_of, named
from gateway.store.interface import Query

_ROWS = "exchanges CROSS JOIN contents USING (seq)"
_HOUR_MS = schema.HOUR_S * 1000
_PEAK_MS = schema.PEAK_S * 1000
# So little time without a high minute is looked at, too: one look at more rows is cheaper than many at few.
_GAP_MS = 10 * _PEAK_MS
_NEVER_MS = 1 << 48
# Table of sums -> the filters by which it tells when somebody was seen.
_WHO = {"claims": ("session", "user", "agent", "client"), "tags": ("any_tag", "all_tags")}
# Filter -> what a minute's peak must be at least, and how many of its unit make one of the filter's.
_PEAKS = {
    "min_cost_nano_usd": ("cost_nano_usd", 1),
    "min_tokens": ("tokens", 1),
    "min_duration_ms": ("duration_us", 1000),
}
_WHERE = "exchanges.id >= ? AND exchanges.id < ? AND"


class Stretch(NamedTuple):
    """From when until before when there may be some, in milliseconds."""

    first_ms: int
    end_ms: int


def stretches(sql: sqlite3.Connection, query: Query) -> list[Stretch]:
    """Return where in a day there may be exchanges that match, newest first.

    Hours that follow each other are one stretch; but where bodies are read for a text, it is hour by hour, so that one
    can go on there. Time in which nothing was so dear, large or slow as is asked is left out.
    """
    found = list(_hours(sql, query))
    asked = {column: (getattr(query, name) or 0) * factor for name, (column, factor) in _PEAKS.items()}
    peaks = {column: round(least) for column, least in asked.items() if least > 0}
    return [part for each in found for part in _high_minutes(sql, each, peaks)] if peaks else found


def _hours(sql: sqlite3.Connection, query: Query) -> Iterable[Stretch]:
    span = _span(sql, query)
    kinds = named(query, "kinds").perhaps
    by_hour = query.text is not None and _looked_up(sql, query) is None
    if kinds.sql == "1" and not by_hour:
        return _within(span, [span])
    starts = sql.execute(
        "SELECT DISTINCT start_s FROM rollups WHERE step_s = ? "  # noqa: S608 clauses are ours, values are bound
        f"AND kind IN (SELECT kind FROM kinds WHERE {kinds.sql}) ORDER BY start_s DESC",
        (schema.HOUR_S, *kinds.values),
    )
    hours = _within(span, (_beginning(start_s, schema.HOUR_S) for (start_s,) in starts))
    return hours if by_hour else _joined(hours)


def _high_minutes(sql: sqlite3.Connection, stretch: Stretch, peaks: dict[str, int]) -> Iterator[Stretch]:
    """Give what is left of a stretch where each of these columns must have come to so much."""
    high = " AND ".join(f"{column} >= ?" for column in peaks)
    starts = sql.execute(
        f"SELECT start_s FROM peaks WHERE start_s > ? AND start_s < ? AND {high} ORDER BY start_s DESC",  # noqa: S608 as above
        (stretch.first_ms // 1000 - schema.PEAK_S, -(-stretch.end_ms // 1000), *peaks.values()),
    )
    return _joined(_within(stretch, (_beginning(start_s, schema.PEAK_S) for (start_s,) in starts)), _GAP_MS)


def _beginning(start_s: int, length_s: int) -> Stretch:
    return Stretch(start_s * 1000, (start_s + length_s) * 1000)


def _within(span: Stretch, parts: Iterable[Stretch]) -> Iterator[Stretch]:
    """Give what of these lies in a span."""
    for part in parts:
        cut = Stretch(max(part.first_ms, span.first_ms), min(part.end_ms, span.end_ms))
        if cut.first_ms < cut.end_ms:
            yield cut


def _joined(parts: Iterator[Stretch], gap_ms: int = 0) -> Iterator[Stretch]:
    """Make one of those that follow each other within so much time; the newest is first."""
    last = next(parts, None)
    if last is None:
        return
    for part in parts:
        if last.first_ms - part.end_ms <= gap_ms:
            last = Stretch(part.first_ms, last.end_ms)
        else:
            yield last
            last = part
    yield last


def matches(sql: sqlite3.Connection, query: Query, where: Stretch, limit: int) -> Iterator[Record]:
    """Give the newest exchanges of a stretch that match."""
    clause = _conditions(sql, query)
    rows = sql.execute(
        f"SELECT record FROM {_ROWS} WHERE {_WHERE} {clause.sql} ORDER BY exchanges.id DESC LIMIT ?",  # noqa: S608 as above
        (*_keys(where), *clause.values, limit),
    )
    for (meta,) in rows:
        yield decode(meta)


def count(sql: sqlite3.Connection, query: Query, where: Stretch, most: int) -> int:
    """Count what matches in a stretch, up to a number."""
    clause = _conditions(sql, query)
    table = _ROWS if query.text is not None else "exchanges"
    ((found,),) = sql.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {_WHERE} {clause.sql} LIMIT ?)",  # noqa: S608 as above
        (*_keys(where), *clause.values, most),
    )
    return int(found)


def _conditions(sql: sqlite3.Connection, query: Query) -> Clause:
    """Return what a query asks; where the file has an index over its bodies, that narrows the search for text."""
    clause = conditions(query)
    looked_up = _looked_up(sql, query)
    return clause if looked_up is None else Clause(f"{texts.FIND} AND {clause.sql}", (looked_up, *clause.values))


def _looked_up(sql: sqlite3.Connection, query: Query) -> str | None:
    """Return what to ask the index for; None: nothing, or there is none."""
    has_index = query.text is not None and sql.execute(texts.HAS_INDEX).fetchone() is not None
    return texts.wanted(query.text) if has_index and query.text is not None else None


def bounds(query: Query) -> Stretch:
    """Return from when until when a query looks, as far as times and ids say."""
    first_ms, end_ms = query.since_ms or 0, _NEVER_MS if query.until_ms is None else query.until_ms
    if query.before is not None:
        end_ms = min(end_ms, schema.ms_of(key_of(query.before)) + 1)
    if query.id is not None:
        lowest, highest = id_bounds(query.id)
        first_ms, end_ms = max(first_ms, schema.ms_of(lowest)), min(end_ms, schema.ms_of(highest) + 1)
    return Stretch(first_ms, end_ms)


def _span(sql: sqlite3.Connection, query: Query) -> Stretch:
    """Narrow the bounds to when those were seen whom the query names."""
    first_ms, end_ms = bounds(query)
    for table, filters in _WHO.items():
        if all(getattr(query, name) is None for name in filters):
            continue
        asked = named(query, table).perhaps
        ((first, last),) = sql.execute(
            f"SELECT min(first_ms), max(last_ms) FROM {table} WHERE {asked.sql}",  # noqa: S608 as above
            asked.values,
        )
        if first is None:
            return Stretch(0, 0)
        first_ms, end_ms = max(first_ms, first), min(end_ms, last + 1)
    return Stretch(first_ms, end_ms)


def _keys(where: Stretch) -> tuple[bytes, bytes]:
    return schema.first_key(where.first_ms), schema.first_key(where.end_ms)
