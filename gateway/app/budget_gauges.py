"""How do budgets and ledger stand, as samples for a scrape?"""

from gateway.app.budget_watch import BudgetWatch, Shown
from gateway.ledger.server import Server
from gateway.metrics import catalogue
from gateway.metrics.debts import TotalKey
from gateway.metrics.render import Samples
from gateway.policies.budget import USD


class BudgetGauges:
    """Gives the samples; reads only what is safe from any thread."""

    def __init__(self, watch: BudgetWatch, ledger: Server) -> None:
        self._watch = watch
        self._ledger = ledger

    def samples(self) -> Samples:
        """Gather them. Of a budget that is parted there are none: its balances have limits of their own."""
        shown = self._watch.shown
        money = [one for one in shown if one.unit == USD]
        counted = [one for one in shown if one.unit != USD]
        return {
            catalogue.BUDGET_LIMIT: [(_label(one), one.limit) for one in money],
            catalogue.BUDGET_SPENT: [(_label(one), one.spent) for one in money],
            catalogue.BUDGET_RESERVED: [(_label(one), one.reserved) for one in money],
            catalogue.BUDGET_LENT: [(_label(one), one.lent) for one in money],
            catalogue.BUDGET_LIMIT_REQUESTS: [(_label(one), one.limit) for one in counted],
            catalogue.BUDGET_SPENT_REQUESTS: [(_label(one), one.spent) for one in counted],
            catalogue.BUDGET_ENDS: list({_label(one): one.ends_s for one in shown if one.ends_s is not None}.items()),
            catalogue.LEDGER_HOLDERS: [((), self._ledger.open_holders())],
        }

    def counters(self) -> dict[TotalKey, int]:
        """Gather what was counted since the recorder began."""
        commits, errors = self._ledger.written
        told = self._watch.told.copy()
        return {
            **{(catalogue.THRESHOLDS.name, (budget, str(at)), ""): times for (budget, at), times in told.items()},
            (catalogue.LEDGER_GRANTS.name, (), ""): self._ledger.grants,
            (catalogue.LEDGER_COMMITS.name, (), ""): commits,
            (catalogue.LEDGER_ERRORS.name, (), ""): errors,
        }


def _label(one: Shown) -> tuple[str]:
    return (one.budget,)
