"""Filters as SQL conditions, and ids as the bytes that stand in the files."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway.store.interface import Query, ScoreIs
from gateway.store.schema import MADE_UP, OTHER, first_key


class BadFilter(ValueError):
    """A filter makes no sense; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name, message)  # both, so that it can be told from process to process
        self.name = name

    def __str__(self) -> str:
        """Say what makes no sense."""
        return str(self.args[1])


Bind = Callable[[Any], Sequence[object]]


class Clause(NamedTuple):
    """A condition and its values."""

    sql: str
    values: tuple[object, ...] = ()


class Named(NamedTuple):
    """What a query asks of a table of names: `exact`, and `perhaps`: where none is that matches it, there is no row.

    The two differ where names beyond the bound share one. `whole`: the table can answer all that the query asks.
    """

    exact: Clause
    perhaps: Clause
    whole: bool


def conditions(query: Query) -> Clause:
    """Return what a query asks of rows of `exchanges` (with their `contents`, where it asks for text)."""
    rows: list[Clause] = []
    for name in _asked(query, _OF_NAMES):
        number = "claim" if name in TABLES["claims"] and name not in TABLES["kinds"] else "kind"
        named = _named(query, name)
        row = Clause(f"exchanges.{number} IN (SELECT {number} FROM {number}s WHERE {named.sql})", named.values)  # noqa: S608 names of ours
        if name in _MADE_UP:
            columns, compared, _ = _OF_NAMES[name]
            sign = compared.replace("{}", comparison(getattr(query, name)))
            told = [f"json_extract(exchanges.more, '$.{column}') {sign}" for column in columns]
            row = Clause(_any([row.sql, *told]), named.values * 2)
        rows.append(row)
    for name in _asked(query, _OF_ROWS):
        sql, bind = _OF_ROWS[name]
        wanted = getattr(query, name)
        rows.append(Clause(sql.replace("{}", comparison(wanted)), tuple(bind(wanted))))
    rows += map(_scored, query.scores or ())
    return _all(rows)


def named(query: Query, table: str) -> Named:
    """Return what a query asks of a table of names, as far as it has them."""
    exact, perhaps = [], []
    known = [name for name in _asked(query, _OF_NAMES) if name in TABLES[table]]
    for name in known:
        clause = _named(query, name)
        exact.append(clause)
        if name in _MADE_UP:
            shared = [f"{column} = '{OTHER}'" for column in _OF_NAMES[name][0]]
            clause = Clause(_any([clause.sql, *shared]), clause.values)
        perhaps.append(clause)
    tags = {*(query.any_tag or ()), *(query.all_tags or ())}
    if table == "tags" and tags:
        perhaps.append(Clause(f"(tag IN (SELECT value FROM json_each(?)) OR tag = '{OTHER}')", (_json([*tags]),)))  # noqa: S608 ours
    others = {*_asked(query, _OF_NAMES), *_asked(query, _OF_ROWS)} - {*known, *_IN_TIME}
    return Named(_all(exact), _all(perhaps), not others and not query.scores)


# Table of sums -> the filters that it can answer.
TABLES = {
    "kinds": frozenset(
        {"team", "key", "provider", "route", "endpoint", "outcome", "ok", "usage_source", "status", "model"}
    ),
    "claims": frozenset({"team", "key", "session", "user", "agent", "client"}),
    "tags": frozenset({"team", "key"}),
}
_IN_TIME = ("since_ms", "until_ms")
_MADE_UP = {"model", *MADE_UP}


def _asked(query: Query, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(query, name) is not None]


def _named(query: Query, name: str) -> Clause:
    columns, compared, bind = _OF_NAMES[name]
    wanted = getattr(query, name)
    sign = compared.replace("{}", comparison(wanted))
    return Clause(_any(f"{column} {sign}" for column in columns), tuple(bind(wanted)) * len(columns))


def _status_range(wanted: str) -> tuple[int, int]:
    if len(wanted) == 3 and wanted[0] in "12345" and wanted[1:].lower() == "xx":
        return int(wanted[0]) * 100, int(wanted[0]) * 100 + 99
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 3:
        raise BadFilter("status", f"a number such as 429 or a class such as 5xx, not {wanted!r}")
    return int(wanted), int(wanted)


def key_of(exchange_id: str) -> bytes:
    """Turn a whole id into its 16 bytes."""
    try:
        return UUID(exchange_id).bytes
    except ValueError:
        raise BadFilter("id", f"not an exchange id: {exchange_id}") from None


def _one(wanted: object) -> Sequence[object]:
    return [wanted]


def _us(duration_ms: float) -> Sequence[object]:
    return [round(duration_ms * 1000)]


def _pair(wanted: tuple[str, str]) -> Sequence[object]:
    return wanted


