"""How does `tollway check` show the budgets and limits of a config, and which of them hold for a team?"""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from gateway.core.money import NANO_PER_USD, usd_text
from gateway.policies.budget import Budget
from gateway.policies.limit import CONCURRENT, Limit
from gateway.policies.scope import DIMENSIONS, Scope
from gateway.policies.snapshot import Snapshot

_CENT = NANO_PER_USD // 100


def budgets_json(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Shape all budgets for scripts."""
    return [
        {
            "id": budget.id,
            "limit_usd": None if budget.limit_nano_usd is None else usd_text(budget.limit_nano_usd),
            "limit_requests": budget.limit_requests,
            "window": budget.window.kind,
            "timezone": str(budget.window.zone),
            "mode": budget.mode,
            "scope": _scope(budget.scope),
            "per": budget.per,
        }
        for budget in snapshot.budgets.all
    ]


def limits_json(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Shape all limits for scripts."""
    return [
        {"id": limit.id, **dict(_amounts(limit)), "scope": _scope(limit.scope), "per": limit.per}
        for limit in snapshot.limits.all
    ]


def held_table(snapshot: Snapshot) -> Table | None:
    """Tell all of them to people; None: there are none."""
    if not snapshot.budgets.all and not snapshot.limits.all:
        return None
    table = Table("budget or limit", "at most", "holds for", "each", box=None, header_style="bold")
    for budget in snapshot.budgets.all:
        table.add_row(budget.id, f"{_most(budget)} {_when(budget)}, {budget.mode}", *_whom(budget))
    for limit in snapshot.limits.all:
        amounts = (f"{amount} {setting.replace('_', ' ')}" for setting, amount in _amounts(limit))
        table.add_row(limit.id, ", ".join(amounts), *_whom(limit))
    return table


def holding(snapshot: Snapshot, team: str) -> list[str]:
    """Name the budgets and limits that hold for a team, or for something of it."""
    everything: list[Budget | Limit] = [*snapshot.budgets.all, *snapshot.limits.all]
    return [each.id for each in everything if each.scope.team is None or each.scope.team.matches(team)]


def _most(budget: Budget) -> str:
    said = [] if budget.limit_nano_usd is None else [_dollars(budget.limit_nano_usd)]
    if budget.limit_requests is not None:
        said.append(f"{budget.limit_requests} requests")
    return " and ".join(said)


def _when(budget: Budget) -> str:
    kind, zone = budget.window.kind, str(budget.window.zone)
    words = "in total" if kind == "total" else f"in {kind[8:]}" if budget.window.length_s else f"a {kind}"
    return words if zone == "UTC" else f"{words} ({zone})"


def _dollars(nano_usd: int) -> str:
    """Write an amount with two digits behind the point, where no more are needed."""
    return f"${usd_text(nano_usd)}" if nano_usd % _CENT else f"${nano_usd // NANO_PER_USD}.{nano_usd // _CENT % 100:02}"


def _amounts(limit: Limit) -> Iterable[tuple[str, int | str]]:
    for quota in limit.quotas:
        yield quota.setting, usd_text(quota.rate.amount) if quota.unit == "nano_usd" else quota.rate.amount
    if limit.concurrent is not None:
        yield CONCURRENT, limit.concurrent


def _whom(held: Budget | Limit) -> tuple[str, str]:
    scope = ", ".join(f"{name} {' or '.join(texts)}" for name, texts in _scope(held.scope).items())
    return scope or "everything", ", ".join(held.per)


def _scope(scope: Scope) -> dict[str, Sequence[str]]:
    said = {name: getattr(scope, name) for name in DIMENSIONS}
    return {name: patterns.texts for name, patterns in said.items() if patterns is not None}
