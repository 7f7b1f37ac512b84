"""What was used on a day, by whom and when? Whole hours and days are told by sums, what is left over by rows."""

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from gateway.store import scan, schema
from gateway.store.filters import Clause, conditions, named
from gateway.store.interface import GROUPS, Query
from gateway.store.scan import Stretch

HOUR_MS = schema.HOUR_S * 1000

# How a group is named in a table of sums; anything else is its column.
_NAMES = {"key": "team || '/' || key", "model": "coalesce(nullif(model_served, ''), nullif(model_requested, ''), '-')"}
_ROW_NAMES = {
    **schema.EXPRESSIONS,
    "key": "kinds.team || '/' || kinds.key",
    "model": f"coalesce({schema.EXPRESSIONS['model_served']}, {schema.EXPRESSIONS['model_requested']})",
    "tag": "tags.value",
}
# How sure it is who somebody was: by which header or field.
SOURCES = {name: f"{name}_source" for name in ("session", "user", "agent")}
_FROM = {"kinds": "rollups JOIN kinds USING (kind)", "claims": "claims", "tags": "tags"}

_ROW_MEASURES = (
    "count(*)",
    "sum(kinds.outcome != 'ok')",
    "sum(exchanges.input_total)",
    "sum(exchanges.output_total)",
    "sum(exchanges.cached_total)",
    "sum(exchanges.cost_nano_usd)",
    "coalesce(sum(exchanges.duration_us), 0)",
    "count(exchanges.duration_us)",
)
_EDGES_US = [-1, *(edge * 1000 for edge in schema.EDGES_MS if edge is not None), 1 << 62]
_ROW_BUCKETS = tuple(
    f"count(CASE WHEN exchanges.duration_us > {lower} AND exchanges.duration_us <= {upper} THEN 1 END)"
    for lower, upper in pairwise(_EDGES_US)
)


class Span(NamedTuple):
    """A stretch of time within a day, and the second that stands for it in what is told."""

    start_s: int
    first_ms: int
    end_ms: int


# When it starts, the group's name, who says so, measures and buckets.
Row = tuple[int, str, str, tuple[int, ...]]


class Asked(NamedTuple):
    """What is to be added up: which exchanges, by what (None: all together), in steps of how long (None: as one).

    `buckets`: whether to tell how durations spread.
    """

    query: Query
    by: str | None
    step_s: int | None
    buckets: bool


