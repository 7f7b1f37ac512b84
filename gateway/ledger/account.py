"""What may a holder spend of one balance right now? Its side of a lease: holds, settlement, and what to ask for next.

Pure and synchronous: a request is admitted by comparing integers. One ask is under way at a time; while it is, others
that come short wait for the same answer. A later ask may take its place, since every answer is absolute: what the
authority did not hear of then comes back with its answer, as free money or as a debt.

Permits of a rate (rates.py) are spent as soon as they are held: they drain away while the request runs. In its end
what it cost beyond that is taken from what is free; what it needed less is told, and is free only once it is granted.
"""

from typing import Final

from gateway.ledger.lease import MOST, Ask, Grant, Place
from gateway.policies.limit import Rate

EVERYBODY: Final = MOST + 1  # every turn comes before that


class Terms:
    """A balance as a request needs it. One object serves all requests of a window.

    `limit`: as the config says. `reach_s`, `over_s`: see Ask. `most`: nobody asks for more at once than that, but for
    what waits. `slack`: so far below zero a holder may go while the authority is lost (0: not at all, MOST: whatever).
    `partial`: who comes short takes what there is.
    Of a rate: `rate` in each `per_ns` (0: it is none), and `limit` may come at once. `account`: its holder's.
    """

    __slots__ = ("account", "limit", "most", "over_s", "partial", "per_ns", "place", "rate", "reach_s", "slack")

    def __init__(
        self, place: Place, reach_s: int, over_s: int, limit: int, *, most: int = MOST, slack: int = 0
    ) -> None:
        self.place = place
        self.reach_s = reach_s
        self.over_s = over_s
        self.limit = min(limit, MOST)
        self.most = most
        self.slack = min(slack, MOST)
        self.partial = False
        self.rate = 0
        self.per_ns = 0
        self.account: Account | None = None

    @classmethod
    def of_rate(cls, series: str, rate: Rate) -> "Terms":
        """Make those of permits. While nobody can be asked they are there: a rate is no money."""
        terms = cls(Place(series, 0), 0, MOST, rate.burst, slack=MOST)
        terms.rate = min(rate.amount, MOST)
        terms.per_ns = rate.per_ns
        return terms


