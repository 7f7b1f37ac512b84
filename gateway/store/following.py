"""What was stored after a position? In the order of storing, in bounded portions, and nothing is missed or comes twice.

Every row has a number (`seq`) that grows over all files and restarts, and commits happen in the order of their numbers:
whoever has seen a number finds every lower one in the files. Numbers begin at the clock's microseconds and grow slower
than it, so that a file that was last written before the time that a number names holds none beyond it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, NamedTuple

import aiosqlite

from gateway.core.record import Record, decode
from gateway.store.filters import conditions
from gateway.store.interface import Query

PORTION = 1_000  # rows of a file that are looked at in one go, whether they match or not
# Files tell the time of their last write less exactly than clocks do.
_SLACK_S = 2.0

_NEWEST = "SELECT coalesce(max(seq), 0) FROM contents"
_PORTION_END = "SELECT seq FROM contents WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?"
_BETWEEN = "SELECT count(*) FROM contents WHERE seq > ? AND seq <= ?"

Connect = Callable[[Path], AbstractAsyncContextManager[aiosqlite.Connection]]


class Position(NamedTuple):
    """How far somebody has read. `since_s`: files that were written last before then hold nothing beyond `seq`."""

    seq: int
    since_s: float

    @classmethod
    def after(cls, seq: int) -> "Position":
        """Make the position behind a number that somebody noted."""
        return cls(seq, seq / 1e6)


BEGINNING: Final = Position(0, 0.0)


class Followed(NamedTuple):
    """Some rows with their numbers. `position`: how far that is; `newest`: up to where there are rows."""

    rows: list[tuple[int, Record]]
    position: Position
    newest: int

    @property
    def is_behind(self) -> bool:
        """Whether there is more."""
        return self.position.seq < self.newest


class Following:
    """Read on in the files that `files` lists, each time anew: days begin, and old ones are deleted."""

    def __init__(self, files: Callable[[], Sequence[Path]], connect: Connect) -> None:
        self._files = files
        self._connect = connect

    async def newest(self, known: Position = BEGINNING) -> Position:
        """Return the position behind all that is stored. `known`: one that somebody had before, so that it is near."""
        looked_s = time.time()
        return Position(max(known.seq, await self._newest(self._written(known.since_s))), looked_s)

    async def read(self, position: Position, query: Query, most: int = PORTION) -> Followed:
        """Return what matches of the next portion."""
        after, since_s = position
        looked_s = time.time()
        # Up to where first, then the rows: a row with a lower number was committed before, so it is there by then.
        newest = await self._newest(self._written(since_s))
        if newest <= after:
            return Followed([], Position(after, looked_s), after)
        end = newest
        files = self._written(since_s)
        for path in files:
            async with self._connect(path) as db:
                for (seq,) in await db.execute_fetchall(_PORTION_END, (after, most - 1)):
                    end = min(end, seq)
        rows = await self._rows(files, after, end, query)
        return Followed(rows, Position(end, looked_s if end == newest else since_s), newest)

    async def count(self, position: Position, upto: int) -> int:
        """Count what is stored between a position and a number."""
        total = 0
        for path in self._written(position.since_s):
            async with self._connect(path) as db:
                for (count,) in await db.execute_fetchall(_BETWEEN, (position.seq, upto)):
                    total += count
        return total

    async def _newest(self, files: Sequence[Path]) -> int:
        newest = 0
        for path in files:
            async with self._connect(path) as db:
                for (seq,) in await db.execute_fetchall(_NEWEST):
                    newest = max(newest, seq)
        return newest

    async def _rows(self, files: Sequence[Path], after: int, end: int, query: Query) -> list[tuple[int, Record]]:
        clause = conditions(query)
        sql = f"SELECT seq, record FROM contents CROSS JOIN exchanges USING (id, seq) WHERE seq > ? AND seq <= ? AND {clause.sql}"  # noqa: E501, S608 clauses are ours, values are bound
        found: list[tuple[int, Record]] = []
        for path in files:
            async with self._connect(path) as db, db.execute(sql, (after, end, *clause.values)) as cursor:
                found += [(seq, decode(meta)) async for seq, meta in cursor]
        return sorted(found, key=lambda row: row[0])

    def _written(self, since_s: float) -> list[Path]:
        return [path for path in self._files() if written_s(path) >= since_s - _SLACK_S]


def written_s(path: Path) -> float:
    """Return when a file was last written to; one that is gone: never.

    What was committed may still stand beside it. That an empty file stands there only says that somebody has read.
    """
    last_s = 0.0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            found = file.stat()
        except FileNotFoundError:
            continue
        if found.st_size:
            last_s = max(last_s, found.st_mtime)
    return last_s
