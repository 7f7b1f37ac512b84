"""How is a budget handed out so that no crash can overspend it? The authority's books, as a pure state machine.

A balance is what may be spent of one budget in one window. Its money leaves in leases: amounts that a holder (one
worker process, for its lifetime) may spend without asking. The rules, and why they suffice:

- What is granted is charged at once, before the holder can know of it; so what all holders can spend is never more
  than what is charged, and that never more than the limit, but for debts.
- A lease of a holder that is gone stays charged in full until it is known what it really spent (`close`): a holder
  that was only slow spends what is charged already. No clock is needed for that.
- Everything is absolute: a holder numbers its asks, an ask that comes twice gets the same answer, one that comes late
  gets none. So messages may be lost, repeated and reordered.

What becomes known of a cost later (work that went on after its exchange, a cost that was corrected) is told as the sum
of all that of a holder (`late`), below zero where it was less than what was charged before. It outlives the lease.

A debt is what was spent beyond the holder's lease, because a cost was larger than what was held for it: it is charged
whatever the limit says, and nothing more is granted until it is paid.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

# No amount is larger, nor a second: sums of some of them still fit into the 64 bits of a file.
MOST: Final = 1 << 60
# A balance that no ask has ever been about: longer than any window.
UNASKED_KEPT_S: Final = 400 * 86_400

Amount = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Number = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
Second = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]


class Place(NamedTuple):
    """Which balance. `series`: the budget, what it counts, and the values it is parted by; `start_s`: its window's."""

    series: str
    start_s: int


class Ask(msgspec.Struct, array_like=True, frozen=True, tag="ask"):
    """A holder's word about one of its leases.

    `number` grows by one with each ask about this lease. `back`: free money that is returned. `debt`: what was spent
    beyond the lease. `want`: what would be good to have; `need`: less than this is of no use (0: anything is).
    `reach_s`: balances of the series that begin there or later count against the limit together. `limit`: as the
    holder's config says. `over_s`: from then on the balance counts no more. `settled`: what it has spent of the lease.
    `recalled`: the last recall that this answers, 0 for none. `turn`: whose it is among those that wait; the lowest
    comes first (waiting.py). `partial`: who cannot have what it needs takes what there is, once others have returned
    what they have free.

    Of a rate (see rates.py) `rate` comes in each `per_ns`, 0: it is none; `limit` is how much may come at once.
    `unused`: so much less did requests need than they took, the first of them not before the mark `since`.
    """

    series: str
    start_s: Second
    reach_s: Second
    holder: str
    number: Number
    back: Amount
    debt: Amount
    need: Amount
    want: Amount
    limit: Amount = 0
    over_s: Second = MOST
    settled: Amount = 0
    recalled: Amount = 0
    rate: Amount = 0
    per_ns: Amount = 0
    unused: Amount = 0
    since: Amount = 0
    turn: Amount = MOST
    partial: bool = False

    @property
    def place(self) -> Place:
        """The balance it is about."""
        return Place(self.series, self.start_s)


class Grant(msgspec.Struct, array_like=True, frozen=True, tag="grant"):
    """The authority's answer to the ask of this `number`. `granted`: all that the lease holds now.

    `added`: how much of it is new; less than is needed only where the ask is partial, or 0. `room`: what is left to
    grant, below zero if there are debts. `late`: it was too little, and somebody has not said yet what it has free:
    that is no refusal. `raised`: how much more than the ask's limit there is now. Of a rate `full_ns`: after so long
    nothing of it is used any more; `mark`: an instant, by the authority's own count.
    """

    series: str
    start_s: int
    number: int
    granted: int
    added: int
    room: int
    full_ns: int = 0
    mark: int = 0
    late: bool = False
    raised: int = 0


class Lease(msgspec.Struct):
    """What a holder may spend of a balance, and the last ask about it. `settled`: what it said that it has spent."""

    granted: int = 0
    number: int = 0
    added: int = 0
    settled: int = 0


