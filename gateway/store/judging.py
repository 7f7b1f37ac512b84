"""How do evaluations get into a day file? Once each; of what somebody says again, only the last word."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.journal.evaluated import Evaluated
from gateway.store import score_schema as schema
from gateway.store.interface import TotalKey
from gateway.store.score_schema import EARLY, FOREIGN, MADE, SAID

# What is remembered of strata; then it begins again.
REMEMBERED = 20_000
# About what an evaluation with a score takes in the file.
ROW_BYTES = 300

_TEAM_OF = "SELECT team FROM exchanges JOIN kinds USING (kind) WHERE exchanges.id = ?"
_EARLIER = f"{schema.SELECT_EVALUATIONS} WHERE evaluations.evaluation = ? AND said != {MADE}"
_ANY_EARLY = f"SELECT 1 FROM evaluations WHERE said = {EARLY} LIMIT 1"  # noqa: S608 a number
_EARLY_OF = f"{schema.SELECT_EVALUATIONS} WHERE evaluations.exchange = ? AND said = {EARLY}"
_SETTLE = "UPDATE evaluations SET said = ?, more = CASE WHEN ? THEN more END WHERE exchange = ? AND evaluation = ?"

# How evaluations move the totals.
CountScores = Callable[[Iterable[Evaluation]], Mapping[TotalKey, int]]


class Strata:
    """The numbers of one day file's strata, for its only writer; after a transaction that failed it is of no use."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        self._sql = sql
        self._known: dict[tuple[str, ...], int] = {}
        self.has_early = False  # some word waits for its exchange
        self.look_for_early()

    def look_for_early(self) -> None:
        """See whether a word waits for its exchange."""
        self.has_early = self._sql.execute(_ANY_EARLY).fetchone() is not None

    def of(self, one: Evaluation) -> int:
        """Number what an evaluation has in common with others."""
        names = schema.stratum_of(one)
        number = self._known.get(names)
        if number is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._sql.execute(schema.INSERT_STRATUM, names)
            ((number,),) = self._sql.execute(schema.FIND_STRATUM, names)
            self._known[names] = number
        return number


class Judging:
    """What one transaction does to the evaluations of a day file. `seq`: the number that the next one gets.

    `added`, `taken`: those that count from now on, and those that no longer do. `results`: what became of words.
    """

    def __init__(self, sql: sqlite3.Connection, strata: Strata, seq: int) -> None:
        self.added: list[Evaluation] = []
        self.taken: list[Evaluation] = []
        self.results: Counter[str] = Counter()
        self.seq = seq
        self._sql = sql
        self._strata = strata
        self._is_first = True

    def settle(self, fresh: Iterable[tuple[bytes, Record]]) -> None:
        """Exchanges have come: what was said of them before is their team's, or it is not."""
        if not self._strata.has_early:
            return
        for key, record in fresh:
            rows = self._sql.execute(_EARLY_OF, (key,)).fetchall()
            for row in rows:
                one = self._whole(row)
                said = SAID if one.team == record.team else FOREIGN
                place = row[:2]
                self._sql.execute(_SETTLE, (said, said == SAID, *place))
                self._note(one, said)
                if said == FOREIGN:
                    self._sql.execute(schema.DELETE_SCORES, place)
            if rows:
                self._strata.look_for_early()

    def add(self, evaluated: Evaluated) -> None:
        """Keep an evaluation, unless it is here already."""
        said = SAID if evaluated.evaluation.replaces else MADE
        replaced = False
        if said:
            for row in self._sql.execute(_EARLIER, (evaluated.key,)).fetchall():
                if row[3] >= evaluated.created_us:
                    return  # it is this one, or a later word
                replaced = self._take_back(row) or replaced
            said = self._standing(evaluated)
        if self._insert(evaluated, said):
            self._note(evaluated.evaluation, said, replaced=replaced)

    def _standing(self, evaluated: Evaluated) -> int:
        """Tell whether somebody may say that. Users speak of their team's exchanges only."""
        one = evaluated.evaluation
        if one.source != "user" or one.target_type != "exchange":
            return SAID
        found = self._sql.execute(_TEAM_OF, (evaluated.exchange,)).fetchone()
        if found is None:
            self._strata.has_early = True
            return EARLY
        return SAID if found[0] == one.team else FOREIGN

    def _insert(self, evaluated: Evaluated, said: int) -> bool:
        row = schema.evaluation_row(evaluated, self.seq, self._strata.of(evaluated.evaluation), said)
        if not self._sql.execute(schema.INSERT_EVALUATION, row).rowcount:
            return False
        self.seq += 1
        if self._is_first:
            self._is_first = False
            self._sql.execute(schema.UNSWEPT)
        if said != FOREIGN:
            self._sql.executemany(schema.INSERT_SCORE, schema.score_rows(evaluated))
        return True

    def _take_back(self, row: tuple[Any, ...]) -> bool:
        """Remove an earlier word; whether it counted."""
        place, said = row[:2], row[4]
        if said == SAID:
            self.taken.append(self._whole(row))
        self._sql.execute(schema.DELETE_EVALUATION, place)
        self._sql.execute(schema.DELETE_SCORES, place)
        return bool(said == SAID)

    def _note(self, one: Evaluation, said: int, *, replaced: bool = False) -> None:
        if said in (MADE, SAID):
            self.added.append(one)
        if one.source == "user":
            self.results[_RESULTS[said] if not replaced else "replaced"] += 1

    def _whole(self, row: tuple[Any, ...]) -> Evaluation:
        return schema.evaluation_of(row, self._sql.execute(schema.SELECT_SCORES, row[:2]))


_RESULTS = {SAID: "accepted", EARLY: "early", FOREIGN: "foreign"}


def lost(evaluations: Iterable[Evaluated]) -> Counter[TotalKey]:
    """Count evaluations of days that are gone."""
    moved: Counter[TotalKey] = Counter()
    for _, _, _, one in evaluations:
        if one.evaluator:
            moved[schema.RUNS, (one.evaluator, schema.GONE), ""] += 1
        elif one.source == "user":
            moved[schema.FEEDBACK, (schema.GONE,), ""] += 1
    return moved
