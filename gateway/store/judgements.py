"""What was judged, by whom, and how? Evaluations out of a day file: of exchanges, by filters, said of a session."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gateway.core.score import Evaluation
from gateway.store import schema
from gateway.store import score_schema as tables
from gateway.store.filters import BadFilter, Clause, comparison, key_of
from gateway.store.interface import ScoreQuery

# What is looked at in one go.
PORTION = 2_000

_OF_STRATA = ("evaluator", "source", "result", "team", "model", "route", "run", "fingerprint", "policy")
_OF_ROWS = ("author", "conversation", "prompt_version")
_SCORE = tables.SCORE[:-1]
_ROW = (
    "exchange", "evaluation", "created_us", "said", "target", "conversation", "prompt_version", "probability", "author",
    "reason",
)  # fmt: skip
_OF_EXCHANGE = f"{tables.SELECT_EVALUATIONS} WHERE evaluations.exchange = ? AND {tables.SHOWN} ORDER BY created_us"
_OF_SESSION = f"""{tables.SELECT_EVALUATIONS} WHERE target = ? AND said != {tables.MADE} AND {tables.SHOWN}
    AND team = ? ORDER BY created_us"""
# What users said of a session, or of exchanges; `said` != 0 lets the index of sessions be used.
_OPINIONS = f"""SELECT target IS NOT NULL, created_us, name, type, value, label
    FROM evaluations JOIN strata USING (stratum)
    JOIN scores ON scores.exchange = evaluations.exchange AND scores.evaluation = evaluations.evaluation
    WHERE said != {tables.MADE} AND said = {tables.SAID} AND source = 'user' AND team = ?
    AND (value IS NOT NULL OR label IS NOT NULL) AND """  # noqa: S608 names of ours
_BEFORE = "(evaluations.exchange, evaluations.evaluation) < (?, ?)"
_NEWEST_FIRST = "ORDER BY evaluations.exchange DESC, evaluations.evaluation DESC"
_AFTER_ALL = (b"\xff" * 17, b"")


class Scored(NamedTuple):
    """One score of an evaluation, or the evaluation alone where it has none: what reports add up.

    `exchange`, `evaluation`: the 16 bytes of their ids. `said`: not 0 of what people and agents say. `target`: None
    where it is the exchange. Names as in core/score.py; what is not known is None, but of the words that evaluations
    share (`evaluator` to `result`) "".
    """

    exchange: bytes
    evaluation: bytes
    created_us: int
    said: int
    target: str | None
    conversation: str | None
    prompt_version: str | None
    probability: float | None
    author: str | None
    reason: str | None
    evaluator: str
    source: str
    version: str
    fingerprint: str
    policy: str
    run: str
    team: str
    model: str
    route: str
    outcome: str
    result: str
    name: str | None
    type: str | None
    value: float | None
    label: str | None
    normalised: float | None
    passing: int | None
    confidence: float | None


_SCORED = ", ".join(
    [
        *(f"some.{name}" for name in _ROW),
        *(f"strata.{name}" for name in tables.STRATUM),
        *(f"scores.{name}" for name in _SCORE),
    ]
)


class Opinion(NamedTuple):
    """What a user said under a name. Names as in core/score.py."""

    is_of_session: bool
    created_us: int
    name: str
    type: str
    value: float | None
    label: str | None


class Place(NamedTuple):
    """How far somebody has read, from the newest on. `exchange`, `evaluation`: the last that was seen."""

    exchange: bytes = _AFTER_ALL[0]
    evaluation: bytes = _AFTER_ALL[1]


def place_of(cursor: str | None) -> Place:
    """Read a cursor: EXCHANGE.EVALUATION, by their ids."""
    if cursor is None:
        return Place()
    exchange, _, evaluation = cursor.partition(".")
    try:
        return Place(key_of(exchange), key_of(evaluation))
    except BadFilter:
        raise BadFilter("cursor", "the cursor of a page before") from None


def of_exchange(sql: sqlite3.Connection, key: bytes) -> list[Evaluation]:
    """Return what was judged of an exchange, in the order in which it was."""
    return [_whole(sql, row) for row in sql.execute(_OF_EXCHANGE, (key,)).fetchall()]


def of_session(sql: sqlite3.Connection, team: str, session: str) -> list[Evaluation]:
    """Return what people and agents of a team said of one of its sessions."""
    return [_whole(sql, row) for row in sql.execute(_OF_SESSION, (session, team)).fetchall()]


def opinions_of(sql: sqlite3.Connection, team: str, session: str, keys: Sequence[bytes]) -> list[Opinion]:
    """Return what users of a team said, in this day, of a session and of exchanges."""
    marks = ",".join("?" * len(keys))
    rows = sql.execute(f"{_OPINIONS} target = ?", (team, session)).fetchall()
    rows += sql.execute(f"{_OPINIONS} target IS NULL AND evaluations.exchange IN ({marks})", (team, *keys)).fetchall()
    return [Opinion(bool(of_session), *said) for of_session, *said in rows]


def page(sql: sqlite3.Connection, query: ScoreQuery, before: Place, limit: int) -> Iterator[tuple[Place, Evaluation]]:
    """Give the newest evaluations of a day that match."""
    clause = conditions(query)
    rows = sql.execute(
        f"{tables.SELECT_EVALUATIONS} WHERE {_BEFORE} AND {clause.sql} {_NEWEST_FIRST} LIMIT ?",
        (*before, *clause.values, limit),
    )
    for row in rows.fetchall():
        yield Place(*row[:2]), _whole(sql, row)


def portion(sql: sqlite3.Connection, query: ScoreQuery, before: Place) -> list[Scored]:
    """Return the scores of the next evaluations of a day that match; empty: there are no more.

    `query.name` chooses scores, not evaluations: those that have none of that name come, too, so that they count.
    """
    clause = conditions(query, by_name=False)
    named, values = "", []
    if query.name is not None:
        named, values = f"AND scores.name {comparison(query.name)} ?", [query.name]
    some = f"SELECT * FROM evaluations WHERE {_BEFORE} AND {clause.sql} {_NEWEST_FIRST} LIMIT {PORTION}"  # noqa: S608 clauses are ours, values are bound
    rows = sql.execute(
        f"SELECT {_SCORED} FROM ({some}) AS some CROSS JOIN strata USING (stratum) LEFT JOIN scores "  # noqa: S608 as above
        f"ON scores.exchange = some.exchange AND scores.evaluation = some.evaluation {named} "
        "ORDER BY some.exchange DESC, some.evaluation DESC, scores.name",
        (*before, *clause.values, *values),
    )
    return [Scored(*row) for row in rows]


def conditions(query: ScoreQuery, *, by_name: bool = True) -> Clause:
    """Return what a query asks of rows of `evaluations`."""
    shared = [(name, getattr(query, name)) for name in _OF_STRATA if getattr(query, name) is not None]
    own = [(name, getattr(query, name)) for name in _OF_ROWS if getattr(query, name) is not None]
    clauses = [tables.SHOWN]
    values: list[Any] = []
    if shared:
        of_strata = " AND ".join(f"{name} {comparison(wanted)} ?" for name, wanted in shared)
        clauses.append(f"evaluations.stratum IN (SELECT stratum FROM strata WHERE {of_strata})")  # noqa: S608 as above
        values += [wanted for _, wanted in shared]
    for name, wanted in own:
        clauses.append(f"evaluations.{name} {comparison(wanted)} ?")
        values.append(wanted)
    for sign, instant_ms in ((">=", query.since_ms), ("<", query.until_ms)):
        if instant_ms is not None:
            clauses.append(f"evaluations.exchange {sign} ?")
            values.append(schema.first_key(instant_ms))
    if query.exchange is not None:
        clauses.append("evaluations.exchange = ?")
        values.append(key_of(query.exchange))
    if by_name and query.name is not None:
        clauses.append(
            "EXISTS (SELECT 1 FROM scores WHERE scores.exchange = evaluations.exchange "  # noqa: S608 as above
            f"AND scores.evaluation = evaluations.evaluation AND name {comparison(query.name)} ?)"
        )
        values.append(query.name)
    return Clause(" AND ".join(clauses), tuple(values))


def _whole(sql: sqlite3.Connection, row: Sequence[Any]) -> Evaluation:
    return tables.evaluation_of(row, sql.execute(tables.SELECT_SCORES, row[:2]))
