"""To which budget does a balance belong, and when does it count no more?"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.policies.budget import Budget, Budgets, series

_END_S: Final = 1 << 60


class Owner(NamedTuple):
    """The budget that a balance is of. `unit`: usd | requests; `limit`: as config says, without raises."""

    budget: Budget
    unit: str
    limit: int

    def over_s(self, start_s: int) -> int:
        """Return when a balance that begins then counts no more."""
        resets_s = self.budget.window.resets_s(start_s)
        return _END_S if resets_s is None else resets_s


def owners(budgets: Budgets) -> dict[str, Owner]:
    """Return what every budget counts, by the name that its balances' series begin with."""
    return {
        head_of(series(budget, unit, [""] * len(budget.per))): Owner(budget, unit, limit)
        for budget in budgets.all
        for unit, limit in budget.limits
    }


def owner_of(known: Mapping[str, Owner], name: str) -> Owner | None:
    """Find a series' budget; None: config does not name it (any more), or it is no budget's."""
    return known.get(head_of(name))


def head_of(name: str) -> str:
    """Return a series without the values that it is parted by."""
    return name.partition("?")[0]
