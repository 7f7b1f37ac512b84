"""How does `tollway explain` show the balances that an exchange touched, and the limits that held for it?"""

from collections.abc import Iterator, Sequence

from rich.text import Text

from gateway.cli.output import Cell, console, print_facts, table
from gateway.core.clock import stamp
from gateway.core.money import usd_text
from gateway.policies.explained_money import Bound, Kept
from gateway.policies.limit import NANO_USD
from gateway.policies.standing import amount_text

_COLUMNS = ("BUDGET", "HELD", "CHARGED", "LATE", "MODE", "LIMIT", "WINDOW", "RESETS (UTC)")
_NUMBERS = frozenset({"HELD", "CHARGED", "LATE", "LIMIT"})
_WHENCE = "What was held and charged stands in the record; the rest is how the budget is configured now."
_GONE = "no longer configured"


def print_balances(kept: Sequence[Kept]) -> None:
    """Print the balances: what the record says of each, then what the config of now does."""
    if not kept:
        return
    console().print(table(_COLUMNS, map(_row, kept), right=_NUMBERS))
    console().print(_WHENCE, style="dim")
    console().print()


def _row(one: Kept) -> tuple[Cell, ...]:
    hold, budget, unit = one.hold, one.budget, one.series.unit
    amounts = (None, None, None) if hold is None else (hold.held, hold.charged, hold.late)
    told = [None if amount is None else amount_text(unit, amount) for amount in amounts]
    if hold is not None and not hold.late:
        told[2] = None
    if budget is None or one.limit is None:
        return (_name(one), *told, Text(_GONE, style="yellow"), None, None, None)
    zone = str(budget.window.zone)
    window = budget.window.kind if zone == "UTC" else f"{budget.window.kind} {zone}"
    return (_name(one), *told, budget.mode, amount_text(unit, one.limit), window, _resets(one))


def _name(one: Kept) -> str:
    """Write a balance's name with its values as they were claimed."""
    if one.series.shared:
        return f"{one.series.budget} (shared)"
    values = ", ".join(f"{name} {value or 'none'}" for name, value in one.series.values.items())
    return f"{one.series.budget} ({values})" if values else one.series.budget


def _resets(one: Kept) -> Cell:
    if one.resets_s is not None:
        return stamp(one.resets_s)[:19].replace("T", " ")
    if one.budget is not None and one.budget.window.kind == "total":
        return "never"
    return Text("its window is another now", style="yellow")


def print_limits(bounds: Sequence[Bound]) -> None:
    """Print the limits of now."""
    if bounds:
        print_facts([("limits", "\n".join(_limit(one) for one in bounds))])
        console().print()


def _limit(one: Bound) -> str:
    return f"{one.limit.id}{one.part}: {', '.join(_quotas(one))}, by the config of now"


def _quotas(one: Bound) -> Iterator[str]:
    for quota in one.limit.counted:
        amount = usd_text(quota.most) if quota.unit == NANO_USD else f"{quota.most:,}"
        yield f"{amount} {quota.setting.replace('_', ' ')}"
