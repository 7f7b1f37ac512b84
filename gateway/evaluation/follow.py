"""What is new in the log, and what does it hold of one exchange? Day files are read while the recorder writes them."""

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.core.record import Record, decode
from gateway.evaluation.protocol import Kept
from gateway.store import schema
from gateway.store.dayview import exchange_of
from gateway.store.filters import conditions, key_of
from gateway.store.following import written_s
from gateway.store.interface import Query
from gateway.store.opening import connect
from gateway.store.scan import stretches

PORTION = 1_000
# Of a conversation, the newest; the last ones hold what came before.
CONVERSATION_MOST = 200
_AT_ONCE = 500  # values of a statement
_SLACK_S = 2.0  # files tell the time of their last write less exactly than clocks do

_NEWEST = "SELECT coalesce(max(seq), 0) FROM contents"
_NEVER_MS = 1 << 48
_FIRST_SINCE = "SELECT min(seq) FROM exchanges WHERE id >= ?"
_NEXT = "SELECT seq, record FROM contents WHERE seq > ? ORDER BY seq LIMIT ?"
_NEXT_BEGUN = "SELECT seq, record FROM contents WHERE seq > ? AND id >= ? AND id < ? ORDER BY seq LIMIT ?"
_PLACE = "SELECT seq FROM exchanges WHERE id = ?"
_KEPT = f"SELECT seq, {', '.join(schema.CONTENTS)} FROM contents WHERE seq IN ({{}})"  # noqa: S608 names of ours


class Row(NamedTuple):
    """An exchange of the log, and where it stands."""

    day: str
    seq: int
    record: Record


class Batch(NamedTuple):
    """Some rows in the order of storing. `cursors`: where they end, by day. `unreadable`: rows that are damaged."""

    rows: list[Row]
    cursors: dict[str, int]
    is_behind: bool
    unreadable: int = 0


