"""To which budget does a balance belong, when does it count no more, and which thresholds has it passed?"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gateway.core.money import usd_text
from gateway.policies.budget import USD, Budget, Budgets, series

_END_S: Final = 1 << 60
_ALL: Final = 100
# A budget is all spent, too, when it has no room for somebody and not more than the rest of this is left.
_NEARLY_ALL: Final = 95


class Owner(NamedTuple):
    """The budget that a balance is of. `unit`: usd | requests; `limit`: as config says, without raises."""

    budget: Budget
    unit: str
    limit: int

    def over_s(self, start_s: int) -> int:
        """Return when a balance that begins then counts no more for sure."""
        window = self.budget.window
        resets_s = window.resets_s(start_s)
        if resets_s is None:
            return _END_S
        # A rolling window may count a bucket for up to a bucket's length longer.
        return resets_s + window.bucket_s if window.length_s else resets_s


def owners(budgets: Budgets) -> dict[str, Owner]:
    """Return what every budget counts, by the name that its balances' series begin with."""
    return {
        head_of(series(budget, unit, [""] * len(budget.per))): Owner(budget, unit, limit)
        for budget in budgets.all
        for unit, limit in budget.limits
    }


class Level(NamedTuple):
    """How a balance stands. `charged`: what is spent or can be without asking; `is_refused`: somebody got nothing."""

    limit: int
    spent: int
    charged: int
    is_refused: bool


def passed(level: Level, thresholds: Sequence[int], before: Sequence[int]) -> tuple[int, ...]:
    """Return the thresholds that a balance has passed, in per cent of its limit.

    One that was passed before stays so until less than it is spent, because the limit was raised or something given
    back: then it can be passed again. When somebody was refused, what is charged counts as if it was spent.
    """
    return tuple(
        percent for percent in thresholds if _reaches(level, percent) or (percent in before and _keeps(level, percent))
    )


def _reaches(level: Level, percent: int) -> bool:
    if level.limit <= 0:
        return level.spent > 0 or level.is_refused
    refused = percent == _ALL and level.is_refused and level.charged * 100 >= level.limit * _NEARLY_ALL
    return refused or level.spent * 100 >= level.limit * percent


def _keeps(level: Level, percent: int) -> bool:
    return level.limit <= 0 or (percent == _ALL and level.charged * 100 >= level.limit * _NEARLY_ALL)


def amount_text(unit: str, amount: int) -> str:
    """Write an amount for people: $40.00, or 400 requests."""
    if unit != USD:
        return f"{amount:,} {unit}"
    whole, _, fraction = usd_text(amount).partition(".")
    return f"-${whole[1:]}.{fraction.ljust(2, '0')}" if amount < 0 else f"${whole}.{fraction.ljust(2, '0')}"


def owner_of(known: Mapping[str, Owner], name: str) -> Owner | None:
    """Find a series' budget; None: config does not name it (any more), or it is no budget's."""
    return known.get(head_of(name))


def head_of(name: str) -> str:
    """Return a series without the values that it is parted by."""
    return name.partition("?")[0]
