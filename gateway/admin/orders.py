"""What does somebody order to be done to a budget? The bodies of such requests, read and checked before anything is."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from gateway.core.money import nano_from_usd
from gateway.ledger.file import By
from gateway.ledger.lease import MOST
from gateway.policies.budget import REQUESTS, USD, Budget
from gateway.policies.scope import part_name, shared_name
from gateway.policies.windows import Span

SHARED: Final = "shared"  # in the place of values: the balance of all that have none of their own
MOST_USD: Final = 10**6
MOST_REQUESTS: Final = 10**12
_LATEST_S: Final = 253_402_300_800  # RFC 3339 has no years beyond 9999
_LONGEST: Final = 1_000
_LENGTH: Final = re.compile(r"(\d{1,9})([smhdw])\Z")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Fields = Mapping[str, Any]


class BadOrder(ValueError):
    """Something of an order makes no sense; `name`: which field of it, "" for the whole."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def fields(body: bytes, known: tuple[str, ...]) -> Fields:
    """Read a body; raise BadOrder for one that is no object, or holds what nobody would look at."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadOrder("", f"the body must be a JSON object with {', '.join(known)} ({error})") from None
    if unknown := set(found) - set(known):
        raise BadOrder(min(unknown), f"there is no such field; there are {', '.join(known)}")
    return found


def by(order: Fields) -> By:
    """Read who orders it, and why."""
    return By(_sentence(order, "who"), _sentence(order, "why"))


def amount(order: Fields, budget: Budget) -> tuple[str, int]:
    """Read an amount: its unit, and how much of it, which may be below zero."""
    given = [name for name in _AMOUNTS if order.get(name) is not None]
    if len(given) != 1:
        raise BadOrder("amount_usd", "give amount_usd or amount_requests, one of them")
    (name,) = given
    unit, read = _AMOUNTS[name]
    counted = [unit for unit, _ in budget.limits]
    if unit not in counted:
        raise BadOrder(name, f"{budget.id} does not count that: it has a limit of {' and '.join(counted)}")
    try:
        found = read(order[name])
    except ValueError as error:
        raise BadOrder(name, str(error)) from None
    if not found:
        raise BadOrder(name, "nothing would change")
    return unit, found


def until_s(order: Fields, now_s: float, span: Span | None) -> int:
    """Read until when a raise stands: `for` so long, or `until` then. `span`: the window's, where it has an end."""
    length, instant = order.get("for"), order.get("until")
    if length is not None and instant is not None:
        raise BadOrder("until", "give for or until, one of them")
    if instant is not None:
        end_s = _instant_s("until", instant)
    elif length == "window":
        if span is None:
            raise BadOrder("for", "this budget has no window that ends; say how long, such as 24h")
        end_s = span.end_s
    elif length is not None:
        end_s = _seconds(length) + int(now_s)
    else:
        return MOST
    if not now_s < end_s < _LATEST_S:
        raise BadOrder("for" if instant is None else "until", "must end in the future, and before the year 10000")
    return end_s


def at_s(order: Fields, now_s: float) -> float:
    """Read the instant that an order is about: `at`, or now."""
    if order.get("at") is None:
        return now_s
    found_s = _instant_s("at", order["at"])
    if found_s > now_s:
        raise BadOrder("at", "is in the future")
    return found_s


def part(order: Fields, budget: Budget) -> str | None:
    """Read of which balance it is, as its name ends: "" where a budget has one alone; None: no one in particular."""
    values = order.get("values")
    if not budget.per:
        if values is not None:
            raise BadOrder("values", f"{budget.id} has one balance for all")
        return ""
    if values is None:
        return None
    if values == SHARED:
        return shared_name(budget.per)
    named = values if isinstance(values, dict) else {}
    if set(named) != set(budget.per) or not all(isinstance(value, str) for value in named.values()):
        raise BadOrder("values", f"a text for each of {', '.join(budget.per)}, or {SHARED!r}")
    return part_name(budget.per, [named[name] for name in budget.per])


def _sentence(order: Fields, name: str) -> str:
    found = order.get(name)
    if not isinstance(found, str) or not found.strip():
        raise BadOrder(name, "is required: it stands in the trail for whoever looks later")
    if len(found) > _LONGEST:
        raise BadOrder(name, f"at most {_LONGEST} characters")
    return found.strip()


def _instant_s(name: str, text: object) -> int:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadOrder(name, "a time with its zone, such as 2026-11-24T08:00:00Z")
    return int(found.timestamp())


def _seconds(text: object) -> int:
    found = _LENGTH.match(text) if isinstance(text, str) else None
    if found is None or not int(found[1]):
        raise BadOrder("for", "a length such as 90m, 24h or 7d, or 'window': until the window in force ends")
    return int(found[1]) * _SECONDS[found[2]]


def _nano_usd(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(_NO_USD)
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise ValueError(_NO_USD) from None
    if not found.is_finite() or not -MOST_USD <= found <= MOST_USD:
        raise ValueError(f"at most {MOST_USD} USD")
    return nano_from_usd(found)


def _requests(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_REQUESTS:
        raise ValueError("a whole number of requests")
    return value


_NO_USD: Final = 'an amount in USD, a text or a whole number, such as "20" or "-0.50"'
_AMOUNTS: Final[dict[str, tuple[str, Callable[[object], int]]]] = {
    "amount_usd": (USD, _nano_usd),
    "amount_requests": (REQUESTS, _requests),
}