class Balance(msgspec.Struct):
    """Leases by holder, and what closed ones have spent. `late`: by holder, what became known after that was settled.

    `corrected`: what people added, or took off. `over_s`: from when on it counts no more; 0: no ask has said so yet.
    """

    spent: int = 0
    corrected: int = 0
    over_s: int = 0
    leases: dict[str, Lease] = {}
    late: dict[str, int] = {}

    @property
    def charged(self) -> int:
        """All that was spent, or can be without asking."""
        known = self.spent + self.corrected + sum(self.late.values())
        return known + sum(lease.granted for lease in self.leases.values())

    @property
    def settled(self) -> int:
        """What closed leases have spent, open ones said that they have, and what became known late."""
        return self.spent + sum(lease.settled for lease in self.leases.values()) + sum(self.late.values())

    @property
    def is_quiet(self) -> bool:
        """Whether all that was granted is spent: nobody holds anything of it."""
        return all(lease.granted == lease.settled for lease in self.leases.values())

    @property
    def is_empty(self) -> bool:
        """Whether it says no more than that there is one."""
        used = any(lease.granted or lease.settled for lease in self.leases.values())
        return not (used or self.spent or self.corrected or any(self.late.values()))


class Stale(Exception):
    """The ask was overtaken by a later one, or its holder is known to be gone: there is no answer."""


class Absurd(Exception):
    """The ask says what cannot be: nothing of it was noted."""


