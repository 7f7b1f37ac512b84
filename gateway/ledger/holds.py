"""What has a request set aside, or what does it wait for?"""

from collections.abc import Callable, Sequence

from gateway.ledger.account import Account, Terms
from gateway.ledger.interface import Timer


class Held:
    """What a request has set aside, of each balance. Settled once."""

    __slots__ = ("parts", "settled")

    def __init__(self, parts: list[tuple[Account, int]]) -> None:
        self.parts = parts
        self.settled = False

    def places(self) -> list[tuple[str, int, int]]:
        """Return series, window and amount of each part: what the journal must know."""
        return [(*account.terms.place, amount) for account, amount in self.parts]


class Short:
    """What could not be held, and of which balance there was too little; `lost`: and nobody could be asked for more."""

    __slots__ = ("account", "amount", "demands", "heard", "lost", "terms", "then", "timer", "waits")

    def __init__(self, demands: Sequence[tuple[Terms, int]], account: Account, terms: Terms, amount: int) -> None:
        self.demands = demands
        self.account = account
        self.terms = terms
        self.amount = amount
        self.lost = False
        self.heard = 0
        self.then: Callable[[Held | Short], None] | None = None
        self.timer: Timer | None = None
        self.waits: list[Wait] = []


class Wait:
    """A request in the queue of one of its accounts. `since`: the number of the last ask that was made without it."""

    __slots__ = ("account", "amount", "short", "since", "terms")

    def __init__(self, short: Short, account: Account, terms: Terms, amount: int) -> None:
        self.short = short
        self.account = account
        self.terms = terms
        self.amount = amount
        self.since = account.number


def part(queue: Sequence[Wait], free: int) -> tuple[list[Wait], int]:
    """Return those that need more than is free, and what is spare once some of it is set aside for the others.

    They wait for another balance, too: what they will take here must not be returned meanwhile.
    """
    lacking = []
    spare = free
    for wait in queue:
        if wait.amount > free:
            lacking.append(wait)
        elif wait.amount <= spare:
            spare -= wait.amount
    return lacking, spare