def _json(wanted: Sequence[str]) -> str:
    return msgspec.json.encode(sorted(set(wanted))).decode()


# Field of Query -> in which columns its names stand, how they are compared; `{}` is `=` or GLOB, as the value asks.
_OF_NAMES: dict[str, tuple[tuple[str, ...], str, Bind]] = {
    **{name: ((name,), "{} ?", _one) for name in sorted(TABLES["kinds"] | TABLES["claims"])},
    "ok": (("outcome",), "= 'ok' = ?", _one),  # (outcome = 'ok') is what is asked for
    "status": (("status",), "BETWEEN ? AND ?", _status_range),
    "model": (("model_served", "model_requested"), "{} ?", _one),
}
_TAGS = "json_each(exchanges.more, '$.tags') WHERE value IN (SELECT value FROM json_each(?))"
# Field of Query -> condition on a row, and how its value is bound; `{}` is `=` or GLOB, as the value asks. What costs
# most comes last: the search in bodies.
_OF_ROWS: dict[str, tuple[str, Bind]] = {
    "since_ms": ("exchanges.id >= ?", lambda instant_ms: [first_key(instant_ms)]),
    "until_ms": ("exchanges.id < ?", lambda instant_ms: [first_key(instant_ms)]),
    "before": ("exchanges.id < ?", lambda cursor: [key_of(cursor)]),
    "id": ("exchanges.id BETWEEN ? AND ?", lambda prefix: id_bounds(prefix)),  # noqa: PLW0108 it stands below
    "stream": ("exchanges.stream = ?", _one),
    "finish_reason": ("exchanges.finish_reason {} ?", _one),
    "has_tool_calls": ("(exchanges.tool_calls > 0) = ?", _one),
    "response_id": ("exchanges.response_id = ?", _one),
    "min_cost_nano_usd": ("exchanges.cost_nano_usd >= ?", _one),
    "max_cost_nano_usd": ("exchanges.cost_nano_usd <= ?", _one),
    "min_tokens": ("exchanges.input_total + exchanges.output_total >= ?", _one),
    "max_tokens": ("exchanges.input_total + exchanges.output_total <= ?", _one),
    "min_duration_ms": ("exchanges.duration_us >= ?", _us),
    "max_duration_ms": ("exchanges.duration_us <= ?", _us),
    "min_first_token_ms": ("exchanges.first_token_us >= ?", _us),
    "max_first_token_ms": ("exchanges.first_token_us <= ?", _us),
    "bodies": ("coalesce(json_extract(exchanges.more, '$.bodies'), 'full') = ?", _one),
    "trace_id": ("json_extract(exchanges.more, '$.trace_id') = ?", _one),
    "error": ("instr(lower(json_extract(exchanges.more, '$.error')), lower(?))", _one),
    "any_tag": (f"EXISTS (SELECT 1 FROM {_TAGS})", lambda tags: [_json(tags)]),  # noqa: S608 names of ours
    "all_tags": (
        f"(SELECT count(*) FROM {_TAGS}) = ?",  # noqa: S608 names of ours
        lambda tags: [_json(tags), len(set(tags))],
    ),
    "metadata": (
        "EXISTS (SELECT 1 FROM json_each(exchanges.more, '$.metadata') WHERE key = ? AND value GLOB ?)",
        _pair,
    ),
    "text": ("has_text(codec, contents.bodies, ?)", _one),
}


def id_bounds(prefix: str) -> tuple[bytes, bytes]:
    """Return the lowest and the highest id that begin with `prefix`."""
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise BadFilter("id", f"not the beginning of an exchange id: {prefix}")
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def _scored(wanted: ScoreIs) -> Clause:
    """Return what is asked of one score of an exchange."""
    name, sign, bound = wanted
    there = f"EXISTS (SELECT 1 FROM scores WHERE scores.exchange = exchanges.id AND name {comparison(name)} ?"  # noqa: S608 as above
    if bound is not None:
        return Clause(f"{there} AND value {_SIGNS[sign]} ?)", (name, bound))
    return Clause(_VERDICTS[sign].format(there), (name,))


_SIGNS = {sign: sign for sign in ("<", "<=", "=", ">=", ">")}
_VERDICTS = {"pass": "{} AND passing = 1)", "fail": "{} AND passing = 0)", "missing": "NOT {})"}


def comparison(wanted: object) -> str:
    """Say how a text is compared: as it is, or as a pattern."""
    return "GLOB" if isinstance(wanted, str) and re.search(r"[*?[]", wanted) else "="


def _any(clauses: Any) -> str:
    return f"({' OR '.join(clauses)})"


def _all(clauses: Sequence[Clause]) -> Clause:
    if not clauses:
        return Clause("1")
    return Clause(
        " AND ".join(clause.sql for clause in clauses), tuple(value for clause in clauses for value in clause.values)
    )