class Books:
    """All balances. A balance that changed, or was forgotten, stands in `changed` until somebody wrote that down.

    That an ask was refused is no change, as long as no number was left out: whoever forgot it grants it anew when it
    comes again, to a holder that does not wait for it any more and finds it with its next answer.
    """

    def __init__(self) -> None:
        self.changed: set[Place] = set()
        self._series: dict[str, dict[int, Balance]] = {}
        self._gone: dict[str, int] = {}

    def ask(self, ask: Ask, limit: int) -> Grant:
        """Note an ask and charge what is granted. Raise Stale where no answer is due."""
        return self.fill(ask, limit) if self.note(ask) else self.answer(ask, limit)

    def note(self, ask: Ask) -> bool:
        """Take what is returned and charge what is owed; False: that was done already. Raise Stale, Absurd."""
        if ask.holder in self._gone:
            raise Stale
        balance = self._balance(ask.place)
        lease = balance.leases.get(ask.holder) or Lease()
        if ask.number <= lease.number:
            if ask.number < lease.number:
                raise Stale
            return False
        granted = lease.granted + ask.debt - min(ask.back, lease.granted)
        if granted > MOST:
            raise Absurd(f"a lease of {granted}")
        settled = max(ask.settled, lease.settled)
        if (granted, settled, ask.number) != (lease.granted, lease.settled, lease.number + 1):
            self.changed.add(ask.place)
        lease.number, lease.granted, lease.added, lease.settled = ask.number, granted, 0, settled
        balance.over_s = max(balance.over_s, ask.over_s)
        balance.leases[ask.holder] = lease
        return True

    def lack(self, ask: Ask, limit: int) -> int:
        """Return how much less there is to grant than a noted ask needs."""
        return max(0, ask.need - max(0, self.room(ask.series, ask.reach_s, limit)))

    def fill(self, ask: Ask, limit: int) -> Grant:
        """Charge what is granted to an ask that was noted, once. Raise Stale if it was overtaken since."""
        lease = self._lease(ask)
        need = 0 if ask.partial else ask.need
        lease.added = share(self.room(ask.series, ask.reach_s, limit), need, ask.want)
        if lease.added:
            lease.granted += lease.added
            self.changed.add(ask.place)
        return self.answer(ask, limit)

    def answer(self, ask: Ask, limit: int) -> Grant:
        """Say what an ask that was noted has brought. Raise Stale if it was overtaken since."""
        lease = self._lease(ask)
        room = self.room(ask.series, ask.reach_s, limit)
        return Grant(ask.series, ask.start_s, ask.number, lease.granted, lease.added, room)

    def room(self, series: str, reach_s: int, limit: int) -> int:
        """Return what is left to grant, below zero if there are debts."""
        balances = self._series.get(series, {})
        return limit - sum(balance.charged for start_s, balance in balances.items() if start_s >= reach_s)

    def close(self, holder: str, spent: Mapping[Place, int], at_s: int = 0) -> None:
        """End all leases of a holder that is gone: `spent` is what it really spent, less what became known late.

        That is never less than it said itself: what is missing was lost on the way. Again: nothing happens.
        """
        if holder in self._gone:
            return
        self._gone[holder] = at_s
        unheld = dict(spent)
        for place, balance in self.balances():
            lease = balance.leases.pop(holder, None)
            if lease is not None:
                balance.spent += max(unheld.pop(place, 0), lease.settled)
                self.changed.add(place)
        for place, amount in unheld.items():
            if amount:
                self._balance(place).spent += amount
                self.changed.add(place)

    def late(self, holder: str, place: Place, total: int) -> bool:
        """Note all that became known late of what a holder was charged, gone or not; whether that is news."""
        balance = self.balance(place)
        if total == (0 if balance is None else balance.late.get(holder, 0)):
            return False
        late = self._balance(place).late
        late[holder] = total
        if not total:
            del late[holder]
        self.changed.add(place)
        return True

    def correct(self, place: Place, amount: int) -> None:
        """Add to what was spent, or take from it: somebody found it wrong."""
        self._balance(place).corrected += amount
        self.changed.add(place)

    def reset(self, series: str, reach_s: int) -> int:
        """Let what was spent count no more, as far as it was told; return the correction, which is below zero."""
        total = 0
        for place, balance in self.balances(series):
            if place.start_s >= reach_s:
                amount = -(balance.settled + balance.corrected)
                self.correct(place, amount)
                total += amount
        return total

    def is_gone(self, holder: str) -> bool:
        """Whether a holder's leases were closed."""
        return holder in self._gone

    def holders(self) -> set[str]:
        """Return everybody who has a lease."""
        return {holder for _, balance in self.balances() for holder in balance.leases}

    def holding(self, series: str, reach_s: int) -> Iterator[tuple[Place, str, int]]:
        """Give the leases of a series that are not known to be spent, and how much of each: whom to ask for it."""
        for place, balance in self.balances(series):
            if place.start_s >= reach_s:
                for name, lease in balance.leases.items():
                    if lease.granted > lease.settled:
                        yield place, name, lease.granted - lease.settled

    def series(self) -> list[str]:
        """Return the names of all series."""
        return list(self._series)

    def balances(self, series: str | None = None) -> Iterator[tuple[Place, Balance]]:
        """Give all balances, or those of a series."""
        for name in [series] if series is not None else list(self._series):
            for start_s, balance in self._series.get(name, {}).items():
                yield Place(name, start_s), balance

    def balance(self, place: Place) -> Balance | None:
        """Return a balance, if there is one."""
        return self._series.get(place.series, {}).get(place.start_s)

    def restore(self, balances: Iterable[tuple[Place, Balance]], gone: Mapping[str, int]) -> None:
        """Take up what was written down."""
        for place, balance in balances:
            self._series.setdefault(place.series, {})[place.start_s] = balance
        self._gone.update(gone)

    def prune(
        self, now_s: int, over: Callable[[Place], int], busy: Callable[[str], bool] = lambda series: False
    ) -> None:
        """Forget balances that count no more and that nobody holds anything of, and empty ones.

        `over`: says it of those that no ask has been about. `busy`: an ask about the series waits for its answer.
        """
        quiet = [(place, balance) for place, balance in self.balances() if balance.is_quiet]
        for place, balance in quiet:
            if (balance.over_s or over(place)) <= now_s or (balance.is_empty and not busy(place.series)):
                self.forget(place)

    def forget(self, place: Place) -> None:
        """Drop a balance."""
        series = self._series[place.series]
        del series[place.start_s]
        if not series:
            del self._series[place.series]
        self.changed.add(place)

    def forget_gone(self, before_s: int) -> list[str]:
        """Drop, and return, the names of holders that were closed before then: nothing of theirs is on its way."""
        names = [name for name, at_s in self._gone.items() if at_s < before_s]
        for name in names:
            del self._gone[name]
        return names

    def _lease(self, ask: Ask) -> Lease:
        balance = self.balance(ask.place)
        lease = None if balance is None else balance.leases.get(ask.holder)
        if lease is None or lease.number != ask.number:
            raise Stale
        return lease

    def _balance(self, place: Place) -> Balance:
        return self._series.setdefault(place.series, {}).setdefault(place.start_s, Balance())


def share(room: int, need: int, want: int) -> int:
    """Decide how much to grant: all that is wanted, or what there is, unless that is less than is needed."""
    most = min(want, room)
    return most if most >= need and most > 0 else 0


def unasked_over_s(place: Place) -> int:
    """Say when a balance is over of which only its beginning is known; one that began with time itself never is."""
    return place.start_s + UNASKED_KEPT_S if place.start_s else MOST
