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
    """A request in the queue of one of its accounts. `since`: the number of the last ask that was made without it.

    `yields`: it had what it needs here, but not elsewhere, and others were in need of it. Until it has the rest it
    asks for nothing here: two that wait for different balances would take each other's money in turn.
    """

    __slots__ = ("account", "amount", "short", "since", "terms", "yields")

    def __init__(self, short: Short, account: Account, terms: Terms, amount: int) -> None:
        self.short = short
        self.account = account
        self.terms = terms
        self.amount = amount
        self.since = account.number
        self.yields = False


def part(queue: Sequence[Wait], free: int) -> tuple[list[Wait], int]:
    """Return those that need more than is free, and what is spare once some of it is set aside for the others.

    They wait for another balance, too: what they will take here must not be returned meanwhile.
    """
    lacking = []
    spare = free
    for wait in queue:
        if wait.yields:
            continue
        if wait.amount > free:
            lacking.append(wait)
        elif wait.amount <= spare:
            spare -= wait.amount
    return lacking, spare


def give_way(queue: Sequence[Wait], free: int) -> list[Wait]:
    """Let those that have what they need here give way, since everything that is free goes; return the others."""
    lacking = []
    for wait in queue:
        if wait.amount <= free:
            wait.yields = True
        elif not wait.yields:
            lacking.append(wait)
    return lacking
