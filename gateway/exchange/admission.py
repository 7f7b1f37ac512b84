"""One request at the gate: what it holds of each balance, until when it waits, and what it is charged in the end."""

from collections.abc import Callable
from typing import Final, Protocol

from gateway.core.errors import Refusal
from gateway.core.money import usd_text
from gateway.core.record import Hold, Record
from gateway.exchange.charging import charge
from gateway.exchange.plan import EXPECTED, Plan, Share
from gateway.ledger.account import Terms
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.policies.budget import USD
from gateway.policies.refusing import Spent, budget_exceeded

_NANO: Final = 1_000_000_000
_AHEAD: Final = 4  # a stream holds a quarter more than it has cost until now
_LEARNED_FROM: Final = frozenset(("provider", "partial"))

# Called once: with None, the request may go; or with the reason why not.
Then = Callable[[Refusal | None], None]


class Guard(Protocol):
    """What an admission needs of its gate."""

    @property
    def holder(self) -> Holder:
        """The worker's leases."""

    def learn(self, alike: tuple[str, str], size: int, cost_nano_usd: int) -> None:
        """Take in what a request did cost."""


class Admission:
    """`plan`: which balances it touches; `amounts`: what of each kind (plan.EXPECTED …) it needs.

    `alike`: team and model, by which costs are learned; `size`: of the body, in bytes.

    What cannot be had of an expected cost in full is taken as far as it is there: while there is anything left,
    nobody is refused for a guess.
    """

    __slots__ = (
        "_alike", "_amounts", "_held", "_now_ns", "_of", "_shares", "_short", "_size", "_then", "_tries",
        "plan", "starves", "waited",
    )  # fmt: skip

    def __init__(
        self, gate: Guard, plan: Plan, amounts: list[int], alike: tuple[str, str], size: int, now_ns: int
    ) -> None:
        self.plan = plan
        self.waited = False
        self.starves = False  # a stream needs more than is held, and could not have it when it asked last
        self._of = gate
        # What costs nothing needs no money.
        self._shares = [share for share in plan.shares if amounts[share.kind]]
        self._amounts = [amounts[share.kind] for share in self._shares]
        self._alike = alike
        self._size = size
        self._now_ns = now_ns
        self._held: Held | None = None
        self._short: Short | None = None
        self._then: Then | None = None
        self._tries = 0

    def enter(self) -> bool:
        """Hold everything now; False: it comes short, and must `wait`."""
        found = self._of.holder.hold(self._demands())
        if isinstance(found, Held):
            self._held = found
            return True
        self._short = found
        return False

    def wait(self, then: Then) -> None:
        """Ask for what is short and call back once, never from in here."""
        short = self._short
        if short is None:
            return
        self.waited = True
        self._then = then
        self._of.holder.more(short, self._told)

    def leave(self) -> None:
        """The client is gone: let go of everything. Nothing must have been sent."""
        self._then = None
        if self._short is not None:
            self._of.holder.leave(self._short)
            self._short = None
        self.release()

    def release(self) -> None:
        """Give back what is held: the request goes nowhere."""
        if self._held is not None:
            self._of.holder.settle(self._held, [0] * len(self._held.parts))

    def note(self, record: Record) -> None:
        """Write into the record what is held: whoever finds its beginning alone must know whose money is in it."""
        held = self._held
        if held is None:
            return
        record.holder = self._of.holder.name
        record.holds = [
            Hold(*account.terms.place, share.unit, amount)
            for share, (account, amount) in zip(self._shares, held.parts, strict=True)
        ]

    def settle(self, record: Record, *, called: bool) -> None:
        """Replace every hold by what it is charged, once, and write that into the record."""
        held = self._held
        if held is None or held.settled:
            return
        costs = []
        for hold, (_, amount) in zip(record.holds, held.parts, strict=True):
            hold.held = amount
            hold.charged = charge(hold.unit, amount, record, called=called)
            costs.append(hold.charged)
        self._of.holder.settle(held, costs)
        if record.usage_source in _LEARNED_FROM:
            self._of.learn(self._alike, self._size, record.cost_nano_usd)

    def amend(self, record: Record) -> None:
        """Charge what an end turned out to be that was written too early."""
        held = self._held
        if held is None:
            return
        for hold, (account, amount) in zip(record.holds, held.parts, strict=True):
            charged = charge(hold.unit, amount, record, called=True)
            account.adjust(charged - hold.charged)
            hold.charged = charged

    @property
    def guesses(self) -> bool:
        """Whether something is held for an expected cost: a stream may turn out to need more."""
        return any([share.kind == EXPECTED for share in self._shares])

    def grow(self, cost_nano_usd: int) -> Refusal | None:
        """Hold more for a stream that costs so much by now. Return what it is stopped for, if it must be.

        More is asked for without waiting: what the answer brings is there when it grows again.
        """
        held = self._held
        if held is None or held.settled:
            return None
        more = []
        lacks: Share | None = None
        for share, (account, amount) in zip(self._shares, held.parts, strict=True):
            extra = cost_nano_usd + cost_nano_usd // _AHEAD - amount if share.kind == EXPECTED else 0
            more.append(max(0, extra))
            if extra > 0 and extra > account.free and account.under_way is None and share.budget.stops:
                lacks = share
        if self.starves and lacks is not None:
            spent = Spent(USD, lacks.terms.limit, lacks.terms.limit, cost_nano_usd)
            return budget_exceeded(lacks.budget, spent, lacks.values, self._now_ns / _NANO)
        self.starves = not self._of.holder.extend(held, more)
        return None

    def lines(self) -> bytes:
        """Write the headers that say what is left, of the budget that has least, as far as this worker knows."""
        held = self._held
        if held is None:
            return b""
        least = -1
        for share, (account, _) in zip(self._shares, held.parts, strict=True):
            if share.unit == USD and share.budget.mode != "track":
                left = max(0, account.free + (account.room or 0))
                if least < 0 or left < least:
                    least = left
        if least < 0:
            return b""
        return b"x-tollway-budget-left-usd: %b\r\n%b" % (usd_text(least).encode(), self.plan.reset_line)

    def _demands(self) -> list[tuple[Terms, int]]:
        return [(share.terms, amount) for share, amount in zip(self._shares, self._amounts, strict=True)]

    def _told(self, found: Held | Short) -> None:
        """The ledger has answered: go, try with less, or be refused."""
        if isinstance(found, Held):
            self._held, self._short = found, None
            self._tell(None)
            return
        at = self._share_of(found)
        share = self._shares[at]
        left = max(0, found.account.free) + max(0, found.account.room or 0)
        if not found.lost and share.kind == EXPECTED and 0 < left < self._amounts[at] and self._tries < 4:
            self._tries += 1
            self._amounts[at] = left
            if self.enter():
                self._short = None
                self._tell(None)
            elif self._short is not None:
                self._of.holder.more(self._short, self._told)
            return
        self._short = None
        self._tell(_refusal(share, found, left, self._now_ns / _NANO))

    def _tell(self, refusal: Refusal | None) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(refusal)

    def _share_of(self, short: Short) -> int:
        return next(at for at, share in enumerate(self._shares) if share.terms is short.terms)


def _refusal(share: Share, short: Short, left: int, at_s: float) -> Refusal:
    """Say what is in the way: the money, or nobody who could say whether it is there."""
    budget = share.budget
    if short.lost:
        return Refusal(
            "ledger_down",
            f"What is left of the budget {budget.id} cannot be asked for now, so the request was not sent. "
            "Try again in a moment.",
        )
    limit = short.terms.limit
    spent = Spent(share.unit, max(0, limit - left), limit, short.amount)
    return budget_exceeded(budget, spent, share.values, at_s)
