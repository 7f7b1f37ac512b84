"""What does one screen of `tollway top` hold, and how is it told to programs?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.cli.top_numbers import Numbers
from gateway.core.clock import stamp

# What the busiest can be told by, and the key that switches to it.
GROUPS: Final = {"team": "t", "model": "m", "key": "k", "user": "u", "session": "s", "agent": "a", "provider": "p"}
SINCE: Final = "1h"  # the busiest, and failures, are those of the last hour


class Busy(NamedTuple):
    """Somebody who is busy, in the last hour."""

    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: str


class Balance(NamedTuple):
    """A balance of a budget. Amounts as they are shown: `$40.00` of `$50.00`, `40` of `400 requests`."""

    name: str
    mode: str
    used_percent: float
    spent: str
    limit: str
    resets_at: str | None


class Failure(NamedTuple):
    """An exchange that did not end well."""

    id: str
    started_at: str
    team: str
    key: str
    model: str | None
    provider: str | None
    status: int | None
    outcome: str
    error: str | None


@dataclass(slots=True)
class View:
    """Everything to show. `missing`: what could not be asked for, and why. `trouble`: why nothing is new."""

    url: str
    by: str
    numbers: Numbers
    busiest: Sequence[Busy] = ()
    budgets: Sequence[Balance] = ()
    failures: Sequence[Failure] = ()
    missing: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None


def busiest(rows: Sequence[Mapping[str, Any]], by: str) -> list[Busy]:
    """Read what /api/spend answers, the dearest first; of free ones those who ask most."""
    found = [
        Busy(
            str(row[by] if row[by] is not None else "-"),
            row["requests"],
            row["input_tokens"],
            row["output_tokens"],
            row["cost_usd"],
        )
        for row in rows
    ]
    costs = {id(one): row["cost_nano_usd"] for one, row in zip(found, rows, strict=True)}
    return sorted(found, key=lambda one: (-costs[id(one)], -one.requests, one.name))


def balances(budgets: Sequence[Mapping[str, Any]]) -> list[Balance]:
    """Read what /api/budgets answers, those nearest to their limit first."""
    found = [
        Balance(
            name=one["balance"],
            mode=budget["mode"],
            # A limit of nothing is used up.
            used_percent=100.0 if one["used_percent"] is None else one["used_percent"],
            spent=_amount(one, "spent").removesuffix(" requests"),
            limit=_amount(one, "limit"),
            resets_at=budget["resets_at"],
        )
        for budget in budgets
        for one in budget["balances"]
    ]
    return sorted(found, key=lambda one: (-one.used_percent, one.name))


def failures(records: Sequence[Mapping[str, Any]]) -> list[Failure]:
    """Read what /api/exchanges answers; a client that left is no failure."""
    return [
        Failure(**{name: one[name] for name in Failure._fields if name != "model"}, model=one["model_requested"])
        for one in records
        if one["outcome"] not in ("ok", "cancelled", None)
    ]


def public_view(view: View) -> dict[str, Any]:
    """Shape a screen for programs."""
    numbers = view.numbers._asdict()
    providers = [one._asdict() for one in numbers.pop("providers")]
    return {
        "at": stamp(numbers.pop("at_s")),
        "url": view.url,
        **{name: round(value, 6) if isinstance(value, float) else value for name, value in numbers.items()},
        "providers": providers,
        "busiest": {"by": view.by, "since": SINCE, "rows": [one._asdict() for one in view.busiest]},
        "budgets": [one._asdict() for one in view.budgets],
        "failures": [one._asdict() for one in view.failures],
        "missing": view.missing,
    }


def _amount(balance: Mapping[str, Any], name: str) -> str:
    if balance["unit"] == "usd":
        whole, _, fraction = balance[f"{name}_usd"].partition(".")
        return f"${whole}.{fraction[:4].ljust(2, '0')}"
    return f"{balance[f'{name}_requests']:,} requests"
