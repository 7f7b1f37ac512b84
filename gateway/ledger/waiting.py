"""Who waits for more of a balance, and whose turn is it?

A request may wait for several balances, and other workers for the same ones. What one has got of a balance is set aside
for it until the rest comes; else it would never find all of it together. But two that have a part each must not wait
for each other: everybody who waits has a turn, in one order over all holders, and who comes first has his way:

- A holder that is asked for money returns what is set aside for those after the asker, and keeps the rest.
- Who comes later waits until those before have all that they need, or are refused, and is not refused meanwhile.

So the first of all waits for nobody, and is served or refused at once; then the next one is the first. A turn is the
time at which the wait began. Clocks of several hosts may differ: that is unfair, nothing else.
"""

from collections.abc import Sequence
from typing import Final

from gateway.ledger.account import Account
from gateway.ledger.holds import Short, Wait
from gateway.ledger.lease import MOST, Place

TICKS: Final = 1e6  # a second's


class Waiting:
    """The queues of a holder's accounts, in the order of turns."""

    def __init__(self) -> None:
        self._queues: dict[Place, list[Wait]] = {}
        self._turn = 0

    def next_turn(self, now_s: float) -> int:
        """Return the turn of a request that begins to wait: after all that did before it here."""
        self._turn = min(MOST, max(self._turn + 1, int(now_s * TICKS)))
        return self._turn

    def at(self, account: Account) -> list[Wait]:
        """Return who waits on an account."""
        return self._queues.get(account.terms.place, _NOBODY)

    def is_at(self, place: Place) -> bool:
        """Whether anybody waits there."""
        return place in self._queues

    def add(self, wait: Wait) -> None:
        """Let a request wait on one of its accounts."""
        queue = self._queues.setdefault(wait.terms.place, [])
        at = len(queue)
        while at and queue[at - 1].short.turn > wait.short.turn:
            at -= 1
        queue.insert(at, wait)
        wait.short.waits.append(wait)

    def remove(self, short: Short) -> list[Account]:
        """Let a request wait no more, and return where it did."""
        waits, short.waits = short.waits, []
        for wait in waits:
            place = wait.terms.place
            queue = self._queues[place]
            queue.remove(wait)
            if not queue:
                del self._queues[place]
        return [wait.account for wait in waits]

    def everybody(self) -> list[Short]:
        """Return all that wait."""
        return list(dict.fromkeys(wait.short for queue in self._queues.values() for wait in queue))


def set_aside(queue: Sequence[Wait], free: int, before: int) -> int:
    """Return how much of what is free is kept for those whose turn comes before that, first come first served.

    Nothing for one that cannot have all it needs here.
    """
    kept = 0
    for wait in queue:
        if wait.short.turn >= before:
            break
        if wait.amount <= free - kept:
            kept += wait.amount
    return kept


_NOBODY: Final[list[Wait]] = []
