"""How do budgets stand now? Each with its balances, as of the window in force."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Final, NamedTuple

from gateway.ledger.desk import SeriesState
from gateway.ledger.server import Server
from gateway.policies import series as names
from gateway.policies.budget import Budget, head

AT_ONCE: Final = 256  # so many balances are looked at before others have their turn: those who ask for money


class Balance(NamedTuple):
    """A balance now. `limit`: with what is raised. `budget_limit`: without."""

    series: str
    unit: str
    budget_limit: int
    raised: int
    state: SeriesState

    @property
    def limit(self) -> int:
        """What may be spent now; below zero where it was lowered by more than there is."""
        return self.budget_limit + self.raised

    @property
    def spent(self) -> int:
        """What counts as spent: as far as workers have told, and with what people corrected."""
        return self.state.spent + self.state.corrected

    @property
    def reserved(self) -> int:
        """What workers can spend without asking, or have spent and not told yet."""
        return self.state.charged - self.spent

    @property
    def left(self) -> int:
        """What neither is spent nor reserved; below zero: more was than there is."""
        return self.limit - self.state.charged

    @property
    def permille(self) -> int:
        """How much of the limit is spent."""
        return self.spent * 1000 // max(1, self.limit)


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget at an instant: its busiest balances first, and how many there are in all."""

    budget: Budget
    at_s: float
    balances: Sequence[Balance]
    count: int


async def standings(server: Server, budgets: Iterable[Budget], at_s: float, most: int) -> list[Standing]:
    """Look how budgets stand; give at most so many balances of each."""
    known: dict[str, list[str]] = {}
    for series in server.series():
        known.setdefault(names.head(series), []).append(series)
    return [await _standing(server, budget, at_s, most, known) for budget in budgets]


async def _standing(server: Server, budget: Budget, at_s: float, most: int, known: dict[str, list[str]]) -> Standing:
    reach_s = budget.window.reach(at_s)
    found = []
    looked = 0
    for unit, limit in budget.limits:
        first = head(budget, unit)
        for series in known.get(first, ()) if budget.per else (first,):
            looked += 1
            if not looked % AT_ONCE:
                await asyncio.sleep(0)
            one = Balance(series, unit, limit, server.raised(series), server.standing(series, reach_s))
            if not budget.per or (_is_used(one.state) and tuple(names.read(series).values) == budget.per):
                found.append(one)
    return Standing(budget, at_s, nlargest(most, found, key=_busyness), len(found))


def _is_used(state: SeriesState) -> bool:
    """Whether anybody has asked for it in this window, or changed it."""
    return bool(state.leases or state.charged or state.spent)


def _busyness(one: Balance) -> tuple[int, int]:
    return one.permille, one.state.charged
