"""What has a request set aside, or what does it wait for?"""

from collections.abc import Callable, Sequence

from gateway.ledger.account import Account, Terms
from gateway.ledger.interface import Timer


class Held:
    """What a request has set aside: so much of each account. Settled once.

    `mark`: it was not held before that (rates.py).
    """

    __slots__ = ("accounts", "amounts", "mark", "settled")

    def __init__(self, accounts: list[Account], amounts: list[int], mark: int = 0) -> None:
        self.accounts = accounts
        self.amounts = amounts
        self.mark = mark
        self.settled = False

    def places(self) -> list[tuple[str, int, int]]:
        """Return series, window and amount of each part, for people."""
        return [(*account.terms.place, amount) for account, amount in zip(self.accounts, self.amounts, strict=True)]


class Short:
    """What could not be held, and of which balance there was too little; `lost`: and nobody could be asked for more.

    `late`: the answer took too long, so that it is not known to be too little. `mark`: nothing was held for it before.
    `turn`: the lowest comes first (waiting.py).
    """

    __slots__ = (
        "account", "amount", "demands", "heard", "late", "lost", "mark", "terms", "then", "timer", "turn", "waits",
    )  # fmt: skip

    def __init__(self, demands: Sequence[tuple[Terms, int]], account: Account, terms: Terms, amount: int) -> None:
        self.demands = demands
        self.account = account
        self.terms = terms
        self.amount = amount
        self.lost = False
        self.late = False
        self.heard = 0
        self.mark = 0
        self.turn = 0
        self.then: Callable[[Held | Short], None] | None = None
        self.timer: Timer | None = None
        self.waits: list[Wait] = []

    @property
    def left(self) -> int:
        """How much is to be had by now, as far as is known."""
        return max(0, self.account.free) + max(0, self.account.room or 0)

    @property
    def fits(self) -> bool:
        """Whether it was refused for what has come free since."""
        need = 1 if self.terms.partial else self.amount
        return self.left >= need and not (self.lost or self.late)

    @property
    def wait_ns(self) -> int | None:
        """How long after the refusal the rate has drained enough; None: nobody knows, or never."""
        terms, account = self.terms, self.account
        if not terms.rate or account.room is None:
            return None
        over = self.amount - max(0, account.free) - terms.limit
        wait_ns = account.full_ns - -over * terms.per_ns // terms.rate
        return wait_ns if wait_ns > 0 else None

    @property
    def full_ns(self) -> int | None:
        """How long after the refusal nothing of the rate is used any more; None: it is none, or nobody knows."""
        account = self.account
        return account.full_ns if self.terms.rate and account.room is not None else None


class Wait:
    """A request in the queue of one of its accounts. `since`: the number of the last ask that was made without it."""

    __slots__ = ("account", "amount", "short", "since", "terms")

    def __init__(self, short: Short, account: Account, terms: Terms, amount: int) -> None:
        self.short = short
        self.account = account
        self.terms = terms
        self.amount = amount
        self.since = account.number

    def make_do(self, amount: int) -> None:
        """Wait for no more than that."""
        self.amount = amount
        short = self.short
        short.demands = [(terms, amount if terms is self.terms else was) for terms, was in short.demands]
