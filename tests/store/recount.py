"""What the sums of a day file must be: those of its rows, counted one by one."""

import contextlib
import sqlite3
from collections import Counter
from pathlib import Path

from gateway.core.record import Record, decode
from gateway.store import schema
from gateway.store.moves import amounts_of, bucket_of

Sums = Counter[tuple[object, ...]]


def sums_agree(folder: Path) -> None:
    """Check every file of a folder."""
    for path in folder.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as sql:
            rows = [
                (schema.ms_of(key), kind, claim, decode(record))
                for key, kind, claim, record in sql.execute(
                    "SELECT exchanges.id, kind, claim, record FROM exchanges JOIN contents USING (seq)"
                )
            ]
            assert _rollups(rows) == _stored(sql, "rollups", ("step_s", "start_s", "kind"), schema.BUCKETS)
            assert _claims(rows) == _stored(sql, "claims", ("claim",))
            tags = _stored(sql, "tags", schema.TAG)
            assert _tags(rows, {names[: len(schema.TAG)] for names in tags}) == tags


def _rollups(rows: list[tuple[int, int, int, Record]]) -> Sums:
    sums: Sums = Counter()
    for at_ms, kind, _, record in rows:
        for step_s in (3600, 86400):
            start = step_s, at_ms // 1000 // step_s * step_s, kind
            _add(sums, start, record)
            if record.duration_ms is not None:
                sums[*start, schema.BUCKETS[bucket_of(record)]] += 1
    return sums


def _claims(rows: list[tuple[int, int, int, Record]]) -> Sums:
    sums: Sums = Counter()
    for _, _, claim, record in rows:
        _add(sums, (claim,), record)
    return sums


def _tags(rows: list[tuple[int, int, int, Record]], known: set[tuple[object, ...]]) -> Sums:
    sums: Sums = Counter()
    for _, _, _, record in rows:
        for tag in set(record.tags) or {""}:
            names = tag, record.team, record.key
            _add(sums, names if names in known else (schema.OTHER, *names[1:]), record)
    return sums


def _add(sums: Sums, group: tuple[object, ...], record: Record) -> None:
    for measure, amount in zip(schema.MEASURES, amounts_of(record), strict=True):
        if amount:
            sums[*group, measure] += amount


def _stored(sql: sqlite3.Connection, table: str, group: tuple[str, ...], more: tuple[str, ...] = ()) -> Sums:
    columns = (*schema.MEASURES, *more)
    sums: Sums = Counter()
    for row in sql.execute(f"SELECT {', '.join((*group, *columns))} FROM {table}"):
        for column, amount in zip(columns, row[len(group) :], strict=True):
            if amount:
                sums[*row[: len(group)], column] += amount
    return sums
