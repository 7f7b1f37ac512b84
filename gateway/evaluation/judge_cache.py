"""Verdicts that were paid for already: the same question of the same team is not asked twice."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.evaluation.protocol import Answered

KEEP_S: Final = 30 * 86_400
MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 64 * 1024  # of one: what is longer is asked again
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS verdicts (
    key BLOB PRIMARY KEY, at_s INTEGER NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS verdicts_by_time ON verdicts (at_s)"
_TOO_MANY: Final = """DELETE FROM verdicts WHERE key IN (
    SELECT key FROM verdicts ORDER BY at_s DESC LIMIT -1 OFFSET ?)"""
_PRUNE_EVERY_S: Final = 3_600
_PRUNE_EVERY_PUTS: Final = 1_000

log = logging.getLogger("tollway.evaluator")


class JudgeCache:
    """A file of verdicts. `now_s`: Unix time. What is damaged is begun anew: it only saves money."""

    def __init__(self, path: Path, now_s: Callable[[], float], most_rows: int = MOST_ROWS) -> None:
        self._now_s = now_s
        self._most_rows = most_rows
        self._keep_s = KEEP_S
        self._puts = 0
        self._pruned_s = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._sql = _open(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._sql = _open(path)

    def get(self, key: bytes) -> Answered | None:
        """Return what was said to this question, if it is not too long ago and can be read."""
        try:
            found = self._sql.execute(
                "SELECT answer FROM verdicts WHERE key = ? AND at_s > ?", (key, int(self._now_s()) - self._keep_s)
            ).fetchone()
            return None if found is None else msgspec.msgpack.decode(found[0], type=Answered)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            log.warning("a judge's verdict cannot be read from the cache; it is asked", extra={"error": error})
            return None

    def put(self, key: bytes, answer: Answered) -> None:
        """Keep what was said, if that can be: it was paid for, and counts in any case."""
        row = key, int(self._now_s()), msgspec.msgpack.encode(answer)
        if len(row[2]) > MOST_BYTES:
            return
        try:
            self._sql.execute("INSERT OR REPLACE INTO verdicts VALUES (?,?,?)", row)
        except sqlite3.Error as error:
            log.warning("a judge's verdict cannot be kept: look at the disk", extra={"error": error})
        self._puts += 1
        self.tidy()

    def keep(self, days: int | None) -> None:
        """Keep verdicts for so many days from now on, if that is less than usual: they hold what bodies say."""
        self._keep_s = KEEP_S if days is None else min(KEEP_S, days * 86_400)
        self._prune()

    def tidy(self) -> None:
        """Remove what is over, now and then; to be called all the time."""
        if abs(self._now_s() - self._pruned_s) >= _PRUNE_EVERY_S or self._puts >= _PRUNE_EVERY_PUTS:
            self._prune()

    def _prune(self) -> None:
        self._puts = 0
        self._pruned_s = int(self._now_s())
        try:
            self._sql.execute("DELETE FROM verdicts WHERE at_s <= ?", (self._pruned_s - self._keep_s,))
            self._sql.execute(_TOO_MANY, (self._most_rows,))
        except sqlite3.Error as error:
            log.warning("judges' old verdicts cannot be removed: look at the disk", extra={"error": error})

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()


def _open(path: Path) -> sqlite3.Connection:
    sql = sqlite3.connect(path, isolation_level=None)
    try:
        sql.execute("PRAGMA journal_mode=WAL")
        sql.execute("PRAGMA synchronous=NORMAL")
        sql.execute("PRAGMA secure_delete=FAST")  # what was removed cannot be read in the file any more
        sql.execute(_SCHEMA)
        sql.execute(_INDEX)
    except BaseException:
        sql.close()
        raise
    return sql
