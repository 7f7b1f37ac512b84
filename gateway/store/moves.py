"""How do exchanges move the sums of a day file? By hour and day and kind, by who they were for, by tag."""

import operator
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from gateway.core.record import Record
from gateway.store import schema
from gateway.store.naming import Naming, Tag

K = TypeVar("K")
# What an exchange adds to each of schema.MEASURES; then in which bucket its duration is counted (-1: none), and when it
# began. Its `requests` is -1 where it is taken off.
Seen = tuple[int, ...]
Groups = defaultdict[K, list[Seen]]

_MEASURED = len(schema.MEASURES)
_BUCKET, _AT_MS = _MEASURED, _MEASURED + 1
_HOUR_MS, _PEAK_MS = schema.HOUR_S * 1_000, schema.PEAK_S * 1_000
_READ, _WRITTEN, _COST, _DURATION = map(
    schema.MEASURES.index, ("input_tokens", "output_tokens", "cost_nano_usd", "duration_us")
)
_EDGES_US = [edge * 1_000 for edge in schema.EDGES_MS if edge is not None]


class Moves:
    """What a batch adds to the sums of a day, and takes off them where it amends."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._rollups: Groups[tuple[int, int]] = defaultdict(list)
        self._claims: Groups[int] = defaultdict(list)
        self._tags: Groups[Tag] = defaultdict(list)
        self._minutes: Groups[int] = defaultdict(list)

    def add(self, key: bytes, record: Record, kind: int, claim: int, times: int = 1) -> None:
        """Add what an exchange of this kind and claim counts; -1 times: take it off."""
        at_ms = schema.ms_of(key)
        seen = (*amounts_of(record, times), bucket_of(record), at_ms)
        self._rollups[at_ms // _HOUR_MS, kind].append(seen)
        self._claims[claim].append(seen)
        self._minutes[at_ms // _PEAK_MS].append(seen)
        for tag in set(record.tags) if record.tags else ("",):
            self._tags[tag, record.team, record.key].append(seen)

    def write(self, sql: sqlite3.Connection, day: int) -> None:
        """Move the sums, in the transaction that is open."""
        start_s = day * schema.DAY_S
        sql.executemany(schema.ADD_ROLLUP, self._rollup_rows(start_s))
        new = self._naming.take_new_claims()
        fresh, known = [], []
        for claim, seen in sorted(self._claims.items()):  # neighbours stand in the same page
            sums = _spanned(seen)
            if claim in new:
                fresh.append((claim, start_s, *new[claim], *sums))
            else:
                known.append((*sums, claim))
        sql.executemany(schema.INSERT_CLAIM, fresh)
        sql.executemany(schema.MOVE_CLAIM, known)
        tags = [(start_s, *self._naming.tag(*names), *_spanned(seen)) for names, seen in self._tags.items()]
        sql.executemany(schema.ADD_TAG, tags)
        peaks = ((minute * schema.PEAK_S, *highest(seen)) for minute, seen in self._minutes.items())
        sql.executemany(schema.RAISE_PEAK, peaks)

    def _rollup_rows(self, day_s: int) -> Iterator[tuple[int, ...]]:
        days: dict[int, list[int]] = {}
        for (hour, kind), seen in self._rollups.items():
            sums = _spread(seen)
            yield (schema.HOUR_S, hour * schema.HOUR_S, kind, *sums)
            known = days.get(kind)
            days[kind] = sums if known is None else list(map(operator.add, known, sums))
        for kind, sums in days.items():
            yield (schema.DAY_S, day_s, kind, *sums)


def amounts_of(record: Record, times: int = 1) -> tuple[int, ...]:
    """Return what a record adds to each of schema.MEASURES, so many times."""
    usage, duration_ms = record.usage, record.duration_ms
    read, written, cached = (usage.input_total, usage.output_total, usage.input_cached_read) if usage else (0, 0, 0)
    duration_us, timed = (0, 0) if duration_ms is None else (round(duration_ms * 1000), 1)
    amounts = 1, int(record.outcome != "ok"), read, written, cached, record.cost_nano_usd, duration_us, timed
    return amounts if times == 1 else tuple([times * amount for amount in amounts])


def bucket_of(record: Record) -> int:
    """Return in which of schema.BUCKETS a record's duration is counted; -1: in none."""
    return -1 if record.duration_ms is None else bisect_left(_EDGES_US, round(record.duration_ms * 1000))


def added(seen: Iterable[Seen]) -> list[int]:
    """Add up, measure by measure."""
    return [sum(each) for each in zip(*seen, strict=True)]


def _spanned(seen: list[Seen]) -> tuple[int, ...]:
    """Return when the first and the last began, and the sums."""
    if len(seen) == 1:
        (one,) = seen
        return (one[_AT_MS], one[_AT_MS], *one[:_MEASURED])
    *measures, _, instants = zip(*seen, strict=True)
    return (min(instants), max(instants), *map(sum, measures))


def _spread(seen: list[Seen]) -> list[int]:
    """Return the sums, and how many fell into each bucket."""
    buckets = [0] * (len(schema.BUCKETS) + 1)  # the last one: no duration
    for one in seen:
        buckets[one[_BUCKET]] += one[0]
    return added(seen)[:_MEASURED] + buckets[:-1]


def highest(seen: Sequence[Sequence[int]]) -> tuple[int, int, int]:
    """Return the most that any of these amounts has of each of schema.PEAK."""
    columns = list(zip(*seen, strict=True))
    tokens = map(operator.add, columns[_READ], columns[_WRITTEN])
    return max(columns[_COST]), max(tokens), max(columns[_DURATION])
