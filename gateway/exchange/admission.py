"""One request at the gate: what it holds of each balance, until when it waits, and what it is charged in the end."""

import time
from collections.abc import Callable
from typing import Final

from gateway.core.errors import Refusal
from gateway.core.money import usd_digits, whole_digits
from gateway.core.record import Record
from gateway.exchange.charging import AS_HELD, CALLED, TOKENS, charges
from gateway.exchange.plan import CHARGED, EXPECTED, HELD, Plan, Share
from gateway.ledger.account import Account
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.lease import MOST
from gateway.policies.budget import REQUESTS, USD, Budget
from gateway.policies.limit import waiting
from gateway.policies.refusing import Spent, budget_exceeded, rate_limited

_NANO: Final = 1_000_000_000
_MICRO: Final = 1_000
_clock_ns: Final = time.perf_counter_ns
_DRAWS: Final = 997  # so many different waits, for those who are refused at about the same time
_TRIES: Final = 4  # so often it tries again what has come free when it hears that it is refused
_AHEAD: Final = 4  # a stream holds a quarter more than it has cost until now
_LEARNED_FROM: Final = frozenset(("provider", "partial"))

# Called once: with None, the request may go; or with the reason why not.
Then = Callable[[Refusal | None], None]


class Admission:
    """`plan`: which balances it touches; `amounts`: what of each kind (plan.EXPECTED …) it needs.

    `size`: of the body, in bytes. `waited_us`: how long it waited for the ledger, or for a limit.

    What cannot be had of an expected cost in full is taken as far as it is there: while there is anything left,
    nobody is refused for a guess.
    """

    __slots__ = (
        "_amounts", "_asked_ns", "_charges", "_held", "_holder", "_now_ns", "_short", "_size", "_then", "_tries",
        "exceeded", "left", "plan", "starves", "waited_us",
    )  # fmt: skip

    def __init__(self, holder: Holder, plan: Plan, amounts: list[int], size: int, now_ns: int) -> None:
        self.plan = plan
        self.waited_us = 0
        self.exceeded: Budget | None = None  # the strict or soft budget that refused it
        self.left = 0  # of that budget then
        self.starves = False  # a stream needs more than is held, and could not have it when it asked last
        self._holder = holder
        needed: list[int] = []
        self._amounts = needed
        for share in plan.shares:
            amount = amounts[share.kind]
            needed.append(amount if amount <= share.most else share.most)
        self._size = size
        self._now_ns = now_ns
        self._held: Held | None = None
        self._charges: list[int] = []  # once it is settled
        self._short: Short | None = None
        self._then: Then | None = None
        self._tries = 0
        self._asked_ns = 0  # when the wait began

    @property
    def at_s(self) -> float:
        """When the request came, in Unix time."""
        return self._now_ns / _NANO

    def enter(self) -> bool:
        """Hold everything now; False: it comes short, and must `wait`."""
        holder = self._holder
        held = holder.take(self.plan.terms, self._amounts)
        if held is None:
            terms = self.plan.terms
            found = holder.hold([(terms[at], amount) for at, amount in enumerate(self._amounts)])
            if isinstance(found, Short):
                self._short = found
                return False
            held = found
        self._held = held
        return True

    def wait(self, then: Then) -> None:
        """Ask for what is short and call back once, never from in here."""
        short = self._short
        if short is None:
            return
        self._asked_ns = _clock_ns()
        self._then = then
        self._holder.more(short, self._told)

    def leave(self) -> None:
        """The client is gone: let go of everything. Nothing must have been sent."""
        self._then = None
        if self._short is not None:
            self._holder.leave(self._short)
            self._short = None
        self.release()

    def release(self) -> None:
        """Give back what is held: the request goes nowhere."""
        held = self._held
        if held is not None and not held.settled:
            self._charges = [0] * len(held.amounts)
            self._holder.settle(held, self._charges)

    def members(self, *, ended: bool) -> bytes:
        """Write what a frame of the journal says of it, behind the record's own members.

        Whoever finds the beginning alone must know whose money is in it.
        """
        held, charged = self._held, self._charges
        if held is None:
            return b"}"
        plan = self.plan
        if not ended:
            return plan.begun
        for at, row in enumerate(plan.holds):
            row[HELD] = held.amounts[at]
            row[CHARGED] = charged[at]
        return plan.written()

    def charge(self, record: Record, *, called: bool) -> None:
        """Work out what every hold is charged, for the journal; then `settle`."""
        held = self._held
        if held is None or held.settled:
            return
        plan = self.plan
        due = charges(record, called=called)
        self._charges = _charged(plan, held, due)
        if record.usage_source in _LEARNED_FROM and record.usage is not None:
            plan.learned.learn(self._size, record.cost_nano_usd, due[TOKENS])

    def settle(self) -> None:
        """Replace every hold by what it is charged, once.

        The journal comes first: what the ledger hears of as spent must stand there, whenever this process is killed.
        """
        held = self._held
        if held is not None:
            self._holder.settle(held, self._charges)

    def amend(self, record: Record) -> None:
        """Charge what an end turned out to be that was written too early."""
        held, before = self._held, self._charges
        if held is None or not before:
            return
        self._charges = after = _charged(self.plan, held, charges(record, called=True))
        for at, account in enumerate(held.accounts):
            account.adjust(after[at] - before[at])

    def grow(self, cost_nano_usd: int) -> Refusal | None:
        """Hold more for a stream that costs so much by now. Return what it is stopped for, if it must be.

        More is asked for without waiting: what the answer brings is there when it grows again.
        """
        held = self._held
        if held is None or held.settled:
            return None
        lacks: Share | None = None
        for at in range(self.plan.held):
            share, account = self.plan.shares[at], held.accounts[at]
            if share.kind != EXPECTED or share.budget is None or not share.budget.stops:
                continue
            left = account.free + max(0, account.room or 0)
            if cost_nano_usd - held.amounts[at] > max(0, left) and account.under_way is None:
                lacks = share
        if self.starves and lacks is not None:
            return self._exceeded(lacks, held.accounts[self.plan.shares.index(lacks)], cost_nano_usd)
        more = self._lack(held, cost_nano_usd + cost_nano_usd // _AHEAD)
        if any([extra > held.accounts[at].free for at, extra in enumerate(more)]):
            more = self._lack(held, cost_nano_usd)
        self.starves = not self._holder.extend(held, more)
        return None

    def _lack(self, held: Held, cost_nano_usd: int) -> list[int]:
        """List what each hold lacks of such a cost. A rate is corrected in the end."""
        plan = self.plan
        return [
            max(0, cost_nano_usd - amount) if at < plan.held and plan.shares[at].kind == EXPECTED else 0
            for at, amount in enumerate(held.amounts)
        ]

    def lines(self) -> list[bytes]:
        """Write, in pieces, the headers that say what is left, as far as this worker knows.

        Of money it is what the budget has that has least.
        """
        held, plan = self._held, self.plan
        if held is None:
            return []
        lines: list[bytes] = []
        heads = plan.headers
        if plan.money:
            least = MOST
            for at in plan.money:
                left = held.accounts[at].left
                least = min(least, left)
            lines += (heads[0], usd_digits(least))
        for at in plan.permits:
            lines += (heads[len(lines) // 2], whole_digits(held.accounts[at].left))
        lines.append(heads[-1])
        return lines

    def _told(self, found: Held | Short) -> None:
        """The ledger has answered: go, or be refused."""
        if isinstance(found, Held):
            self._held, self._short = found, None
            self._tell(None)
            return
        if found.fits and self._tries < _TRIES:
            self._tries += 1
            self._again()
            return
        at = next(at for at, terms in enumerate(self.plan.terms) if terms is found.terms)
        share = self.plan.shares[at]
        self._short = None
        if not found.lost:
            self.exceeded, self.left = share.budget, found.left
        self._tell(self._refusal(share, found, self._amounts[at]))

    def _again(self) -> None:
        if self.enter():
            self._short = None
            self._tell(None)
        elif self._short is not None:
            self._holder.more(self._short, self._told)

    def _tell(self, refusal: Refusal | None) -> None:
        then, self._then = self._then, None
        self.waited_us = (_clock_ns() - self._asked_ns) // _MICRO
        if then is not None:
            then(refusal)

    def _refusal(self, share: Share, short: Short, needed: int) -> Refusal:
        """Say what is in the way: a limit, the money, or nobody who could say whether it is there."""
        if share.permits is not None:
            wait = waiting(share.permits, short.wait_ns, short.left, short.full_ns)
            return rate_limited(wait, self.at_s, self._now_ns // _MICRO % _DRAWS / _DRAWS)
        if share.budget is not None and (short.lost or short.late):
            return Refusal(
                "ledger_down",
                f"What is left of the budget {share.budget.id} cannot be asked for now, so the request was not sent. "
                "Try again in a moment.",
            )
        return self._exceeded(share, short.account, needed)

    def _exceeded(self, share: Share, account: Account, needed: int) -> Refusal:
        if share.budget is None:
            raise TypeError("a limit is no budget")
        unit = REQUESTS if share.charge == CALLED else USD
        limit = share.terms.limit + account.raised
        spent = Spent(unit, max(0, limit - max(0, account.free) - (account.room or 0)), limit, needed)
        return budget_exceeded(share.budget, spent, share.values, self.at_s)


def _charged(plan: Plan, held: Held, due: list[int]) -> list[int]:
    """List what each hold is charged, of what is `due` in each way."""
    charged: list[int] = []
    for at, share in enumerate(plan.shares):
        amount = due[share.charge]
        charged.append(held.amounts[at] if amount == AS_HELD else amount)
    return charged
