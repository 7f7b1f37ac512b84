"""Verdicts that were paid for already: the same question of the same team is not asked twice."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.evaluation.protocol import Answered

KEEP_S: Final = 30 * 86_400
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS verdicts (
    key BLOB PRIMARY KEY, at_s INTEGER NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID"""
_PRUNE_EVERY: Final = 1_000

log = logging.getLogger("tollway.evaluator")


class JudgeCache:
    """A file of verdicts. `now_s`: Unix time. What is damaged is begun anew: it only saves money."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._puts = 0
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
                "SELECT answer FROM verdicts WHERE key = ? AND at_s > ?", (key, int(self._now_s()) - KEEP_S)
            ).fetchone()
            return None if found is None else msgspec.msgpack.decode(found[0], type=Answered)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            log.warning("a judge's verdict cannot be read from the cache; it is asked", extra={"error": error})
            return None

    def put(self, key: bytes, answer: Answered) -> None:
        """Keep what was said, if that can be: it was paid for, and counts in any case."""
        now_s = int(self._now_s())
        row = key, now_s, msgspec.msgpack.encode(answer)
        try:
            self._sql.execute("INSERT OR REPLACE INTO verdicts VALUES (?,?,?)", row)
            if self._puts % _PRUNE_EVERY == 0:
                self._sql.execute("DELETE FROM verdicts WHERE at_s <= ?", (now_s - KEEP_S,))
        except sqlite3.Error as error:
            log.warning("a judge's verdict cannot be kept: look at the disk", extra={"error": error})
        self._puts += 1

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()


def _open(path: Path) -> sqlite3.Connection:
    sql = sqlite3.connect(path, isolation_level=None)
    try:
        sql.execute("PRAGMA journal_mode=WAL")
        sql.execute("PRAGMA synchronous=NORMAL")
        sql.execute(_SCHEMA)
    except BaseException:
        sql.close()
        raise
    return sql
