"""For how many evaluations is there money this minute? What they are thought to cost was fixed before the minute began.

Every evaluator that asks a judge has a share of its own, so that what one took never decides what another may take:
their hashes are the same, and means would not be right. The gateway's budgets hold what they really cost.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from gateway.evaluation.task import Purse
from gateway.evaluation.windows import ANY_NUMBER, HOURS, Bucket, flowed
from gateway.policies.evaluating import Evaluating, base_name

# One for what a rate takes, one for what is always taken: with less, a window could not close.
_LEAST = 2

# What an evaluation cost so far, in the mean; None: none was done yet.
CostOf = Callable[[str], int | None]


class Offer(NamedTuple):
    """For how many there is money, of what, at which price."""

    slots: int
    bucket: Bucket
    cost_nano_usd: int


class Money:
    """The day's money of each evaluator in `judged` that a budget holds."""

    def __init__(self, evaluating: Evaluating, judged: Collection[str], cost_of: CostOf) -> None:
        self._plugins = evaluating.plugins
        self._cost_of = cost_of
        self._day = _shares(evaluating, judged)
        self._slots_most: dict[str, int | None] = {}

    def bounds(self, evaluator: str) -> bool:
        """Whether there is money for only so many."""
        return evaluator in self._day

    def slots_most(self, evaluator: str) -> int | None:
        """Say for how many there can be money at the end of the window that begins now; None: for any number."""
        most = None
        if evaluator in self._day and (cost := self._cost(evaluator)) > 0:
            most = max(self._day[evaluator] // HOURS, _LEAST * cost) // cost
        self._slots_most[evaluator] = most
        return most

    def offer(self, evaluator: str, purse: Purse | None, now_ms: int) -> Offer | None:
        """Return what there is for a window that ends now; None: no budget holds this evaluator."""
        if evaluator not in self._day:
            return None
        cost = self._cost(evaluator) if purse is None else purse.cost_nano_usd
        bucket = flowed(purse and purse.bucket, self._day[evaluator], now_ms, _LEAST * cost)
        most = self._slots_most.get(evaluator)
        slots = ANY_NUMBER if cost == 0 else bucket.left_nano_usd // cost
        return Offer(slots if most is None else min(slots, most), bucket, cost)

    def after(self, evaluator: str, offer: Offer, taken: int) -> Purse:
        """Return what is left, and what one evaluation is thought to cost in the next window."""
        left = offer.bucket.left_nano_usd - taken * offer.cost_nano_usd
        return Purse(offer.bucket._replace(left_nano_usd=left), self._cost(evaluator))

    def _cost(self, evaluator: str) -> int:
        known = self._cost_of(evaluator)
        if known is not None:
            return known
        plugin = self._plugins.get(evaluator)
        return 0 if plugin is None else plugin.cost_nano_usd


def _shares(evaluating: Evaluating, judged: Collection[str]) -> dict[str, int]:
    """Divide each budget evenly among those who spend of it: an evaluator's own by its variants, the whole by all."""
    used = {rule.evaluator for rules in evaluating.rules.values() for rule in rules}
    asking = sorted(used & set(judged) & evaluating.plugins.keys())
    variants = Counter(map(base_name, asking))
    shares: dict[str, int] = {}
    for name in asking:
        own, whole = evaluating.plugins[name].budget_nano_usd, evaluating.budget_nano_usd
        bounds = [own // variants[base_name(name)]] if own is not None else []
        bounds += [whole // len(asking)] if whole is not None else []
        if bounds:
            shares[name] = min(bounds)
    return shares
