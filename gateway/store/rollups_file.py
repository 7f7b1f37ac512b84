"""What is left of days whose files are gone? Their sums, in one small file: each day's are added exactly once.

A file is folded in one transaction of this one, which names it; then it is unlinked. Whoever finds a file that is named
here knows that its sums are counted already, and that it only was not unlinked yet.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from gateway.store import schema
from gateway.store.charges import Balance, ChargeKey
from gateway.store.dayfile import LOCK_WAIT_S, refuse_other_schema
from gateway.store.interface import TotalKey
from gateway.store.opening import connect

# So much longer than the newest day here sums by hour, by caller and by tag stay: these grow with whatever callers say.
# Those by day and kind stay for good.
FINE_KEPT_S = 400 * 86_400

_SCHEMA = f"""
BEGIN IMMEDIATE;
{schema.META}
CREATE TABLE IF NOT EXISTS folded (
    file TEXT PRIMARY KEY, day TEXT NOT NULL, rows INTEGER NOT NULL, seq INTEGER NOT NULL
) WITHOUT ROWID;
{schema.WATERMARKS}
{schema.TOTALS}
{schema.SUMS}
{schema.CHARGES}
CREATE INDEX IF NOT EXISTS claims_by_day ON claims (start_s);
CREATE INDEX IF NOT EXISTS tags_by_day ON tags (start_s);
INSERT OR IGNORE INTO meta VALUES ('schema_version', '{schema.VERSION}');
COMMIT;
"""  # noqa: S608 a number
# A holder that is gone is never asked for again; what became known late is, as long as its balance counts.
_FORGET = """DELETE FROM charges WHERE CASE WHEN late = 0
    THEN holder NOT IN (SELECT value FROM json_each(?))
    ELSE (series, start_s) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) END"""
# Counted without a look at each.
_ROWS_LEFT = """SELECT
    (SELECT coalesce(sum(requests), 0) FROM day.rollups WHERE step_s = 86400)
        - (SELECT coalesce(sum(rows), 0) FROM day.removed),
    (SELECT coalesce(max(seq), 0) FROM day.contents)"""
_TOO_FINE = (
    f"DELETE FROM rollups WHERE step_s = {schema.HOUR_S} AND start_s < ?",  # noqa: S608 a number
    "DELETE FROM claims WHERE start_s < ?",
    "DELETE FROM tags WHERE start_s < ?",
)
_LATE_BALANCES = "SELECT DISTINCT series, start_s FROM charges WHERE late != 0"


class Past(NamedTuple):
    """What the writer goes on from. `folded`: the names of files that are counted; `seq`: the highest number so far."""

    totals: dict[TotalKey, int]
    watermarks: dict[str, int]
    late: dict[ChargeKey, int]
    folded: frozenset[str]
    seq: int


class Asked(NamedTuple):
    """What may still be asked about days that are gone.

    `holders`: whose charges may be; of all others only those that became known late, unless their balance `is_over`.
    `watermarks`: how far the journal was read when everything in the file was committed and safe on the disk.
    """

    holders: Collection[str]
    is_over: Callable[[Balance], bool]
    watermarks: Mapping[str, int]


class RollupsFile:
    """The file, for its only writer. There is none before something was folded. Raises sqlite3.Error, StoreRefused."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / schema.ROLLUPS_FILE
        self._sql: sqlite3.Connection | None = None

    def load(self) -> Past:
        """Read everything that the writer goes on from."""
        if not self.path.exists():
            return Past({}, {}, {}, frozenset(), 0)
        sql = self._connect()
        late = {(holder, series, start_s): amount for holder, series, start_s, amount in sql.execute(schema.LATE)}
        (seq,) = sql.execute("SELECT coalesce(max(seq), 0) FROM folded").fetchone()
        return Past(
            schema.totals_of(sql.execute(schema.SELECT_TOTALS)),
            dict(sql.execute("SELECT segment, offset FROM watermarks").fetchall()),
            late,
            frozenset(name for (name,) in sql.execute(schema.SELECT_FOLDED)),
            seq,
        )

    def spent(self, holder: str) -> dict[Balance, int]:
        """Return what a holder's exchanges were charged when they ended, as far as it stands here."""
        if not self.path.exists():
            return {}
        found = self._connect().execute(schema.SPENT, (holder,))
        return {(series, start_s): amount for series, start_s, amount in found}

    def fold(self, day: Path, asked: Asked) -> int:
        """Add the sums of a day file, once, and return how many exchanges it held; after that it may be unlinked."""
        sql = self._connect()
        # Not read-only: its side files may have to be made. Nothing is written there.
        sql.execute("ATTACH ? AS day", (f"file:{quote(str(day))}?mode=rw",))
        try:
            sql.execute("BEGIN IMMEDIATE")
            rows = _add(sql, day.stem, asked)
            sql.execute("COMMIT")
        finally:
            if sql.in_transaction:
                with suppress(sqlite3.Error):
                    sql.execute("ROLLBACK")
            sql.execute("DETACH day")
        return rows

    def close(self) -> None:
        """Close the file."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def _connect(self) -> sqlite3.Connection:
        if self._sql is not None and self.path.exists():
            return self._sql
        self.close()
        sql = sqlite3.connect(self.path, isolation_level=None, timeout=LOCK_WAIT_S, uri=True)
        try:
            sql.execute("PRAGMA journal_mode=WAL")
            # What is unlinked after a commit here must not be gone before it has reached the disk.
            sql.execute("PRAGMA synchronous=FULL")
            sql.executescript(_SCHEMA)
            refuse_other_schema(self.path, sql.execute(schema.SELECT_VERSION).fetchone())
        except BaseException:
            sql.close()
            raise
        self._sql = sql
        return sql


def folded_days(folder: Path) -> list[str]:
    """Name the days of which only the sums are left, oldest first. For whoever only looks. Raises sqlite3.Error."""
    try:
        sql = connect(folder / schema.ROLLUPS_FILE)
    except FileNotFoundError:
        return []
    with contextlib.closing(sql):
        return [day for (day,) in sql.execute("SELECT DISTINCT day FROM folded WHERE rows > 0 ORDER BY day")]


def _add(sql: sqlite3.Connection, day: str, asked: Asked) -> int:
    ((name,),) = sql.execute("SELECT value FROM day.meta WHERE name = ?", (schema.FILE,)).fetchall()
    if sql.execute("SELECT 1 FROM folded WHERE file = ?", (name,)).fetchone():
        return 0
    rows, seq = sql.execute(_ROWS_LEFT).fetchone()
    sql.execute("INSERT INTO folded VALUES (?,?,?,?)", (name, day, rows, seq))
    for statement in schema.FOLD_BOOKS + schema.FOLD:
        sql.execute(statement)
    (newest,) = sql.execute("SELECT unixepoch(max(day)) FROM folded").fetchone()
    for statement in _TOO_FINE:
        sql.execute(statement, (newest - FINE_KEPT_S,))
    if rows:
        sql.execute(schema.ADD_TOTAL, (schema.REMOVED, '["rows"]', "", rows))
    over = [balance for balance in sql.execute(_LATE_BALANCES) if asked.is_over(balance)]
    sql.execute(_FORGET, (_json(list(asked.holders)), _json(over)))
    sql.execute("DELETE FROM watermarks")
    sql.executemany("INSERT INTO watermarks VALUES (?,?)", asked.watermarks.items())
    return int(rows)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
