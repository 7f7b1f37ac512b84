"""The evaluator's own file: how far the log was read, what waits, what was counted. One process writes it."""

import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import msgspec

from gateway.evaluation import queue_schema as schema
from gateway.evaluation.line import Line
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.runs import Run, run_of
from gateway.evaluation.task import (
    ONLINE,
    Admitted,
    Done,
    Held,
    OpenConversation,
    Purse,
    RunStep,
    Sampled,
    StratumCount,
    StratumKey,
    Task,
    stratum_of,
)
from gateway.evaluation.windows import DAY_MS, MINUTE_MS, Bucket, Candidate

LOCK_WAIT_S = 5.0
# Minutes of strata become hours, hours days, so long after them.
MINUTES_KEPT_MS = 2 * DAY_MS
HOURS_KEPT_MS = 60 * DAY_MS
# The mean cost of an evaluation is one over about so many.
COSTS_COUNTED = 200
_BEGAN = "began"

encode = msgspec.json.Encoder().encode
decode_sampled = msgspec.json.Decoder(Sampled).decode


class QueueRefused(Exception):
    """The file was written by another release, or cannot be read; the message says which."""


class Queue:
    """`data/evaluation/queue.db`. Every method commits before it returns; any thread may call one, one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        self._sql = sqlite3.connect(
            folder / schema.FILE, isolation_level=None, timeout=LOCK_WAIT_S, check_same_thread=False
        )
        try:
            self._sql.execute("PRAGMA journal_mode=WAL")
            # A power cut may take the last commits, each of them whole: what they did is done again, with the same ids.
            self._sql.execute("PRAGMA synchronous=NORMAL")
            self._sql.executescript(schema.TABLES)
            refuse_other_schema(self._sql)
        except BaseException:
            self._sql.close()
            raise
        (self._number,) = self._sql.execute(schema.LAST_NUMBER).fetchone()
        self._lines: dict[str, Line] = {}
        for evaluator, count in self._sql.execute(schema.COUNT_TASKS).fetchall():
            self._lines[evaluator] = Line(evaluator, self._read_fresh, count)
        for evaluator, not_before_ms, *row in self._sql.execute(schema.SELECT_TRIED):
            self._lines[evaluator].postpone(_task_of(row), not_before_ms)
        self._costs = {name: (mean, counted) for name, mean, counted in self._sql.execute(schema.SELECT_COSTS)}

    # --- the log ------------------------------------------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether it is known where in the log evaluation began."""
        return self._sql.execute(schema.SELECT_META, (_BEGAN,)).fetchone() is not None

    def begin(self, cursors: Mapping[str, int], heard: Mapping[str, int], now_ms: int) -> None:
        """Begin behind these cursors, once: what stands in the log before them is for backfills."""
        with self._transaction():
            self._sql.execute(schema.INSERT_META, (_BEGAN, str(now_ms)))
            self._sql.executemany(schema.MOVE_CURSOR, cursors.items())
            self._sql.executemany(schema.MOVE_HEARD, heard.items())

    def cursors(self) -> dict[str, int]:
        """Return, by day, the last `seq` that was looked at. A new queue has none: see `begin`."""
        return dict(self._sql.execute(schema.SELECT_CURSORS).fetchall())

    def heard(self) -> dict[str, int]:
        """Return, by day, how far it is known what people said."""
        return dict(self._sql.execute(schema.SELECT_HEARD).fetchall())

    def admit(self, admitted: Admitted, *, backlog: int) -> None:
        """Take new tasks; what is beyond `backlog` for its evaluator is dropped and counted, per stratum, too."""
        tasks, dropped = self._number_tasks(admitted.sampled, backlog)
        funnel = Counter(admitted.funnel)
        for name, of_evaluator in tasks.items():
            funnel[name, "queued", ""] += len(of_evaluator)
        for sampled in dropped:
            funnel[sampled.evaluator, "dropped", "backlog"] += 1
        with self._transaction():
            self._sql.executemany(schema.MOVE_CURSOR, admitted.cursors.items())
            self._sql.executemany(schema.MOVE_HEARD, admitted.heard.items())
            self._sql.executemany(
                schema.INSERT_TASK,
                [
                    (name, task.number, encode(task.sampled), task.queued_ms)
                    for name, some in tasks.items()
                    for task in some
                ],
            )
            self._add_funnel(funnel)
            self._add_strata(admitted.strata, dropped)
            self._hold(admitted)
            self._sql.executemany(schema.KEEP_CONVERSATION, admitted.conversations)
            self._sql.executemany(schema.END_CONVERSATION, admitted.ended)
            if admitted.step is not None:
                self._move_run(admitted.step, sum(map(len, tasks.values())))
        for name, of_evaluator in tasks.items():
            self._line(name).add(of_evaluator)

    def conversations(self, idle_since_ms: int, limit: int) -> list[OpenConversation]:
        """Return sessions in which nothing has happened since then."""
        return [OpenConversation(*row) for row in self._sql.execute(schema.IDLE_CONVERSATIONS, (idle_since_ms, limit))]

    # --- windows ------------------------------------------------------------------------------------------------------

    def opened(self) -> dict[str, int]:
        """Return since when somebody waits for the end of a minute, by evaluator."""
        return dict(self._sql.execute(schema.OPENED).fetchall())

    def held(self, evaluator: str) -> list[Held]:
        """Return who waits."""
        found = []
        for number, group, drawn, rate, always, cap, always_cap, since_ms, sampled in self._sql.execute(
            schema.SELECT_HELD, (evaluator,)
        ):
            candidate = Candidate(number, group, drawn, rate, bool(always), cap, always_cap)
            found.append(Held(candidate, decode_sampled(sampled), since_ms))
        return found

    def purse(self, evaluator: str) -> Purse | None:
        """Return what an evaluator's judge had left when a window was closed last."""
        row = self._sql.execute(schema.SELECT_PURSE, (evaluator,)).fetchone()
        return None if row is None else Purse(Bucket(row[0], row[1]), row[2])

    def cost(self, evaluator: str) -> int | None:
        """Return what an evaluation cost so far, in the mean; None: none was done yet."""
        known = self._costs.get(evaluator)
        return known[0] if known else None

    # --- tasks --------------------------------------------------------------------------------------------------------

    def due(self, limit: int, now_ms: int, paused: Collection[str]) -> list[Task]:
        """Return tasks that may be begun, oldest first, none of `paused` evaluators, none twice until `finish` or
        `retry` or a restart."""
        heads = [
            (number, name)
            for name, line in self._lines.items()
            if name not in paused and (number := line.next_number(now_ms)) is not None
        ]
        heapify(heads)
        found: list[Task] = []
        while heads and len(found) < limit:
            _, name = heappop(heads)
            line = self._lines[name]
            found.append(line.take(now_ms))
            if (number := line.next_number(now_ms)) is not None:
                heappush(heads, (number, name))
        return found

    def finish(self, done: Sequence[Done]) -> None:
        """Take them out of the queue; their evaluations stand in the journal already."""
        funnel: Counter[tuple[str, str, str]] = Counter()
        for task, result, reason, _, _ in done:
            funnel[task.sampled.evaluator, "run", ""] += 1
            funnel[task.sampled.evaluator, result, reason or ""] += 1
        costs = self._new_costs(done)
        with self._transaction():
            self._sql.executemany(
                schema.DELETE_TASK, [(task.sampled.evaluator, task.number) for task, _, _, _, _ in done]
            )
            self._add_funnel(funnel)
            self._sql.executemany(schema.REPLACE_COST, [(name, *cost) for name, cost in costs.items()])
        for task, *_ in done:
            self._line(task.sampled.evaluator).count -= 1
        self._costs |= costs

    def retry(self, task: Task, not_before_ms: int, reason: str) -> None:
        """Let a task wait and be begun again."""
        name = task.sampled.evaluator
        again = task._replace(attempts=task.attempts + 1)
        with self._transaction():
            self._sql.execute(schema.POSTPONE_TASK, (again.attempts, not_before_ms, reason, name, task.number))
            self._add_funnel({(name, "run", ""): 1, (name, "retried", reason): 1})
        self._line(name).postpone(again, not_before_ms)

    def waiting(self) -> dict[str, int]:
        """Count what waits or runs, by evaluator."""
        return {name: line.count for name, line in self._lines.items()}

    # --- what is remembered -------------------------------------------------------------------------------------------

    def define(self, fingerprint: str, loaded: Loaded, judge: str | None, now_ms: int) -> None:
        """Note what a series of scores was made by; what is known already stays as it is."""
        values = (fingerprint, loaded.evaluator, encode(loaded), judge, now_ms)
        with self._transaction():
            self._sql.execute(schema.INSERT_DEFINITION, values)

    def quarantines(self) -> dict[str, bytes]:
        """Return the state (JSON) of every evaluator's quarantine."""
        return dict(self._sql.execute(schema.SELECT_QUARANTINES).fetchall())

    def runs(self) -> list[Run]:
        """Return all backfills, the oldest first."""
        return [run_of(row) for row in self._sql.execute(schema.SELECT_RUNS)]

    def refuse_run(self, run: str) -> None:
        """End a backfill that cannot be worked off."""
        with self._transaction():
            self._sql.execute(schema.END_RUN, ("refused", run))

    def set_quarantine(self, evaluator: str, state: bytes | None) -> None:
        """Note the state of a quarantine; None: there is nothing to remember."""
        with self._transaction():
            if state is None:
                self._sql.execute(schema.DELETE_QUARANTINE, (evaluator,))
            else:
                self._sql.execute(schema.REPLACE_QUARANTINE, (evaluator, state))

    def compact(self, now_ms: int, strata_days: int | None = None) -> None:
        """Add strata of minutes up to hours and days once they are old. `strata_days`: then they go."""
        with self._transaction():
            for before, after, kept_ms in ((1, 60, MINUTES_KEPT_MS), (60, 1440, HOURS_KEPT_MS)):
                older = (now_ms - kept_ms) // DAY_MS * 1440
                values = {"before": before, "after": after, "older": older}
                self._sql.execute(schema.COARSEN, values)
                self._sql.execute(schema.DELETE_FINE, values)
            if strata_days is not None:
                self._sql.execute(schema.DELETE_STRATA, (now_ms // MINUTE_MS - strata_days * 1440,))

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()

    def _number_tasks(self, sampled: Iterable[Sampled], backlog: int) -> tuple[dict[str, list[Task]], list[Sampled]]:
        """Give numbers to what there is room for; the rest is dropped."""
        tasks: defaultdict[str, list[Task]] = defaultdict(list)
        room: dict[str, int] = {}
        dropped: list[Sampled] = []
        now_ms = self._now_ms()
        for each in sampled:
            name = each.evaluator
            left = room.get(name)
            if left is None:
                left = backlog - self._lines[name].count if name in self._lines else backlog
            room[name] = left - 1
            if left <= 0:
                dropped.append(each)
                continue
            self._number += 1
            tasks[name].append(Task(self._number, each, 0, now_ms))
        return tasks, dropped

    def _hold(self, admitted: Admitted) -> None:
        """Note who waits, who no longer does, and the money that is left."""
        self._sql.executemany(schema.DELETE_HELD, [(name,) for name in admitted.closed])
        purses = [(name, *purse.bucket, purse.cost_nano_usd) for name, purse in admitted.purses.items()]
        self._sql.executemany(schema.REPLACE_PURSE, purses)
        rows = []
        for (_, *candidate), sampled, since_ms in admitted.held:
            self._number += 1
            group, *rest = candidate
            rows.append((self._number, sampled.evaluator, group, *rest, since_ms, encode(sampled)))
        self._sql.executemany(schema.INSERT_HELD, rows)

    def _add_funnel(self, funnel: Mapping[tuple[str, str, str], int]) -> None:
        now_ms = self._now_ms()
        self._sql.executemany(schema.ADD_FUNNEL, [(*key, count, now_ms) for key, count in funnel.items() if count])

    def _add_strata(self, strata: Mapping[StratumKey, StratumCount], dropped: Iterable[Sampled]) -> None:
        lost = Counter(stratum_of(each) for each in dropped if each.run == ONLINE and each.probability is not None)
        rows = [(*key, count.seen, count.sampled, count.dropped) for key, count in strata.items()]
        rows += [(*key, 0, 0, count) for key, count in lost.items()]
        self._sql.executemany(schema.ADD_STRATUM, rows)

    def _move_run(self, step: RunStep, sampled: int) -> None:
        self._sql.execute(schema.MOVE_RUN, (step.day, step.seq, sampled, step.is_done, step.run))

    def _new_costs(self, done: Iterable[Done]) -> dict[str, tuple[int, int]]:
        """Return the mean costs of those evaluators whose judges cost anything, with these evaluations."""
        told: defaultdict[str, list[int]] = defaultdict(list)
        for task, *_, cost in done:
            name = task.sampled.evaluator
            if cost or name in self._costs:
                told[name].append(cost)
        new = {}
        for name, costs in told.items():
            mean, counted = self._costs.get(name, (0, 0))
            counted = min(counted, COSTS_COUNTED)
            new[name] = (mean * counted + sum(costs)) // (counted + len(costs)), counted + len(costs)
        return new

    def _line(self, evaluator: str) -> Line:
        line = self._lines.get(evaluator)
        if line is None:
            line = self._lines[evaluator] = Line(evaluator, self._read_fresh)
        return line

    def _read_fresh(self, evaluator: str, after: int, limit: int) -> list[Task]:
        return list(map(_task_of, self._sql.execute(schema.SELECT_FRESH, (evaluator, after, limit))))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._sql.execute("ROLLBACK")
            raise


def _task_of(row: Sequence[Any]) -> Task:
    number, sampled, attempts, queued_ms = row
    return Task(number, decode_sampled(sampled), attempts, queued_ms)


def refuse_other_schema(sql: sqlite3.Connection) -> None:
    """Raise QueueRefused unless the file has this release's tables."""
    (version,) = sql.execute(schema.SELECT_META, ("schema_version",)).fetchone()
    if int(version) != schema.VERSION:
        raise QueueRefused(
            f"evaluation/{schema.FILE} was written by another release (its tables are version {version}, this one "
            f"uses {schema.VERSION}): run that release, or move the file away to begin at the end of the log"
        )
