"""Filters as SQL conditions, and ids as the bytes that stand in the files."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway.store.interface import Query
from gateway.store.schema import MADE_UP, OTHER


class BadFilter(ValueError):
    """A filter makes no sense; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


Bind = Callable[[Any], Sequence[object]]


class Clause(NamedTuple):
    """A condition and its values."""

    sql: str
    values: tuple[object, ...] = ()


class Conditions(NamedTuple):
    """What a query asks of a day file. `rows`: of `exchanges` (and `contents`, where `needs_contents`).

    `kinds`, `claims`, `tags`: where the sums hold none that matches these, no row matches either. Not the other way
    round: names beyond a bound share one sum.
    """

    rows: Clause
    kinds: Clause
    claims: Clause
    tags: Clause
    needs_contents: bool


def conditions(query: Query) -> Conditions:
    """Return what a query asks, its bounds in time and ids included."""
    rows: list[Clause] = []
    perhaps: dict[str, list[Clause]] = {"kind": [], "claim": []}
    for name, (number, columns, sql, bind) in _OF_NAMES.items():
        wanted = getattr(query, name)
        if wanted is None:
            continue
        compared = sql.replace("{}", _comparison(wanted))
        values = tuple(bind(wanted)) * len(columns)
        named = Clause(_any(f"{column} {compared}" for column in columns), values)
        row = Clause(f"{number} IN (SELECT {number} FROM {number}s WHERE {named.sql})", values)  # noqa: S608 names of ours
        if name in _MADE_UP:
            told = [f"json_extract(exchanges.more, '$.{column}') {compared}" for column in columns]
            row = Clause(_any([row.sql, *told]), values * 2)
            named = Clause(_any([named.sql, *(f"{column} = '{OTHER}'" for column in columns)]), values)
        rows.append(row)
        perhaps[number].append(named)
    for name, (sql, bind) in _OF_ROWS.items():
        wanted = getattr(query, name)
        if wanted is not None:
            rows.append(Clause(sql.replace("{}", _comparison(wanted)), tuple(bind(wanted))))
    return Conditions(_all(rows), _all(perhaps["kind"]), _all(perhaps["claim"]), _tags(query), query.text is not None)


def _status_range(wanted: str) -> tuple[int, int]:
    if len(wanted) == 3 and wanted[0] in "12345" and wanted[1:].lower() == "xx":
        return int(wanted[0]) * 100, int(wanted[0]) * 100 + 99
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 3:
        raise BadFilter("status", f"a number such as 429 or a class such as 5xx, not {wanted!r}")
    return int(wanted), int(wanted)


def _first_key(instant_ms: int) -> bytes:
    """Return the lowest id of a millisecond."""
    return min(max(instant_ms, 0), (1 << 48) - 1).to_bytes(6) + bytes(10)


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


# Field of Query -> under which number its names stand, in which columns, how they are compared; `{}` is `=` or GLOB, as
# the value asks.
_OF_NAMES: dict[str, tuple[str, tuple[str, ...], str, Bind]] = {
    **{name: ("kind", (name,), "{} ?", _one) for name in ("team", "key", "provider", "route", "endpoint", "outcome")},
    "usage_source": ("kind", ("usage_source",), "= ?", _one),
    "status": ("kind", ("status",), "BETWEEN ? AND ?", _status_range),
    "model": ("kind", ("model_served", "model_requested"), "{} ?", _one),
    **{name: ("claim", (name,), "{} ?", _one) for name in ("session", "user", "agent", "client")},
}
_MADE_UP = {"model", *MADE_UP}
_TAGS = "json_each(exchanges.more, '$.tags') WHERE value IN (SELECT value FROM json_each(?))"
# Field of Query -> condition on a row, and how its value is bound; `{}` is `=` or GLOB, as the value asks. What costs
# most comes last: the search in bodies.
_OF_ROWS: dict[str, tuple[str, Bind]] = {
    "since_ms": ("exchanges.id >= ?", lambda instant_ms: [_first_key(instant_ms)]),
    "until_ms": ("exchanges.id < ?", lambda instant_ms: [_first_key(instant_ms)]),
    "before": ("exchanges.id < ?", lambda cursor: [key_of(cursor)]),
    "id": ("exchanges.id BETWEEN ? AND ?", lambda prefix: id_bounds(prefix)),  # noqa: PLW0108 it stands below
    "stream": ("stream = ?", _one),
    "finish_reason": ("finish_reason {} ?", _one),
    "has_tool_calls": ("(tool_calls > 0) = ?", _one),
    "response_id": ("response_id = ?", _one),
    "min_cost_nano_usd": ("cost_nano_usd >= ?", _one),
    "max_cost_nano_usd": ("cost_nano_usd <= ?", _one),
    "min_tokens": ("input_total + output_total >= ?", _one),
    "max_tokens": ("input_total + output_total <= ?", _one),
    "min_duration_ms": ("duration_us >= ?", _us),
    "max_duration_ms": ("duration_us <= ?", _us),
    "min_first_token_ms": ("first_token_us >= ?", _us),
    "max_first_token_ms": ("first_token_us <= ?", _us),
    "bodies": ("coalesce(json_extract(exchanges.more, '$.bodies'), 'full') = ?", _one),
    "trace_id": ("json_extract(exchanges.more, '$.trace_id') = ?", _one),
    "error": ("instr(lower(json_extract(exchanges.more, '$.error')), lower(?))", _one),
    "any_tag": (f"EXISTS (SELECT 1 FROM {_TAGS})", lambda tags: [_json(tags)]),  # noqa: S608 names of ours
    "all_tags": (
        f"(SELECT count(DISTINCT value) FROM {_TAGS}) = ?",  # noqa: S608 names of ours
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


def _tags(query: Query) -> Clause:
    wanted = {*(query.any_tag or ()), *(query.all_tags or ())}
    if not wanted:
        return Clause("1")
    return Clause(f"tag IN (SELECT value FROM json_each(?)) OR tag = '{OTHER}'", (_json([*wanted]),))  # noqa: S608 ours


def _comparison(wanted: object) -> str:
    return "GLOB" if isinstance(wanted, str) and re.search(r"[*?[]", wanted) else "="


def _any(clauses: Any) -> str:
    return f"({' OR '.join(clauses)})"


def _all(clauses: Sequence[Clause]) -> Clause:
    if not clauses:
        return Clause("1")
    return Clause(
        " AND ".join(clause.sql for clause in clauses), tuple(value for clause in clauses for value in clause.values)
    )