class Ends:
    """Which files were read to their end, and not written since: they need not be opened."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, int]] = {}

    def note(self, day: str, looked_s: float, seq: int) -> None:
        """Note that nothing stood behind `seq` at an instant."""
        self._ends[day] = looked_s, seq

    def is_read(self, path: Path, cursor: int) -> bool:
        """Tell whether nothing can stand behind a cursor."""
        looked_s, seq = self._ends.get(path.stem, (0.0, 0))
        return cursor >= seq and written_s(path) < looked_s - _SLACK_S


class Follow:
    """Reads the day files of `folder`, read-only. A file without a cursor is read from its beginning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ends = Ends()

    def end(self, since_ms: int = _NEVER_MS) -> dict[str, int]:
        """Return the cursors behind everything that is stored now, but for what began since then."""
        found: dict[str, int] = {}
        for path in self._days():
            with suppress(FileNotFoundError), closing(connect(path)) as sql:
                ((newest,),) = sql.execute(_NEWEST).fetchall()
                ((first,),) = sql.execute(_FIRST_SINCE, (schema.first_key(since_ms),)).fetchall()
                found[path.stem] = newest if first is None else first - 1
        return found

    def read(self, cursors: Mapping[str, int], most: int = PORTION) -> Batch:
        """Return what comes behind the cursors, day by day, at most so many."""
        rows: list[Row] = []
        moved: dict[str, int] = {}
        unreadable = 0
        for path in self._days():
            day, looked_s = path.stem, time.time()
            if self._ends.is_read(path, cursors.get(day, 0)):
                continue
            if len(rows) + unreadable >= most:
                return Batch(rows, moved, is_behind=True, unreadable=unreadable)
            left = most - len(rows) - unreadable
            found = self._next(path, _NEXT, (cursors.get(day, 0), left))
            for seq, record in found:
                moved[day] = seq
                if record is None:
                    unreadable += 1
                else:
                    rows.append(Row(day, seq, record))
            if len(found) < left:
                self._ends.note(day, looked_s, found[-1][0] if found else cursors.get(day, 0))
        return Batch(rows, moved, is_behind=len(rows) + unreadable >= most, unreadable=unreadable)

    def past(self, since_ms: int, until_ms: int, day: str = "", seq: int = 0, most: int = PORTION) -> Iterator[Batch]:
        """Give what began from `since_ms` until before `until_ms`, behind a place, in portions."""
        first, last = schema.first_key(since_ms), schema.first_key(until_ms)
        for path in self._days():
            if path.stem < day or not since_ms - schema.DAY_MS < _begins_ms(path.stem) < until_ms:
                continue
            at = seq if path.stem == day else 0
            while found := self._next(path, _NEXT_BEGUN, (at, first, last, most)):
                at = found[-1][0]
                rows = [Row(path.stem, number, record) for number, record in found if record is not None]
                yield Batch(rows, {path.stem: at}, is_behind=True, unreadable=len(found) - len(rows))

    def place(self, exchange: str, day: str) -> int | None:
        """Return the `seq` of an exchange; None: it is not stored."""
        with suppress(FileNotFoundError), closing(connect(self._path(day))) as sql:
            row = sql.execute(_PLACE, (key_of(exchange),)).fetchone()
            return None if row is None else int(row[0])
        return None

    def find(self, exchange: str, day: str) -> Row | None:
        """Return an exchange of a day; None: it is not stored."""
        seq = self.place(exchange, day)
        return None if seq is None else self._row(day, seq)

    def last_of(self, team: str, session: str, day: str) -> Row | None:
        """Return the newest exchange of a session that stands in a day, or the one before it."""
        query = Query(team=team, session=_literally(session))
        for path in [path for path in reversed(self._days()) if path.stem <= day][:2]:
            with suppress(FileNotFoundError), closing(connect(path)) as sql:
                for seq in _seqs(sql, query, 1):
                    return self._row(path.stem, seq)
        return None

    def keep(self, day: str, seqs: Sequence[int]) -> dict[int, Kept]:
        """Return exchanges as they are kept, with their bodies; those that are gone are not among them."""
        found: dict[int, Kept] = {}
        with suppress(FileNotFoundError), closing(connect(self._path(day))) as sql:
            for at in range(0, len(seqs), _AT_ONCE):
                some = seqs[at : at + _AT_ONCE]
                rows = sql.execute(_KEPT.format(",".join("?" * len(some))), some)
                found |= {row[0]: kept_of(row) for row in rows}
        return found

    def conversation(self, team: str, session: str, day: str, seq: int) -> list[Kept]:
        """Return the exchanges of a session up to a place, in order: the newest CONVERSATION_MOST of them.

        Day by day into the past, until one has none: a conversation does not rest for so long.
        """
        found: list[Kept] = []
        query = Query(team=team, session=_literally(session))
        for path in reversed(self._days()):
            if path.stem > day or len(found) >= CONVERSATION_MOST:
                continue
            with suppress(FileNotFoundError), closing(connect(path)) as sql:
                seqs = _seqs(sql, query, CONVERSATION_MOST - len(found))
            seqs = [each for each in seqs if path.stem < day or each <= seq]
            if not seqs and path.stem < day:
                break
            kept = self.keep(path.stem, seqs)
            found += [kept[each] for each in seqs if each in kept]
        return found[::-1]

    def _row(self, day: str, seq: int) -> Row | None:
        for at, record in self._next(self._path(day), _NEXT, (seq - 1, 1)):
            return Row(day, seq, record) if at == seq and record is not None else None
        return None

    def _next(self, path: Path, statement: str, values: tuple[object, ...]) -> list[tuple[int, Record | None]]:
        with suppress(FileNotFoundError), closing(connect(path)) as sql:
            return [(seq, _decoded(meta)) for seq, meta in sql.execute(statement, values)]
        return []

    def _days(self) -> list[Path]:
        return sorted(self.folder.glob("????-??-??.db"))

    def _path(self, day: str) -> Path:
        return self.folder / f"{day}.db"


def kept_of(row: Sequence[Any]) -> Kept:
    """Shape seq, record and bodies as a plugin process gets them."""
    _, meta, *_ = row
    _, request, response, _ = exchange_of(row)
    return Kept(
        record=meta,
        request=request and request.pieces,
        request_bytes=request.total_bytes if request else 0,
        response=response and response.pieces,
        response_bytes=response.total_bytes if response else 0,
    )


def _seqs(sql: sqlite3.Connection, query: Query, most: int) -> list[int]:
    """Return where the newest exchanges of a session stand, newest first."""
    clause = conditions(query)
    found: list[int] = []
    for where in stretches(sql, query):
        rows = sql.execute(
            f"SELECT seq FROM exchanges WHERE id >= ? AND id < ? AND {clause.sql} ORDER BY id DESC LIMIT ?",  # noqa: S608 clauses are ours, values are bound
            (schema.first_key(where.first_ms), schema.first_key(where.end_ms), *clause.values, most - len(found)),
        )
        found += [seq for (seq,) in rows]
    return found


def _literally(text: str) -> str:
    """Write a text as a pattern that only it matches."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)


def _decoded(meta: bytes) -> Record | None:
    """Read a record; one that is damaged must not hold up all that come after it."""
    try:
        return decode(meta)
    except msgspec.MsgspecError:
        return None


def _begins_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