class Account:
    """One lease as its holder sees it. All amounts in the balance's own unit (nano-USD, or requests).

    `free` is what can still be held: the lease less what was settled and what is held. It falls below zero when a cost
    was larger than its hold. `owed`: debts of asks without an answer. `holds`: how many are not settled. `recalled`:
    the recall that the next ask answers. `after`: the highest number of an account about the same lease that was
    dropped; whatever the lease held by then counts as settled. `settled` is of a rate what was told. `room`, `full_ns`,
    `raised`: as the authority last said, see Grant.
    """

    __slots__ = (
        "_asked",
        "_known",
        "_since",
        "_told",
        "_unused",
        "free",
        "full_ns",
        "granted",
        "holder",
        "holds",
        "keeps",
        "low",
        "number",
        "owed",
        "owner",
        "raised",
        "recall",
        "recalled",
        "room",
        "settled",
        "sticky_until_s",
        "terms",
        "used",
        "watched",
    )

    def __init__(self, terms: Terms, holder: str, after: int = 0) -> None:
        self.terms = terms
        self.holder = holder
        self.granted = 0
        self.settled = 0
        self.free = 0
        self.holds = 0
        self.owed = 0
        self.number = after
        self.room: int | None = None  # as the authority last said
        self.recalled = 0
        self._asked: list[Ask] = []  # without an answer yet; each takes the place of those before it
        self._known = False  # the authority has answered once
        self._told = 0  # of what was settled
        self._unused = 0  # not told
        self._since = MOST
        self.full_ns = 0
        self.raised = 0
        # What follows is the holder's own, see there.
        self.owner: object = None
        self.low = 0
        self.used = 0
        self.watched = False
        self.sticky_until_s = 0.0
        self.recall = 0
        self.keeps = EVERYBODY

    def hold(self, amount: int, beyond: int = 0) -> bool:
        """Set an amount aside for a request; False: there is not enough, not even `beyond` what is free.

        Nothing at all can always be held, also where there are debts.
        """
        if amount and amount > self.free + beyond:
            return False
        self.free -= amount
        self.holds += 1
        return True

    def grow(self, amount: int, beyond: int = 0) -> bool:
        """Make a hold larger, or smaller again; False: there is not enough."""
        if amount > self.free + beyond:
            return False
        self.free -= amount
        return True

    @property
    def held(self) -> int:
        """What requests have set aside."""
        return self.granted - self.settled - self.free

    @property
    def left(self) -> int:
        """How much is left of the balance, as far as this holder knows."""
        left = self.free if self.room is None else self.free + self.room
        return left if left > 0 else 0

    @property
    def trust(self) -> int:
        """How far below zero it may go now, where nobody can be asked."""
        return max(0, self.terms.slack - self.owed)

    def release(self, amount: int) -> None:
        """Undo a hold at once: nobody was told of it."""
        self.free += amount
        self.holds -= 1

    def settle(self, held: int, cost: int, mark: int = 0) -> None:
        """Replace a hold by the real cost. Once for each hold: whoever holds it sees to that.

        `mark`: the last of the authority's that was known when it was held.
        """
        self.holds -= 1
        if not self.terms.per_ns:
            self.settled += cost
            self.free += held - cost
        elif cost > held:
            self.free -= cost - held
        elif cost < held:
            self._unused += held - cost
            self._since = min(self._since, mark)

    def adjust(self, amount: int) -> None:
        """Settle so much more of what was settled already; below zero: less, where it does not drain by itself."""
        if not self.terms.per_ns:
            self.settled += amount
            self.free -= amount
        elif amount > 0:
            self.free -= amount

    def ask(self, need: int, want: int, back: int = 0, turn: int = MOST) -> Ask | None:
        """Make the ask that would give a request what it needs; None: one is under way, wait for its answer."""
        return None if self._asked else self._new_ask(back, need, max(want, need), turn)

    def ask_instead(self, need: int, want: int, back: int, turn: int = MOST) -> Ask | None:
        """Make an ask in place of the one under way; None: the first answer is not there, wait for it."""
        return self._new_ask(back, need, max(want, need), turn) if self._known or not self._asked else None

    def give_back(self, keep: int = 0) -> Ask | None:
        """Make the ask that returns what is free beyond `keep`; None: there is nothing to return, to pay or to tell."""
        back = max(0, self.free - keep)
        return self.ask(0, 0, back) if back or self.free < 0 or self.is_untold else None

    @property
    def is_untold(self) -> bool:
        """Whether the authority does not know all that was spent."""
        return self._told != self._spent() or self._unused > 0

    @property
    def under_way(self) -> Ask | None:
        """The ask without an answer yet: to be sent again, as it is, on a new connection."""
        return self._asked[-1] if self._asked else None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is held or free, owed or untold: it can be dropped, and made again."""
        return not self._asked and not self.holds and not self.free and not self.is_untold

    def take(self, grant: Grant) -> bool:
        """Take an answer; False: it is not one that is waited for.

        Of asks that were overtaken, too: what they brought is there. What later ones return and owe is added to it.
        """
        number = grant.number
        if not any(ask.number == number for ask in self._asked):
            return False
        self._asked = [ask for ask in self._asked if ask.number > number]
        self.room = grant.room
        self.raised = grant.raised
        self.full_ns = grant.full_ns
        self.owed = 0
        granted = grant.granted
        for ask in self._asked:
            self.owed += ask.debt
            granted += ask.debt - ask.back
        if not self._known:
            self._known = True
            before = granted - grant.added - self.granted
            self.settled += before
            self.granted += before
        self._set_granted(granted)
        return True

    def restart(self) -> None:
        """Begin anew with an authority that does not know this lease of a rate, and go on from what is owed."""
        self._asked = []
        self._known = False
        self.room = None
        self.granted = self.settled = self.owed = self.low = 0
        self.free = min(0, self.free)
        self._told = self._spent()

    def drain(self, for_ns: int) -> None:
        """Let what is owed of a rate drain for so long; no more of it than a full bucket is ever owed."""
        if self.free < 0:
            self.free = -min(self.terms.limit, max(0, -self.free - for_ns * self.terms.rate // self.terms.per_ns))

    def _new_ask(self, back: int, need: int, want: int, turn: int) -> Ask:
        terms, place = self.terms, self.terms.place
        debt = max(0, -self.free)
        self.number += 1
        self.owed += debt
        # What is returned is gone from now on, and a debt is charged whatever the answer is.
        self._set_granted(self.granted + debt - back)
        self.settled = self._told = self._spent()
        ask = Ask(
            place.series, place.start_s, terms.reach_s, self.holder, self.number, back, debt, min(need, MOST),
            min(want, MOST), terms.limit, terms.over_s, self.settled, self.recalled, terms.rate, terms.per_ns,
            self._unused, self._since if self._unused else 0, turn, terms.partial,
        )  # fmt: skip
        self._asked.append(ask)
        self.recalled = self._unused = 0
        self._since = MOST
        return ask

    def _spent(self) -> int:
        return self.granted - self.free if self.terms.per_ns else self.settled

    def _set_granted(self, granted: int) -> None:
        self.free += granted - self.granted
        self.granted = granted
