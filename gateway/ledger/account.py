"""What may a holder spend of one balance right now? Its side of a lease: holds, settlement, and what to ask for next.

Pure and synchronous: a request is admitted by comparing integers. One ask is under way at a time; while it is, others
that come short wait for the same answer.
"""

from gateway.ledger.lease import Ask, Grant, Place


class Account:
    """One lease as its holder sees it. All amounts in the balance's own unit (nano-USD, or requests).

    `free` is what can still be held: the lease less what was settled and what is held. It falls below zero when a cost
    was larger than its hold.
    """

    __slots__ = (
        "_asked",
        "_given_back",
        "_number",
        "free",
        "granted",
        "held",
        "holder",
        "place",
        "reach_s",
        "room",
        "settled",
    )

    def __init__(self, place: Place, reach_s: int, holder: str) -> None:
        self.place = place
        self.reach_s = reach_s
        self.holder = holder
        self.granted = 0
        self.settled = 0
        self.held = 0
        self.free = 0
        self.room: int | None = None  # as the authority last said
        self._number = 0
        self._asked: Ask | None = None

    def hold(self, amount: int) -> bool:
        """Set an amount aside for a request; False: there is not enough."""
        if amount > self.free:
            return False
        self.free -= amount
        self.held += amount
        return True

    def settle(self, held: int, cost: int) -> None:
        """Replace a hold by the real cost. Once for each hold: whoever holds it sees to that."""
        self.held -= held
        self.settled += cost
        self.free += held - cost

    def ask(self, need: int, want: int) -> Ask | None:
        """Make the ask that would give a request what it needs; None: one is under way, wait for its answer."""
        return self._new_ask(back=0, need=need, want=max(want, need))

    def give_back(self, keep: int = 0) -> Ask | None:
        """Make the ask that returns what is free beyond `keep`; None: there is nothing to return or to pay."""
        back = max(0, self.free - keep)
        return self._new_ask(back=back, need=0, want=0) if back or self.free < 0 else None

    @property
    def under_way(self) -> Ask | None:
        """The ask without an answer yet: to be sent again, as it is, on a new connection."""
        return self._asked

    def take(self, grant: Grant) -> bool:
        """Take an answer; False: it is not the one that is waited for."""
        asked = self._asked
        if asked is None or grant.number != asked.number:
            return False
        self._asked = None
        self.room = grant.room
        self._set_granted(grant.granted)
        return True

    def _new_ask(self, *, back: int, need: int, want: int) -> Ask | None:
        if self._asked is not None:
            return None
        debt = max(0, -self.free)
        self._number += 1
        self._asked = Ask(
            self.place.series, self.place.start_s, self.reach_s, self.holder, self._number, back, debt, need, want
        )
        # What is returned is gone from now on, and a debt is charged whatever the answer is.
        self._set_granted(self.granted + debt - back)
        return self._asked

    def _set_granted(self, granted: int) -> None:
        self.free += granted - self.granted
        self.granted = granted
