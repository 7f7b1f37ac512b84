"""How is a budget handed out so that no crash can overspend it? The authority's books, as a pure state machine.

A balance is what may be spent of one budget in one window. Its money leaves in leases: amounts that a holder (one
worker process, for its lifetime) may spend without asking. The rules, and why they suffice:

- What is granted is charged at once, before the holder can know of it; so what all holders can spend is never more
  than what is charged, and that never more than the limit, but for debts.
- A lease of a holder that is gone stays charged in full until it is known what it really spent (`close`): a holder
  that was only slow spends what is charged already. No clock is needed for that.
- Everything is absolute: a holder numbers its asks, an ask that comes twice gets the same answer, one that comes late
  gets none. So messages may be lost, repeated and reordered.

A debt is what was spent beyond the holder's lease, because a cost was larger than what was held for it: it is charged
whatever the limit says, and nothing more is granted until it is paid.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec


class Place(NamedTuple):
    """Which balance. `series`: the budget, what it counts, and the values it is parted by; `start_s`: its window's."""

    series: str
    start_s: int


class Ask(msgspec.Struct, array_like=True, frozen=True):
    """A holder's word about one of its leases.

    `number` grows by one with each ask about this lease. `back`: free money that is returned. `debt`: what was spent
    beyond the lease. `want`: what would be good to have; `need`: less than this is of no use (0: anything is).
    `reach_s`: balances of the series that begin there or later count against the limit together.
    """

    series: str
    start_s: int
    reach_s: int
    holder: str
    number: int
    back: int
    debt: int
    need: int
    want: int

    @property
    def place(self) -> Place:
        """The balance it is about."""
        return Place(self.series, self.start_s)


class Grant(msgspec.Struct, array_like=True, frozen=True):
    """The authority's answer to the ask of this `number`. `granted`: all that the lease holds now.

    `added`: how much of it is new. `room`: what is left to grant, below zero if there are debts.
    """

    series: str
    start_s: int
    number: int
    granted: int
    added: int
    room: int


class Lease(msgspec.Struct):
    """What a holder may spend of a balance, and the last ask about it."""

    granted: int = 0
    number: int = 0
    added: int = 0


class Balance(msgspec.Struct):
    """Leases by holder, and what closed ones have spent."""

    spent: int = 0
    leases: dict[str, Lease] = {}

    @property
    def charged(self) -> int:
        """All that was spent, or can be without asking."""
        return self.spent + sum(lease.granted for lease in self.leases.values())


class Stale(Exception):
    """The ask was overtaken by a later one, or its holder is known to be gone: there is no answer."""


class Books:
    """All balances. Every change is noted in `changed` until somebody has written it down."""

    def __init__(self) -> None:
        self.changed: set[Place] = set()
        self._series: dict[str, dict[int, Balance]] = {}
        self._gone: set[str] = set()

    def ask(self, ask: Ask, limit: int) -> Grant:
        """Charge what is granted. Raise Stale where no answer is due."""
        if ask.holder in self._gone:
            raise Stale
        balance = self._balance(ask.place)
        lease = balance.leases.get(ask.holder) or Lease()
        if ask.number < lease.number:
            raise Stale
        if ask.number > lease.number:
            balance.leases[ask.holder] = lease
            lease.number = ask.number
            lease.granted += ask.debt - min(ask.back, lease.granted)
            lease.added = _share(self.room(ask.series, ask.reach_s, limit), ask.need, ask.want)
            lease.granted += lease.added
            self.changed.add(ask.place)
        room = self.room(ask.series, ask.reach_s, limit)
        return Grant(ask.series, ask.start_s, ask.number, lease.granted, lease.added, room)

    def room(self, series: str, reach_s: int, limit: int) -> int:
        """Return what is left to grant, below zero if there are debts."""
        balances = self._series.get(series, {})
        return limit - sum(balance.charged for start_s, balance in balances.items() if start_s >= reach_s)

    def close(self, holder: str, spent: Mapping[Place, int]) -> None:
        """End all leases of a holder that is gone: `spent` is what it really spent. Again: nothing happens."""
        if holder in self._gone:
            return
        self._gone.add(holder)
        for place, amount in spent.items():
            self._balance(place).spent += amount
            self.changed.add(place)
        for place, balance in self.balances():
            if balance.leases.pop(holder, None) is not None:
                self.changed.add(place)

    def correct(self, place: Place, amount: int) -> None:
        """Add to what was spent, or take from it: somebody found it wrong."""
        self._balance(place).spent += amount
        self.changed.add(place)

    def holders(self) -> set[str]:
        """Return everybody who has a lease."""
        return {holder for _, balance in self.balances() for holder in balance.leases}

    def holding(self, series: str, reach_s: int) -> Iterator[tuple[Place, str]]:
        """Give the leases that hold something of a series: whom to ask for what is free."""
        for place, balance in self.balances(series):
            if place.start_s >= reach_s:
                yield from ((place, holder) for holder, lease in balance.leases.items() if lease.granted > 0)

    def balances(self, series: str | None = None) -> Iterator[tuple[Place, Balance]]:
        """Give all balances, or those of a series."""
        for name in [series] if series is not None else list(self._series):
            for start_s, balance in self._series.get(name, {}).items():
                yield Place(name, start_s), balance

    def restore(self, balances: Iterable[tuple[Place, Balance]], gone: Iterable[str]) -> None:
        """Take up what was written down."""
        for place, balance in balances:
            self._series.setdefault(place.series, {})[place.start_s] = balance
        self._gone.update(gone)

    def forget(self, place: Place) -> None:
        """Drop a balance whose window is over and that nobody holds anything of."""
        self._series.get(place.series, {}).pop(place.start_s, None)
        self.changed.discard(place)

    def _balance(self, place: Place) -> Balance:
        return self._series.setdefault(place.series, {}).setdefault(place.start_s, Balance())


def _share(room: int, need: int, want: int) -> int:
    """Decide how much to grant: all that is wanted, or what there is, unless that is less than is needed."""
    share = min(want, room)
    return share if share >= need and share > 0 else 0
