"""What did people find bad? Their words are read out of the day files, some seconds after they were said."""

import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from gateway.evaluation.follow import Ends
from gateway.store.opening import connect

PORTION = 500
# So old is a word when it is read: what it is about is stored by then.
DELAY_MS = 5_000
# Labels that say: bad. Compared without regard to case, and "-" and " " as "_".
NEGATIVE = frozenset(
    [
        *("bad", "negative", "thumbs_down", "thumbsdown", "down", "dislike", "wrong", "incorrect", "no", "false"),
        *("unhelpful", "not_helpful", "harmful", "fail", "failed", "poor", "terrible", "👎"),
    ]
)

# What stands, of users, in the order in which it was stored; `said` = 1: it is about their own team's exchange.
_WORDS = """SELECT evaluations.seq, strata.team, evaluations.exchange, evaluations.target,
        scores.type, scores.value, scores.label, scores.passing
    FROM evaluations JOIN strata USING (stratum)
    JOIN scores ON scores.exchange = evaluations.exchange AND scores.evaluation = evaluations.evaluation
    WHERE said != 0 AND said = 1 AND evaluations.seq > ? AND created_us < ? AND strata.source = 'user'
    ORDER BY evaluations.seq LIMIT ?"""
_NEWEST = "SELECT coalesce(max(seq), 0) FROM evaluations WHERE said != 0"


class Word(NamedTuple):
    """Somebody found an exchange bad, or all of a session (then `exchange` is none that there is)."""

    day: str
    team: str
    exchange: str
    session: str | None


class Heard(NamedTuple):
    """Bad words, and how far that is, by day."""

    words: list[Word]
    cursors: dict[str, int]


class Words:
    """Reads what users said, read-only. A file without a cursor is read from its beginning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = Ends()

    def end(self) -> dict[str, int]:
        """Return the cursors behind all that was said."""
        found: dict[str, int] = {}
        for path in self._days():
            with suppress(FileNotFoundError), closing(connect(path)) as sql:
                ((found[path.stem],),) = sql.execute(_NEWEST).fetchall()
        return found

    def read(self, cursors: Mapping[str, int], now_ms: int) -> Heard:
        """Return the next bad words of each day."""
        heard = Heard([], {})
        for path in self._days():
            day, looked_s = path.stem, time.time()
            if self._ends.is_read(path, cursors.get(day, 0)):
                continue
            rows = self._rows(path, cursors.get(day, 0), (now_ms - DELAY_MS) * 1000)
            for seq, team, exchange, target, *score in rows:
                heard.cursors[day] = seq
                if is_negative(*score):
                    heard.words.append(Word(day, team, str(UUID(bytes=exchange)), target))
            if len(rows) < PORTION:
                # Younger words are not read yet, so that it counts as looked at before they were said.
                self._ends.note(day, looked_s - DELAY_MS / 1000, rows[-1][0] if rows else cursors.get(day, 0))
        return heard

    def _rows(self, path: Path, after: int, before_us: int) -> list[tuple[Any, ...]]:
        with suppress(FileNotFoundError), closing(connect(path)) as sql:
            return sql.execute(_WORDS, (after, before_us, PORTION)).fetchall()
        return []

    def _days(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??.db"))


def is_negative(kind: str, value: float | None, label: str | None, passing: int | None) -> bool:
    """Whether a score says: bad. False, nothing or less, or a label that says so."""
    if passing is not None:
        return not passing
    if kind in ("boolean", "numeric"):
        return value is not None and value <= 0
    return (label or "").lower().replace("-", "_").replace(" ", "_") in NEGATIVE
