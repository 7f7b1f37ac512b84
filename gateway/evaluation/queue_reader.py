"""What stands in the evaluator's file? For commands, the admin port and metrics: read-only, while it is written."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from gateway.evaluation import queue_schema as schema
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import QueueRefused, refuse_other_schema
from gateway.evaluation.runs import Run, run_of
from gateway.evaluation.task import StratumCount, StratumKey

_decode_loaded = msgspec.json.Decoder(Loaded).decode


class StrataQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which strata: by what they are of, and by when their exchanges began. What is older stands under the first minute
    of its hour or day."""

    evaluator: str | None = None
    team: str | None = None
    model: str | None = None
    route: str | None = None
    outcome: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Definition(NamedTuple):
    """What a series of scores was made by. `first_ms`: when it was first seen."""

    fingerprint: str
    loaded: Loaded
    judge: str | None
    first_ms: int


class Trace(NamedTuple):
    """What of an exchange stands in the queue. `state`: waiting | retrying | window | open; `reason`: of the retry."""

    state: str
    attempts: int = 0
    not_before_ms: int = 0
    reason: str | None = None


class QueueReader:
    """Reads `data/evaluation/queue.db`; where there is none yet, everything is empty. Raises QueueRefused."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / schema.FILE

    def funnel(self) -> dict[tuple[str, str, str], int]:
        """Return how many came how far since the file was made, by (evaluator, step, reason): see FUNNEL."""
        return {(name, step, reason): count for name, step, reason, count in self._rows(schema.SELECT_FUNNEL)}

    def last_ok(self) -> dict[str, int]:
        """Return when an evaluation with scores was written last, in ms, by evaluator; who never did is left out."""
        return dict(self._rows(schema.SELECT_LAST_OK))

    def strata(self, query: StrataQuery) -> dict[StratumKey, StratumCount]:
        """Return how many there were, were sampled, and got lost of those."""
        clauses, values = ["1"], []
        for name in ("evaluator", "team", "model", "route", "outcome"):
            if (wanted := getattr(query, name)) is not None:
                clauses.append(f"{name} = ?")
                values.append(wanted)
        for sign, instant_ms in ((">=", query.since_ms), ("<", query.until_ms)):
            if instant_ms is not None:
                clauses.append(f"minute {sign} ?")
                values.append(instant_ms // 60_000 if sign == ">=" else -(-instant_ms // 60_000))
        rows = self._rows(
            "SELECT evaluator, team, minute, model, route, outcome, sum(seen), sum(sampled), sum(dropped) "  # noqa: S608 clauses are ours, values are bound
            f"FROM strata WHERE {' AND '.join(clauses)} GROUP BY 1, 2, 3, 4, 5, 6",
            *values,
        )
        return {row[:6]: StratumCount(*row[6:]) for row in rows}

    def definitions(self) -> list[Definition]:
        """Return what all series of scores were made by, the newest last."""
        found = [
            Definition(fingerprint, _decode_loaded(loaded), judge, first_ms)
            for fingerprint, _, loaded, judge, first_ms in self._rows(schema.SELECT_DEFINITIONS)
        ]
        return sorted(found, key=lambda each: each.first_ms)

    def waiting(self) -> dict[str, int]:
        """Count what waits or runs, by evaluator."""
        return dict(self._rows(schema.COUNT_TASKS))

    def quarantines(self) -> dict[str, bytes]:
        """Return the state (JSON) of every evaluator's quarantine."""
        return dict(self._rows(schema.SELECT_QUARANTINES))

    def costs(self) -> dict[str, int]:
        """Return what an evaluation cost in the mean, in nano-USD, of those whose judge costs anything."""
        return {name: mean for name, mean, _ in self._rows(schema.SELECT_COSTS)}

    def runs(self) -> list[Run]:
        """Return all backfills, the newest last."""
        return [run_of(row) for row in self._rows(schema.SELECT_RUNS)]

    def cursors(self) -> dict[str, int]:
        """Return, by day, how far the log was looked at."""
        return dict(self._rows(schema.SELECT_CURSORS))

    def began_ms(self) -> int | None:
        """Return when evaluation began; what stands in the log from before that is for backfills."""
        rows = self._rows(schema.SELECT_META, "began")
        return int(rows[0][0]) if rows else None

    def trace(self, evaluator: str, exchange: str, conversation: tuple[str, str] | None = None) -> Trace | None:
        """Return what of an exchange waits for an evaluator; `conversation`: team and session."""
        for _, attempts, not_before_ms, reason in self._rows(schema.TASKS_OF, evaluator, exchange):
            return Trace("retrying" if attempts else "waiting", attempts, not_before_ms, reason)
        for _ in self._rows(schema.HELD_OF, evaluator, exchange):
            return Trace("window")
        if conversation is not None and self._rows(schema.CONVERSATION_OF, evaluator, *conversation):
            return Trace("open")
        return None

    def _rows(self, statement: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        try:
            with self._opened() as sql:
                return [] if sql is None else sql.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise QueueRefused(f"{self._path} cannot be read: {error}") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        if not self._path.exists():
            yield None
            return
        sql = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, isolation_level=None)
        try:
            refuse_other_schema(sql)
            yield sql
        finally:
            sql.close()