def add_up(sql: sqlite3.Connection, asked: Asked, day_ms: int, first_ms: int, end_ms: int) -> Iterator[Row]:
    """Add up what a day file has between two instants; a group may come more than once."""
    table = _table(sql, asked)
    whole_day = first_ms <= day_ms and end_ms >= day_ms + schema.DAY_MS
    first_ms, end_ms = max(first_ms, day_ms), min(end_ms, day_ms + schema.DAY_MS)
    hourly = asked.step_s is not None and asked.step_s < schema.DAY_S
    if table is None or (asked.step_s or schema.HOUR_S) < schema.HOUR_S:
        yield from _from_rows(sql, asked, _steps(asked, day_ms, first_ms, end_ms))
    elif whole_day and not hourly:
        yield from _from_sums(sql, asked, table, schema.DAY_S, day_ms, day_ms + schema.DAY_MS)
    elif table == "kinds":
        first_hour, end_hour = -(-first_ms // HOUR_MS) * HOUR_MS, end_ms // HOUR_MS * HOUR_MS
        if first_hour >= end_hour:
            yield from _from_rows(sql, asked, _steps(asked, day_ms, first_ms, end_ms))
            return
        yield from _from_sums(sql, asked, table, schema.HOUR_S, first_hour, end_hour)
        for first, end in ((first_ms, first_hour), (end_hour, end_ms)):
            yield from _from_rows(sql, asked, _steps(asked, day_ms, first, end))
    else:
        yield from _from_rows(sql, asked, _steps(asked, day_ms, first_ms, end_ms))


def remembered(sql: sqlite3.Connection, asked: Asked, first_ms: int, end_ms: int) -> Iterator[Row]:
    """Add up what is left of days whose rows are gone: hours and days that begin between two instants."""
    table = _table(sql, asked)
    if table is None:
        return
    whole_days = first_ms % schema.DAY_MS == 0 and (end_ms % schema.DAY_MS == 0 or end_ms >= 1 << 48)
    hourly = asked.step_s is not None and asked.step_s < schema.DAY_S
    fine = table == "kinds" and (hourly or not whole_days)
    yield from _from_sums(sql, asked, table, schema.HOUR_S if fine else schema.DAY_S, first_ms, end_ms)


def _table(sql: sqlite3.Connection, asked: Asked) -> str | None:
    """Choose the table of sums that can tell all of this exactly; None: only the rows can."""
    for table in _FROM:
        if asked.by is not None and table not in GROUPS[asked.by]:
            continue
        if asked.buckets and table != "kinds":
            continue
        names = named(asked.query, table)
        if not names.whole:
            continue
        if names.exact == names.perhaps or not _shares_names(sql, table, names.exact, names.perhaps):
            return table
    return None


def _shares_names(sql: sqlite3.Connection, table: str, exact: Clause, perhaps: Clause) -> bool:
    """Whether what is looked for may hide under the name that all beyond the bound share."""
    found = sql.execute(
        f"SELECT 1 FROM {table} WHERE {perhaps.sql} AND NOT ({exact.sql}) LIMIT 1",  # noqa: S608 clauses are ours, values are bound
        (*perhaps.values, *exact.values),
    )
    return found.fetchone() is not None


def _from_sums(
    sql: sqlite3.Connection, asked: Asked, table: str, step_s: int, first_ms: int, end_ms: int
) -> Iterator[Row]:
    names = named(asked.query, table).exact
    by = asked.by
    group = "''" if by is None else f"coalesce(nullif({_NAMES.get(by, by)}, ''), '-')"
    columns = [*schema.MEASURES, *(schema.BUCKETS if asked.buckets else ())]
    # A session has one row a day, seldom two: to group them here would take longer than to read them.
    grouped = by != "session"
    sums = ", ".join(f"sum({column})" if grouped else column for column in columns)
    of_step = ("step_s = ? AND ", (step_s,)) if table == "kinds" else ("", ())
    rows = sql.execute(
        f"SELECT start_s, {group}, {SOURCES.get(by or '', repr(''))}, {sums} FROM {_FROM[table]} "  # noqa: S608 as above
        f"WHERE {of_step[0]} start_s >= ? AND start_s < ? AND {names.sql} {'GROUP BY 1, 2, 3' if grouped else ''}",
        (*of_step[1], -(-first_ms // 1000), -(-end_ms // 1000), *names.values),
    )
    for row in rows:
        start_s, name, source = row[:3]
        if row[3]:
            yield start_s, name, source, row[3:]


def _from_rows(sql: sqlite3.Connection, asked: Asked, spans: Iterator[Span]) -> Iterator[Row]:
    clause = conditions(asked.query)
    by = asked.by
    group = "''" if by is None else f"coalesce({_ROW_NAMES[by]}, '-')"
    source = schema.EXPRESSIONS[SOURCES[by]] if by in SOURCES else "''"
    columns = ", ".join([*_ROW_MEASURES, *(_ROW_BUCKETS if asked.buckets else ())])
    table = schema.NAMED_ROWS
    if by == "tag":
        table += " LEFT JOIN json_each(exchanges.more, '$.tags') AS tags"
    if asked.query.text is not None:
        table += " CROSS JOIN contents USING (seq)"
    statement = (
        f"SELECT {group}, {source}, {columns} FROM {table} "  # noqa: S608 as above
        f"WHERE exchanges.id >= ? AND exchanges.id < ? AND {clause.sql} GROUP BY 1, 2"
    )
    for span in _narrowed(spans, scan.stretches(sql, asked.query)):
        keys = schema.first_key(span.first_ms), schema.first_key(span.end_ms)
        for name, source_name, *amounts in sql.execute(statement, (*keys, *clause.values)):
            yield span.start_s, name, source_name or "", tuple(amounts)


def _narrowed(spans: Iterator[Span], where: Sequence[Stretch]) -> Iterator[Span]:
    """Leave out of spans, oldest first, where there can be nothing that matches."""
    parts = deque(sorted(where))
    for span in spans:
        while parts and parts[0].end_ms <= span.first_ms:
            parts.popleft()
        for first_ms, end_ms in takewhile(lambda part: part.first_ms < span.end_ms, parts):  # noqa: B023 used at once
            yield Span(span.start_s, max(span.first_ms, first_ms), min(span.end_ms, end_ms))


def _steps(asked: Asked, day_ms: int, first_ms: int, end_ms: int) -> Iterator[Span]:
    """Cut a stretch of a day where steps end."""
    step_ms = min(asked.step_s or schema.DAY_S, schema.DAY_S) * 1000
    at_ms = day_ms + (first_ms - day_ms) // step_ms * step_ms
    while at_ms < end_ms:
        span = Span(at_ms // 1000, max(at_ms, first_ms), min(at_ms + step_ms, end_ms))
        if span.first_ms < span.end_ms:
            yield span
        at_ms += step_ms
