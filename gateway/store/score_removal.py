"""Taking what is due out of a day's evaluations: step by step, each a short transaction.

With an exchange's rows its team's evaluations go, with its bodies what was written about them: comments, evidence,
texts, tracebacks. Numbers and verdicts stay as long as the rows.
"""

import msgspec

from gateway.policies.retention import Due
from gateway.store import schema
from gateway.store.dayfile import DayFile
from gateway.store.removal import AT_ONCE, Pace, Stay
from gateway.store.score_schema import DELETE_EVALUATION, DELETE_SCORES, SWEPT

Place = tuple[bytes, bytes]  # exchange, evaluation

BEGINNING: Place = (b"", b"")
_NEXT = """SELECT exchange, evaluation, seq, created_us, team FROM evaluations CROSS JOIN strata USING (stratum)
    WHERE (exchange, evaluation) > (?, ?) ORDER BY exchange, evaluation LIMIT ?"""
_LATEST = """SELECT max(seq), max(created_us), count(*) FROM (
    SELECT seq, created_us FROM evaluations WHERE (exchange, evaluation) > (?, ?)
    ORDER BY exchange, evaluation LIMIT ?)"""
_LAST = """SELECT exchange, evaluation FROM evaluations WHERE (exchange, evaluation) > (?, ?)
    ORDER BY exchange, evaluation LIMIT 1 OFFSET ?"""
_STRIP = (
    "UPDATE scores SET more = NULL WHERE exchange = ? AND evaluation = ? AND more IS NOT NULL",
    "UPDATE evaluations SET more = json_remove(more, '$.detail') WHERE exchange = ? AND evaluation = ?",
)


class ScoreSweep:
    """Removes what is due of one day."""

    def __init__(self, due: Due, stay: Stay) -> None:
        self._due = due
        self._stay = stay
        self._after: Place | None = None
        self._stays = False  # something is due, and may not go yet

    def step(self, file: DayFile, rows: Pace) -> bool:
        """Look at the next rows, in one transaction; False: that was all."""
        if self._after is None:
            self._after = BEGINNING
            if self._is_swept(file):
                return False
        rows.begin()
        found = file.sql.execute(_NEXT, (*self._after, rows.amount)).fetchall()
        with file.transaction():
            for exchange, evaluation, seq, created_us, team in found:
                self._remove(file, (exchange, evaluation), team, stays=self._may_come_again(seq, created_us))
            if not found and not self._stays:
                file.sql.execute(schema.REPLACE_META, (SWEPT, self._mark))
        rows.end()
        if found:
            self._after = found[-1][:2]
        return bool(found)

    @property
    def _mark(self) -> str:
        return msgspec.json.encode(self._due).decode()

    def _is_swept(self, file: DayFile) -> bool:
        if file.sql.execute(schema.SELECT_META, (SWEPT,)).fetchall() == [(self._mark,)]:
            return True
        return file.sql.execute("SELECT 1 FROM evaluations LIMIT 1").fetchone() is None

    def _may_come_again(self, seq: int, created_us: int) -> bool:
        return seq >= self._stay.below or created_us >= self._stay.before_us

    def _remove(self, file: DayFile, place: Place, team: str, *, stays: bool) -> None:
        if self._due.rows.means(team) and not stays:
            file.sql.execute(DELETE_EVALUATION, place)
            file.sql.execute(DELETE_SCORES, place)
            return
        self._stays = self._stays or self._due.rows.means(team)
        if self._due.bodies.means(team):
            for statement in _STRIP:
                file.sql.execute(statement, place)


def latest_of(file: DayFile, after: Place) -> tuple[Place | None, int, int]:
    """Look at the next evaluations: where they end (None: there are no more), the highest number, the last instant."""
    seq, created_us, count = file.sql.execute(_LATEST, (*after, AT_ONCE)).fetchone()
    last = file.sql.execute(_LAST, (*after, count - 1)).fetchone() if count else None
    return last, seq or 0, created_us or 0
