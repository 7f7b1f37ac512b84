"""Which budgets does a request spend from, and under which name is each balance kept?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.policies.scope import ANYTHING, Caller, Finder, Scope, Seen, part_name
from gateway.policies.windows import Window

COMPANY: Final = "company"  # stands where a team's name stands in the id of a budget of all teams
USD: Final = "usd"
REQUESTS: Final = "requests"
_SUFFIX = {USD: "", REQUESTS: "#requests"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent in one window, of money, of requests or of both.

    `id`: `team/name`, or `company/name`. `mode`: soft | strict | track. `midstream`: finish | stop. `on_disconnect`:
    abort | drain. `per`: one balance for each distinct value, at most `max_balances` here, beyond that a shared one.
    `fallback`: the route to take where the asked model no longer fits; None: refuse. `budget_fit`: deny |
    shrink_max_tokens. `on_authority_loss`: deny | slack | allow; `slack_nano_usd`: what a worker may then spend.
    `thresholds`: per cent of a limit at which somebody is told. `exceeded_status`: of the refusal.
    """

    id: str
    window: Window
    limit_nano_usd: int | None = None
    limit_requests: int | None = None
    mode: str = "soft"
    midstream: str = "finish"
    on_disconnect: str = "abort"
    scope: Scope = ANYTHING
    per: tuple[str, ...] = ()
    max_balances: int = 10_000
    fallback: str | None = None
    budget_fit: str = "deny"
    on_authority_loss: str = "deny"
    slack_nano_usd: int = 0
    thresholds: tuple[int, ...] = (50, 80, 100)
    exceeded_status: int = 429

    @property
    def stops(self) -> bool:
        """Whether a stream ends where there is no more money for it."""
        return self.mode == "soft" and self.midstream == "stop"

    @property
    def owner(self) -> str:
        """Whose it is: a team's name, or `company`."""
        return self.id.partition("/")[0]

    @property
    def limits(self) -> tuple[tuple[str, int], ...]:
        """What it counts, and how much of it there is: nano-USD, or requests."""
        both = ((USD, self.limit_nano_usd), (REQUESTS, self.limit_requests))
        return tuple((unit, limit) for unit, limit in both if limit is not None)


def head(budget: Budget, unit: str) -> str:
    """Return how the names of a budget's balances begin, which is all of the name where it has one alone."""
    return budget.id + _SUFFIX[unit]


def series(budget: Budget, unit: str, values: Sequence[str]) -> str:
    """Name a budget's balance of these values, e.g. `search/daily#requests?user=ann`, whatever its window is."""
    return head(budget, unit) + part_name(budget.per, values)


class Budgets:
    """All budgets of one snapshot: the company's first, then each team's, in the order of the files.

    A team's own budgets never replace the company's: all that cover a request must have room for it.
    """

    __slots__ = ("_finder", "all")

    def __init__(self, budgets: Sequence[Budget] = ()) -> None:
        self.all = tuple(budgets)
        self._finder = Finder(self.all)

    def applying(self, caller: Caller, models: tuple[str, ...], provider: str) -> tuple[Budget, ...]:
        """Return the budgets that a request spends from. `models`: every name of the model, the provider's own last."""
        return self._finder.applying(caller, models, provider) if self.all else ()


class Balances:
    """Which balances a worker's requests count in: its memory of who has one of their own. Outlives a reload."""

    __slots__ = ("_parted",)

    def __init__(self) -> None:
        self._parted: dict[str, _Parted] = {}

    def series(self, budget: Budget, values: tuple[str, ...], at_s: float) -> tuple[str, ...]:
        """Name the balances of these values, one for each of the budget's limits; shared ones beyond `max_balances`."""
        parted = self._parted.get(budget.id)
        if parted is None or not parted.fits(budget):
            parted = self._parted[budget.id] = _Parted(budget)
        return parted.series(values, at_s)

    def keep(self, budgets: Budgets) -> None:
        """Forget budgets that are gone."""
        ids = {budget.id for budget in budgets.all}
        self._parted = {name: parted for name, parted in self._parted.items() if name in ids}


class _Parted:
    """One budget's names, and who has been seen in its window."""

    __slots__ = ("_budget", "_from_s", "_prefixes", "_seen", "_until_s")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._prefixes = tuple(head(budget, unit) for unit, _ in budget.limits)
        self._seen = Seen(budget.max_balances)
        self._from_s = self._until_s = 0.0

    def fits(self, budget: Budget) -> bool:
        """Tell whether it is still the same budget: a reload makes new ones that often say the same."""
        if budget is not self._budget:
            mine, theirs = self._budget, budget
            same = (mine.per, mine.max_balances, mine.window) == (theirs.per, theirs.max_balances, theirs.window)
            if not same or [unit for unit, _ in mine.limits] != [unit for unit, _ in theirs.limits]:
                return False
            self._budget = budget
        return True

    def series(self, values: tuple[str, ...], at_s: float) -> tuple[str, ...]:
        budget = self._budget
        if not budget.per:
            return self._prefixes
        if not self._from_s <= at_s < self._until_s:
            self._from_s, self._until_s = _period(budget.window, at_s)
        part = self._seen.name(budget.per, values, self._from_s)
        return tuple([prefix + part for prefix in self._prefixes])


def _period(window: Window, at_s: float) -> tuple[float, float]:
    """Return from when until when balances are new: a window's span; a rolling one's are as long as it is."""
    if window.length_s:
        start_s = at_s // window.length_s * window.length_s
        return start_s, start_s + window.length_s
    return window.span(at_s)
