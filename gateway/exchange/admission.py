"""One request at the gate: what it holds of each balance, until when it waits, and what it is charged in the end."""

from collections.abc import Callable
from typing import Final, Protocol

from gateway.core.errors import Refusal
from gateway.core.record import Record
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

    def learn(self, plan: Plan, size: int, cost_nano_usd: int) -> None:
        """Take in what a request did cost."""


class Admission:
    """`plan`: which balances it touches; `amounts`: what of each kind (plan.EXPECTED …) it needs.

    `size`: of the body, in bytes.

    What cannot be had of an expected cost in full is taken as far as it is there: while there is anything left,
    nobody is refused for a guess.
    """

    __slots__ = (
        "_amounts", "_charges", "_held", "_now_ns", "_of", "_short", "_size", "_then", "_tries",
        "plan", "starves", "waited",
    )  # fmt: skip

    def __init__(self, gate: Guard, plan: Plan, amounts: list[int], size: int, now_ns: int) -> None:
        self.plan = plan
        self.waited = False
        self.starves = False  # a stream needs more than is held, and could not have it when it asked last
        self._of = gate
        self._amounts = [amounts[share.kind] for share in plan.shares]
        self._size = size
        self._now_ns = now_ns
        self._held: Held | None = None
        self._charges: list[int] = []  # once it is settled
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
        held = self._held
        if held is not None and not held.settled:
            self._charges = [0] * len(held.parts)
            self._of.holder.settle(held, self._charges)

    def members(self, *, ended: bool) -> bytes:
        """Write what a frame of the journal says of it, behind the record's own members.

        Whoever finds the beginning alone must know whose money is in it.
        """
        held, charges = self._held, self._charges
        if held is None:
            return b"}"
        if not ended:
            return self.plan.begun
        numbers: list[int] = []
        for at, (_, amount) in enumerate(held.parts):
            numbers.append(amount)
            numbers.append(charges[at])
        return self.plan.ended % tuple(numbers)

    def settle(self, record: Record, *, called: bool) -> None:
        """Replace every hold by what it is charged, once."""
        held = self._held
        if held is None or held.settled:
            return
        charges = self._charges
        for at, share in enumerate(self.plan.shares):
            charges.append(charge(share.unit, held.parts[at][1], record, called=called))
        self._of.holder.settle(held, charges)
        if record.usage_source in _LEARNED_FROM:
            self._of.learn(self.plan, self._size, record.cost_nano_usd)

    def amend(self, record: Record) -> None:
        """Charge what an end turned out to be that was written too early."""
        held, charges = self._held, self._charges
        if held is None or not charges:
            return
        for at, share in enumerate(self.plan.shares):
            account, amount = held.parts[at]
            charged = charge(share.unit, amount, record, called=True)
            account.adjust(charged - charges[at])
            charges[at] = charged

    def grow(self, cost_nano_usd: int) -> Refusal | None:
        """Hold more for a stream that costs so much by now. Return what it is stopped for, if it must be.

        More is asked for without waiting: what the answer brings is there when it grows again.
        """
        held = self._held
        if held is None or held.settled:
            return None
        lacks: Share | None = None
        for at, share in enumerate(self.plan.shares):
            account, amount = held.parts[at]
            extra = cost_nano_usd - amount if share.kind == EXPECTED else 0
            left = account.free + max(0, account.room or 0)
            if extra > max(0, left) and account.under_way is None and share.budget.stops:
                lacks = share
        if self.starves and lacks is not None:
            limit = lacks.terms.limit
            spent = Spent(USD, limit, limit, cost_nano_usd)
            return budget_exceeded(lacks.budget, spent, lacks.values, self._now_ns / _NANO)
        ahead = cost_nano_usd + cost_nano_usd // _AHEAD
        more = self._lack(held, ahead)
        if any([extra > held.parts[at][0].free for at, extra in enumerate(more)]):
            more = self._lack(held, cost_nano_usd)
        self.starves = not self._of.holder.extend(held, more)
        return None

    def _lack(self, held: Held, cost_nano_usd: int) -> list[int]:
        """List what each hold lacks of such a cost."""
        shares = self.plan.shares
        return [
            max(0, cost_nano_usd - amount) if shares[at].kind == EXPECTED else 0
            for at, (_, amount) in enumerate(held.parts)
        ]

    def lines(self) -> bytes:
        """Write the headers that say what is left, of the budget that has least, as far as this worker knows."""
        held = self._held
        if held is None:
            return b""
        least = -1
        for at, share in enumerate(self.plan.shares):
            if share.shown:
                account = held.parts[at][0]
                left = account.free
                if account.room is not None:
                    left += account.room
                if least < 0 or left < least:
                    least = max(0, left)
        if least < 0:
            return b""
        whole, rest = divmod(least, _NANO)
        return b"x-tollway-budget-left-usd: %d.%09d\r\n%b" % (whole, rest, self.plan.reset_line)

    def _demands(self) -> list[tuple[Terms, int]]:
        amounts = self._amounts
        return [(share.terms, amounts[at]) for at, share in enumerate(self.plan.shares)]

    def _told(self, found: Held | Short) -> None:
        """The ledger has answered: go, try with less, or be refused."""
        if isinstance(found, Held):
            self._held, self._short = found, None
            self._tell(None)
            return
        at = self._share_of(found)
        share = self.plan.shares[at]
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
        return next(at for at, share in enumerate(self.plan.shares) if share.terms is short.terms)


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
