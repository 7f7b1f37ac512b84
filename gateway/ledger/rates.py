"""How fast may requests come, over all holders together? The authority's buckets of the generic cell rate algorithm.

A bucket fills with what is granted and drains by the rate; what fits into it can be granted. The permits leave in
leases, as money does (lease.py), by the same asks. The rules, and why over any time t no more than rate x t + burst is
let through, whoever holds how many permits:

- A bucket never drains below what holders have unspent: who has a permit may use it at any time, and its place in the
  burst is kept until it is known to be spent.
- What requests cost beyond what they held fills the bucket, be it above the burst: the next ones wait for it. What they
  needed less was as if it had never been taken: the bucket is then as full as it would be without. That is all of it as
  long as the bucket was never nearly empty since (under a load that needs a limit), and less where it has drained away.

All of it is in memory, and exact in integers. A holder that leaves is forgotten: it drops its permits, as it does when
it comes back, and they count as spent. After a restart the buckets are empty: within the time that a full one takes to
drain, up to one burst more comes through, and while nobody can be asked holders let everything pass. Asks about rates
come in order or not at all: connections see to that, and nobody repeats them on another one.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

from gateway.ledger.lease import MOST, Absurd, Ask, Balance, Grant, Lease, Place, Stale, share

KEPT_NS: Final = 10_000_000_000  # so long a bucket is kept that nobody asks about
LOWS_MOST: Final = 64


class Lows:
    """How low has something been since an instant? Told before each time it rises; beyond some it forgets details."""

    def __init__(self) -> None:
        self._marks: list[int] = []
        self._lows: list[int] = []  # rising

    def add(self, mark: int, low: int) -> None:
        """It is so low, and rises now."""
        marks, lows = self._marks, self._lows
        while lows and lows[-1] >= low:
            del marks[-1], lows[-1]
        marks.append(mark)
        lows.append(low)
        if len(lows) > LOWS_MOST:
            # Of the two that differ least the lower one counts for the time of both.
            least = min(range(LOWS_MOST), key=lambda at: lows[at + 1] - lows[at])
            del marks[least], lows[least + 1]

    def since(self, mark: int, now: int) -> int:
        """Return how low it has been after that mark; `now` it is so low."""
        at = bisect_right(self._marks, mark)
        return min(now, self._lows[at]) if at < len(self._lows) else now

    def lower(self, mark: int, amount: int) -> None:
        """It should have been so much lower after that mark."""
        marks, lows = self._marks, self._lows
        at = bisect_right(marks, mark)
        lows[at:] = [max(0, low - amount) for low in lows[at:]]
        while 0 < at < len(lows) and lows[at - 1] >= lows[at]:
            at -= 1
            del marks[at], lows[at]


class Bucket:
    """One rate of one limit, for one of the values it is parted by. Levels are in units x `per_ns`.

    `level`: what fills it, `unspent` permits included (these in units). `heard_ns`: when somebody last asked.
    """

    def __init__(self, per_ns: int, now_ns: int, mark: int) -> None:
        self.rate = 0
        self.per_ns = per_ns
        self.level = 0
        self.unspent = 0
        self.leases: dict[str, Lease] = {}
        self.heard_ns = now_ns
        self.lows = Lows()
        self.lows.add(mark, 0)
        self._at_ns = now_ns

    @property
    def used(self) -> int:
        """What fills it and drains: what was let through lately."""
        return self.level - self.unspent * self.per_ns

    @property
    def full_ns(self) -> int:
        """How long it takes to drain, if nobody has anything unspent by then."""
        if not self.level:
            return 0
        return min(MOST, -(-self.level // self.rate)) if self.rate else MOST

    def drain(self, now_ns: int) -> None:
        """Let time pass."""
        if now_ns > self._at_ns:
            self.level -= min(self.used, (now_ns - self._at_ns) * self.rate)
            self._at_ns = now_ns

    def room(self, burst: int) -> int:
        """Return how much fits in, below zero if it is too full."""
        return (burst * self.per_ns - self.level) // self.per_ns

    def change(self, lease: Lease, granted: int, settled: int, mark: int) -> None:
        """Set what a holder has and what of it is spent."""
        if settled > lease.settled:
            self.lows.add(mark, self.used)
        self.level += (granted - lease.granted) * self.per_ns
        self.unspent += granted - settled - (lease.granted - lease.settled)
        lease.granted, lease.settled = granted, settled

    def take_back(self, unused: int, since: int) -> None:
        """Be as full as if so much had not been spent, some time after the mark `since`."""
        amount = min(unused * self.per_ns, self.lows.since(since, self.used))
        self.level -= amount
        self.lows.lower(since, amount)


class RateBooks:
    """All buckets. `now_ns`: of a clock that only goes forward."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._buckets: dict[str, Bucket] = {}
        self._mark = 0

    def note(self, ask: Ask) -> bool:
        """Take what is returned, spent and owed; False: that was done already. Raise Stale, Absurd."""
        bucket = self._bucket(ask)
        lease = bucket.leases.get(ask.holder)
        if lease is None:
            # Who is not known has nothing unspent: either it is new, or all was spent when it was forgotten.
            spent = max(0, ask.settled - ask.debt)
            lease = Lease(granted=spent, settled=spent)
        if ask.number <= lease.number:
            if ask.number < lease.number:
                raise Stale
            return False
        granted = lease.granted + ask.debt
        if granted > MOST:
            raise Absurd(f"a lease of {granted}")
        settled = min(granted, max(lease.settled, ask.settled))
        granted -= min(ask.back, granted - settled)
        bucket.change(lease, granted, settled, self._next_mark())
        if ask.unused:
            bucket.take_back(ask.unused, ask.since)
        lease.number, lease.added = ask.number, 0
        bucket.leases[ask.holder] = lease
        return True

    def lack(self, ask: Ask, limit: int) -> int:
        """Return how much less there is to grant than a noted ask needs."""
        return max(0, ask.need - max(0, self.room(ask.series, ask.reach_s, limit)))

    def fill(self, ask: Ask, limit: int) -> Grant:
        """Grant to an ask that was noted what there is, once. Raise Stale if it was overtaken since."""
        bucket, lease = self._lease(ask)
        lease.added = share(bucket.room(limit), ask.need, ask.want)
        bucket.change(lease, lease.granted + lease.added, lease.settled, self._next_mark())
        return self.answer(ask, limit)

    def answer(self, ask: Ask, limit: int) -> Grant:
        """Say what an ask that was noted has brought. Raise Stale if it was overtaken since."""
        bucket, lease = self._lease(ask)
        return Grant(
            ask.series, ask.start_s, ask.number, lease.granted, lease.added, bucket.room(limit), bucket.full_ns,
            self._mark,
        )  # fmt: skip

    def room(self, series: str, _: int, limit: int) -> int:
        """Return what is left to grant, below zero if it was too much."""
        bucket = self._buckets.get(series)
        if bucket is None:
            return limit
        bucket.drain(self._now_ns())
        return bucket.room(limit)

    def holding(self, series: str, _: int) -> Iterator[tuple[Place, str, int]]:
        """Give the leases of a series that are not known to be spent, and how much of each: whom to ask for it."""
        for place, balance in self.balances(series):
            for name, lease in balance.leases.items():
                if lease.granted > lease.settled:
                    yield place, name, lease.granted - lease.settled

    def series(self) -> list[str]:
        """Return the names of all series."""
        return list(self._buckets)

    def balances(self, series: str | None = None) -> Iterator[tuple[Place, Balance]]:
        """Give the leases of all buckets, or of one."""
        for name in [series] if series is not None else list(self._buckets):
            if name in self._buckets:
                yield Place(name, 0), Balance(leases=self._buckets[name].leases)

    def leave(self, holder: str) -> None:
        """Forget a holder: what it had unspent counts as spent now."""
        for bucket in self._buckets.values():
            lease = bucket.leases.pop(holder, None)
            if lease is not None:
                bucket.drain(self._now_ns())
                bucket.change(lease, lease.granted, lease.granted, self._next_mark())

    def prune(self) -> None:
        """Forget empty buckets that nobody has asked about for a while."""
        now_ns = self._now_ns()
        for series, bucket in list(self._buckets.items()):
            bucket.drain(now_ns)
            if not bucket.level and bucket.heard_ns + KEPT_NS <= now_ns:
                del self._buckets[series]

    def _bucket(self, ask: Ask) -> Bucket:
        """Find an ask's bucket, drained until now, at the rate that the ask says from now on."""
        now_ns = self._now_ns()
        bucket = self._buckets.get(ask.series) or Bucket(ask.per_ns, now_ns, self._next_mark())
        if ask.start_s or not ask.per_ns or ask.per_ns != bucket.per_ns:
            raise Absurd(f"a rate by {ask.per_ns} ns that begins at {ask.start_s}")
        bucket.drain(now_ns)
        bucket.rate = ask.rate
        bucket.heard_ns = now_ns
        self._buckets[ask.series] = bucket
        return bucket

    def _lease(self, ask: Ask) -> tuple[Bucket, Lease]:
        bucket = self._buckets.get(ask.series)
        lease = None if bucket is None else bucket.leases.get(ask.holder)
        if bucket is None or lease is None or lease.number != ask.number:
            raise Stale
        bucket.drain(self._now_ns())
        return bucket, lease

    def _next_mark(self) -> int:
        """Return an instant that is after all others: the clock may stand still between two of them."""
        self._mark = max(self._mark + 1, self._now_ns())
        return self._mark
