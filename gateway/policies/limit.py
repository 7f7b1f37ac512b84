"""May this request go now, or when? Rates by the generic cell rate algorithm, and how many run at once.

Time is nanoseconds of a monotonic clock that is handed in. Everything is an exact integer: a bucket's level counts in
units x the rate's period, and drains by the rate's amount in each nanosecond.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
_FLOOR: Final = 8  # who has nothing to do keeps this part of an even share, for what may come


class Rate(NamedTuple):
    """`amount` in each `per_ns`, of which `burst` may come at once."""

    amount: int
    per_ns: int
    burst: int


# An amount that was charged, where in the line of charges it stands, and what had been given back by then.
Charge = tuple[int, int, int]


class Bucket:
    """How much of a rate is used. Over any time t at most rate x t + burst is let through.

    What a request weighs may be known only in the end: an estimate is charged first and corrected then. What turns out
    to be too much is given back as far as it was still to be waited for, what is missing is waited for by the next.
    """

    __slots__ = ("_amount", "_at_ns", "_burst", "_credited", "_drained", "_level", "_per_ns", "_room")

    def __init__(self, rate: Rate, now_ns: int) -> None:
        self._amount, self._per_ns, self._burst = rate
        self._room = self._burst * self._per_ns
        self._level = 0
        self._at_ns = now_ns
        self._drained = 0  # what has left the bucket since it is there
        self._credited = 0  # what was given back since

    @property
    def rate(self) -> Rate:
        """What drains it."""
        return Rate(self._amount, self._per_ns, self._burst)

    def wait_ns(self, amount: int, now_ns: int) -> int | None:
        """Return how long an amount must wait, 0: not at all; None: for ever, as there is no rate.

        A request that is larger than the burst goes when the bucket is empty.
        """
        if now_ns > self._at_ns:
            self._drain(now_ns)
        if not self._room:
            return None
        over = self._level - self._room + min(amount, self._burst) * self._per_ns
        if over <= 0:
            return 0
        return -(-over // self._amount) if self._amount else None

    def charge(self, amount: int, now_ns: int) -> Charge:
        """Charge an amount, at most the burst."""
        if now_ns > self._at_ns:
            self._drain(now_ns)
        amount = min(amount, self._burst)
        start = self._drained + self._level
        self._level += amount * self._per_ns
        return amount, start, self._credited

    def correct(self, charge: Charge, amount: int, now_ns: int) -> None:
        """Replace what was charged by what it really was."""
        charged, start, credited = charge
        if amount == charged:
            return
        if now_ns > self._at_ns:
            self._drain(now_ns)
        if amount > charged:
            self._level += (amount - charged) * self._per_ns
            return
        # Charges before this one may have been corrected: then it stands further to the front, and less is left of it.
        start -= self._credited - credited
        unserved = start + charged * self._per_ns - max(start + amount * self._per_ns, self._drained)
        back = max(0, min(unserved, self._level))
        self._level -= back
        self._credited += back

    def left(self, now_ns: int) -> int:
        """Return how much could come at once now."""
        self._drain(now_ns)
        return max(0, self._burst - -(-self._level // self._per_ns))

    def full_again_ns(self, now_ns: int) -> int | None:
        """Return how long it takes until nothing is used any more; None: for ever."""
        self._drain(now_ns)
        if not self._level:
            return 0
        return -(-self._level // self._amount) if self._amount else None

    def reshare(self, rate: Rate, now_ns: int) -> None:
        """Go on at another rate of the same period. Burst that is won comes used: another may just have used it."""
        self._drain(now_ns)
        self._level += max(0, rate.burst - self._burst) * self._per_ns
        self._amount, self._per_ns, self._burst = rate
        self._room = self._burst * self._per_ns

    def _drain(self, now_ns: int) -> None:
        if now_ns <= self._at_ns:  # two readings of a clock may come in the wrong order
            return
        leaving = min(self._level, (now_ns - self._at_ns) * self._amount)
        self._level -= leaving
        self._drained += leaving
        self._at_ns = now_ns


class Slots:
    """How many run at once, and who. To give back twice, or what was never taken, changes nothing."""

    __slots__ = ("_owners", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._owners: set[str] = set()

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def free(self) -> int:
        """How many more may run."""
        return max(0, self.most - len(self._owners))

    def take(self, owner: str) -> bool:
        """Take a slot; False: there is none."""
        if len(self._owners) >= self.most and owner not in self._owners:
            return False
        self._owners.add(owner)
        return True

    def give_back(self, owner: str) -> None:
        """Give a slot back, however its owner ended."""
        self._owners.discard(owner)


def share_out(total: int, demands: Sequence[int]) -> list[int]:
    """Part a total among workers by what each of them was asked for: nobody gets more than an even share while another
    one wants as much; what nobody wants is parted evenly. The parts add up to the total.

    A total that is small against the number of workers is better kept in one place: here some would get nothing.
    """
    if not demands:
        return []
    even = total // len(demands)
    wanted = [max(demand, even // _FLOOR) for demand in demands]
    parts = [0] * len(demands)
    left = total
    for turn, worker in enumerate(by_want := sorted(range(len(demands)), key=wanted.__getitem__)):
        parts[worker] = min(wanted[worker], left // (len(demands) - turn))
        left -= parts[worker]
    each, odd = divmod(left, len(demands))
    for turn, worker in enumerate(reversed(by_want)):
        parts[worker] += each + (turn < odd)
    return parts


def share_rate(rate: Rate, demands: Sequence[int]) -> list[Rate]:
    """Part a rate among workers, with its burst."""
    amounts, bursts = share_out(rate.amount, demands), share_out(rate.burst, demands)
    return [Rate(amount, rate.per_ns, burst) for amount, burst in zip(amounts, bursts, strict=True)]
