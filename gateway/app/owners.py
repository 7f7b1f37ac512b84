"""Which budgets are there now, and which of them is a balance of the ledger's of? Follows the config."""

from gateway.ledger.lease import Place, unasked_over_s
from gateway.policies.budget import Budgets
from gateway.policies.standing import Owner, owner_of, owners


class Owners:
    """The budgets in force."""

    def __init__(self, budgets: Budgets) -> None:
        self.by_series: dict[str, Owner] = owners(budgets)

    def use(self, budgets: Budgets) -> None:
        """Go on with these."""
        self.by_series = owners(budgets)

    def of(self, series: str) -> Owner | None:
        """Find a balance's budget; None: config does not name it any more, or it is a limit's."""
        return owner_of(self.by_series, series)

    def over_s(self, place: Place) -> int:
        """Return when a balance counts no more; of one whose budget is gone that is guessed."""
        owner = self.of(place.series)
        return unasked_over_s(place) if owner is None else owner.over_s(place.start_s)
