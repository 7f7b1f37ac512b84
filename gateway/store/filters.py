"""Filters as SQL conditions, and ids as the bytes that stand in the files."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from gateway.store.interface import Query


class BadFilter(ValueError):
    """A filter makes no sense; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def _status_range(wanted: str) -> tuple[int, int]:
    if len(wanted) == 3 and wanted[0] in "12345" and wanted[1:].lower() == "xx":
        return int(wanted[0]) * 100, int(wanted[0]) * 100 + 99
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 3:
        raise BadFilter("status", f"a number such as 429 or a class such as 5xx, not {wanted!r}")
    return int(wanted), int(wanted)


def first_key(instant_ms: int) -> bytes:
    """Return the lowest id of a millisecond."""
    return min(max(instant_ms, 0), (1 << 48) - 1).to_bytes(6) + bytes(10)


def key_of(exchange_id: str) -> bytes:
    """Turn a whole id into its 16 bytes."""
    try:
        return UUID(exchange_id).bytes
    except ValueError:
        raise BadFilter("id", f"not an exchange id: {exchange_id}") from None


# Field of Query -> condition, and how its value is bound; `{}` is `=` or GLOB, as the value asks.
_CONDITIONS: dict[str, tuple[str, Callable[[Any], Sequence[object]]]] = {
    "team": ("team {} ?", lambda wanted: [wanted]),
    "key": ("key {} ?", lambda wanted: [wanted]),
    "provider": ("provider {} ?", lambda wanted: [wanted]),
    "outcome": ("outcome {} ?", lambda wanted: [wanted]),
    "session": ("session {} ?", lambda wanted: [wanted]),
    "user": ("user {} ?", lambda wanted: [wanted]),
    "model": ("(model_served {} ? OR model_requested {} ?)", lambda wanted: [wanted, wanted]),
    "status": ("status BETWEEN ? AND ?", _status_range),
    "min_cost_nano_usd": ("cost_nano_usd >= ?", lambda nano_usd: [nano_usd]),
    "max_cost_nano_usd": ("cost_nano_usd <= ?", lambda nano_usd: [nano_usd]),
    "min_duration_ms": ("duration_us >= ?", lambda duration_ms: [round(duration_ms * 1000)]),
    "since_ms": ("id >= ?", lambda instant_ms: [first_key(instant_ms)]),
    "until_ms": ("id < ?", lambda instant_ms: [first_key(instant_ms)]),
    "before": ("id < ?", lambda cursor: [key_of(cursor)]),
    # Last: the dearest, so that it looks only at what all others let through.
    "text": ("has_text(codec, bodies, ?)", lambda text: [text]),
}


def conditions(query: Query) -> tuple[str, list[object]]:
    """Return a WHERE clause for `exchanges` and its values."""
    clauses = ["1"]
    values: list[object] = []
    for name, (clause, bind) in _CONDITIONS.items():
        wanted = getattr(query, name)
        if wanted is not None:
            clauses.append(clause.replace("{}", _comparison(wanted)))
            values += bind(wanted)
    return " AND ".join(clauses), values


def id_bounds(prefix: str) -> tuple[bytes, bytes]:
    """Return the lowest and the highest id that begin with `prefix`."""
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise BadFilter("id", f"not the beginning of an exchange id: {prefix}")
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def _comparison(wanted: object) -> str:
    return "GLOB" if isinstance(wanted, str) and any(sign in wanted for sign in "*?[") else "="
