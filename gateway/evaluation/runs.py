"""How is evaluation ordered: of the past, or of a pair? A command writes a row, which the evaluator works off."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from gateway.core.ids import started_ms
from gateway.evaluation import queue_schema as schema
from gateway.policies.evaluating import Rule

STATES = ("open", "done", "cancelled", "refused")
_LOCK_WAIT_S = 5.0
_decode_rule = msgspec.json.Decoder(Rule).decode


class NoEvaluator(Exception):
    """There is no queue: no evaluator has run here yet."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill: what `rule` takes of the exchanges that began from `since_ms` until before `until_ms`; or a `pair`,
    "ID|ID", for the rule's evaluator.

    `day`, `seq`: the last one that was looked at. `state`: one of STATES; refused: its evaluator looks at something
    else (conversations of the past are not built), or an exchange is gone. `sampled`: how many it took so far.
    """

    id: str
    rule: Rule
    since_ms: int
    until_ms: int
    day: str = ""
    seq: int = 0
    state: str = "open"
    created_ms: int = 0
    sampled: int = 0
    pair: str = ""


def run_of(row: Sequence[Any]) -> Run:
    """Read a row of `runs`."""
    values = dict(zip(Run.__struct_fields__, row, strict=True))
    return Run(**{**values, "rule": _decode_rule(values["rule"])})


def order(folder: Path, rule: Rule, since_ms: int, until_ms: int, now_ms: int) -> str:
    """Order a backfill; return its id, which is the `run` of its evaluations. Raise NoEvaluator.

    The evaluator writes this file all the time, in short transactions: this is one more.
    """
    return _order(folder, rule, (since_ms, until_ms), now_ms, "")


def order_pair(folder: Path, rule: Rule, first: str, second: str, now_ms: int) -> str:
    """Order a look at two exchanges; return the run's id. Raise NoEvaluator."""
    began_ms = started_ms(first)
    return _order(folder, rule, (began_ms, began_ms), now_ms, f"{first}|{second}")


def _order(folder: Path, rule: Rule, range_ms: tuple[int, int], now_ms: int, pair: str) -> str:
    run = str(uuid4())
    _write(folder, schema.INSERT_RUN, (run, msgspec.json.encode(rule), *range_ms, now_ms, pair))
    return run


def cancel(folder: Path, run: str) -> bool:
    """End a backfill where it is; what it took already is evaluated. False: there is no such open one."""
    return _write(folder, schema.END_RUN, ("cancelled", run)) > 0


def _write(folder: Path, statement: str, values: Sequence[object]) -> int:
    path = folder / schema.FILE
    if not path.exists():
        raise NoEvaluator(
            f"there is no {path}: what is ordered is done by the evaluator, which runs where a team uses an "
            "evaluator. Start `tollway serve` with one"
        )
    sql = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_WAIT_S)
    try:
        return sql.execute(statement, values).rowcount
    finally:
        sql.close()
