"""How are budgets, and what people did to them, told to programs? Money as decimal text and as whole nano-USD."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.admin.standings import Balance, Standing
from gateway.core.clock import stamp
from gateway.core.money import usd_text
from gateway.ledger.bars import TRAIL
from gateway.ledger.file import Bar, Deed, Raise
from gateway.ledger.lease import MOST
from gateway.policies.budget import REQUESTS, USD, Budget
from gateway.policies.series import read
from gateway.policies.windows import END_OF_TIME_S


def public_standing(standing: Standing) -> dict[str, Any]:
    """Shape a budget and its balances."""
    budget = standing.budget
    return {
        "id": budget.id,
        "owner": budget.owner,
        "mode": budget.mode,
        "per": list(budget.per),
        **_window(budget, standing.at_s),
        **_limits(budget),
        "balances": [public_balance(one) for one in standing.balances],
        "balance_count": standing.count,
    }


def public_balance(one: Balance) -> dict[str, Any]:
    """Shape a balance: limit = spent + reserved + left."""
    return {
        **_named(one.series),
        **_amount("limit", one.unit, one.limit),
        **_amount("raised", one.unit, one.raised),
        **_amount("spent", one.unit, one.spent),
        **_amount("corrected", one.unit, one.state.corrected),
        **_amount("reserved", one.unit, one.reserved),
        **_amount("left", one.unit, one.left),
        "used_percent": one.permille / 10 if one.limit > 0 else None,
    }


def public_leases(one: Balance, is_here: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Shape what each worker has of a balance. One that is not connected may be dead: its journal will tell."""
    return [
        {
            "holder": holder,
            "connected": is_here(holder),
            **_amount("spent", one.unit, lease.settled),
            **_amount("reserved", one.unit, lease.granted - lease.settled),
        }
        for holder, lease in sorted(one.state.leases.items())
    ]


def public_raise(one: Raise, deeds: Mapping[int, Deed]) -> dict[str, Any]:
    """Shape a raise in force. `deeds`: in which who and why stand."""
    named = _named(one.series)
    deed = deeds.get(one.id)
    return {
        "id": one.id,
        **named,
        **_amount("amount", named["unit"], one.amount),
        "until": _instant(one.until_s),
        "at": None if deed is None else stamp(deed.at_s),
        "who": None if deed is None else deed.who,
        "why": None if deed is None else deed.why,
    }


def public_bar(bar: Bar) -> dict[str, Any]:
    """Shape what bars a model from strict budgets."""
    return {
        "model": bar.model,
        "at": stamp(bar.at_s),
        "exchange": bar.exchange,
        **_amount("cost", USD, bar.cost_nano_usd),
        **_amount("bound", USD, bar.bound_nano_usd),
    }


def public_deed(deed: Deed) -> dict[str, Any]:
    """Shape what somebody did to a budget, or to a model."""
    done = {"id": deed.id, "at": stamp(deed.at_s), "who": deed.who, "why": deed.why, "what": deed.what}
    if deed.series.startswith(TRAIL):
        return {**done, "model": deed.series.removeprefix(TRAIL), **_amount("amount", USD, deed.amount)}
    named = _named(deed.series)
    return {
        **done,
        "budget": read(deed.series).budget,
        **named,
        "window_start": None if deed.start_s is None else _instant(deed.start_s),
        **_amount("amount", named["unit"], deed.amount),
        "until": None if deed.until_s is None else _instant(deed.until_s),
    }


def _named(series: str) -> dict[str, Any]:
    """Say which balance it is. `every`: all that a budget is parted into; `shared`: of who has none of their own."""
    named = read(series)
    return {
        "balance": series,
        "unit": named.unit,
        "values": {} if named.shared else named.values,
        "shared": named.shared,
        "every": named.every,
    }


def _window(budget: Budget, at_s: float) -> dict[str, Any]:
    """Say what counts now. A rolling window has no end: `resets_at` is when what is spent now is free again."""
    window = budget.window
    return {
        "window": window.kind,
        "timezone": str(window.zone),
        "window_start": _instant(window.reach(at_s)),
        "window_end": None if window.length_s else _instant(window.span(at_s).end_s),
        "resets_at": _instant(window.resets_s(at_s) or MOST),
    }


def _limits(budget: Budget) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for unit, limit in budget.limits:
        found |= _amount("limit", unit, limit)
    return found


def _amount(name: str, unit: str, amount: int) -> dict[str, Any]:
    if unit == REQUESTS:
        return {f"{name}_requests": amount}
    return {f"{name}_nano_usd": amount, f"{name}_usd": usd_text(amount)}


def _instant(at_s: int) -> str | None:
    """Write an instant; the beginning and the end of time are none."""
    return stamp(at_s) if 0 < at_s < END_OF_TIME_S else None
