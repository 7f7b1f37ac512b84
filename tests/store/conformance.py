"""What every store must do, whatever it is built on: exactly once, through replays, crashes and reordering.

A store's test module subclasses `Conformance` and says how to open the store and what stands in it.
"""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from gateway.core.record import Hold, Record
from gateway.journal.reader import Finished
from gateway.metrics.totals import Tally
from gateway.store.interface import Store, TotalKey
from tests.records import DAY_MS, NOON_MS, finished, record

K = TypeVar("K")


def counted(records: list[Record]) -> dict[TotalKey, int]:
    """Count records as if each had been stored once."""
    return {key: value for key, value in Tally().count(records).items() if value}


def nonzero(totals: Mapping[K, int]) -> dict[K, int]:
    """Leave out what amendments moved back to nothing."""
    return {key: value for key, value in totals.items() if value}


def spent(records: list[Record], holder: str) -> dict[tuple[str, int], int]:
    """Add up what a holder's records were charged when they ended."""
    sums: Counter[tuple[str, int]] = Counter()
    for one in records:
        for hold in one.holds if one.holder == holder else []:
            sums[hold.series, hold.start_s] += hold.charged
    return dict(sums)


def late(records: list[Record]) -> dict[tuple[str, str, int], int]:
    """Add up what became known late."""
    sums: Counter[tuple[str, str, int]] = Counter()
    for one in records:
        for hold in one.holds:
            sums[one.holder or "", hold.series, hold.start_s] += hold.late
    return nonzero(sums)


class Conformance(ABC):
    """The suite. Each test opens the store as often as it likes: opening again is a restart."""

    @abstractmethod
    def open(self) -> Store:
        """Open the store where it lies."""

    @abstractmethod
    def stored(self) -> list[Record]:
        """Return all records that stand in it, in no order."""

    def agree(self, store: Store, expected: list[Record]) -> None:
        """Check that rows and totals are exactly those of `expected`, now and after a restart."""
        for one in (store, self.open()):
            assert sorted(map(repr, expected)) == sorted(map(repr, self.stored()))
            assert counted(expected) == nonzero(one.totals())
            for holder in {each.holder for each in expected} - {None}:
                assert nonzero(spent(expected, holder)) == nonzero(one.spent(holder))
        assert late(expected) == one.late()
        one.close()
        store.close()

    def test_committed_is_stored_and_counted(self) -> None:
        """Rows, totals and watermarks are there after a restart."""
        store = self.open()
        records = [record(session=str(number)) for number in range(3)]
        done = store.commit([finished(one) for one in records], {"a.seg": 10, "b.seg": 20})

        assert (3, 0, 0) == done
        again = self.open()
        assert {"a.seg": 10, "b.seg": 20} == again.watermarks()
        again.close()
        self.agree(store, records)

    def test_replay_changes_nothing(self) -> None:
        """The same batch twice, in one run or after a restart, is stored and counted once."""
        records = [record(), record(team="other")]
        batch = [finished(one) for one in records]
        store = self.open()
        store.commit(batch, {"a.seg": 1})
        assert (0, 0, 2) == store.commit(batch, {"a.seg": 1})
        store.close()
        store = self.open()
        extra = record()
        assert (1, 0, 2) == store.commit([*batch, finished(extra)], {"a.seg": 2})

        self.agree(store, [*records, extra])

    def test_the_same_end_twice_in_a_batch_counts_once(self) -> None:
        """A frame that stands in two segments is one exchange."""
        one = record()
        store = self.open()
        assert (1, 0, 1) == store.commit([finished(one), finished(one)], {})

        self.agree(store, [one])

    def test_batches_over_midnight(self) -> None:
        """A batch may hold exchanges of several days, in any order; the watermarks never run ahead of the rows."""
        records = [record(NOON_MS + day * DAY_MS) for day in (1, -1, 0, 1, -2)]
        store = self.open()
        assert 5 == store.commit([finished(one) for one in records], {"a.seg": 7}).inserted
        late = record(NOON_MS - DAY_MS)
        assert 1 == store.commit([finished(late)], {"a.seg": 9}).inserted

        again = self.open()
        assert {"a.seg": 9} == again.watermarks()
        again.close()
        self.agree(store, [*records, late])

    def test_amendment_replaces_and_moves_totals_by_the_difference(self) -> None:
        """What an amended record counts is what it says last, as if it had always said so."""
        first = record(cost_nano_usd=100, outcome="ok")
        second = record(id=first.id, cost_nano_usd=250, outcome="upstream_error", error="reset")
        store = self.open()
        store.commit([finished(first)], {})
        assert (0, 1, 0) == store.commit([finished(second, None, None, amends=True)], {})
        assert (0, 1, 0) == store.commit([finished(second, None, None, amends=True)], {})

        self.agree(store, [second])

    def test_amendment_in_the_same_batch(self) -> None:
        """End and amendment may come together, also when both are replayed."""
        first, other = record(outcome="ok"), record()
        second = record(id=first.id, outcome="cancelled")
        batch = [finished(first), finished(other), finished(second, None, b"", amends=True)]
        store = self.open()
        store.commit([batch[0]], {})
        store.commit(batch, {})
        store.commit(batch, {})

        self.agree(store, [second, other])

    def test_amendment_of_what_was_lost_is_the_exchange(self) -> None:
        """Where the end frame was lost, what amends it stands for it."""
        one = record()
        store = self.open()
        assert 1 == store.commit([finished(one, amends=True)], {}).inserted

        self.agree(store, [one])

    def test_amendment_before_what_it_amends(self) -> None:
        """No order of frames may stop the store: an end behind its amendment is old news."""
        first, other = record(outcome="ok"), record()
        second = record(id=first.id, outcome="cancelled")
        store = self.open()
        assert (2, 0, 1) == store.commit([finished(second, amends=True), finished(other), finished(first)], {})

        self.agree(store, [second, other])

    def test_charges_are_added_up_by_holder_and_balance(self) -> None:
        """Over days; who held nothing was charged nothing, and one that nobody knows neither."""
        daily = Hold("search/daily", 0, "usd", 9, charged=5)
        records = [
            record(
                NOON_MS + day * DAY_MS, holder=holder, holds=[daily, Hold("search/all#requests", 7, "requests", 1, 1)]
            )
            for day, holder in ((0, "w1"), (1, "w1"), (0, "w2"))
        ]
        unheld = record(holder="w3")
        store = self.open()
        store.commit([finished(one) for one in [*records, unheld, record(holds=[daily])]], {})

        assert {("search/daily", 0): 10, ("search/all#requests", 7): 2} == store.spent("w1")
        assert {("search/daily", 0): 5, ("search/all#requests", 7): 1} == store.spent("w2")
        assert [{}, {}] == [store.spent("w3"), store.spent("nobody")]
        assert {} == store.late()
        store.close()

    def test_an_amendment_moves_charges_by_the_difference(self) -> None:
        """What became known late is told once, as the sum of all; and again after a restart."""
        first = record(holder="w1", holds=[Hold("a", 0, "usd", 9, charged=9)])
        later = record(id=first.id, holder="w1", holds=[Hold("a", 0, "usd", 9, charged=9, late=-4)])
        last = record(id=first.id, holder="w1", holds=[Hold("a", 0, "usd", 9, charged=8, late=2)])
        store = self.open()
        store.commit([finished(first)], {})
        assert {} == store.late()
        for one, told in ((later, {("w1", "a", 0): -4}), (last, {("w1", "a", 0): 2})):
            for _ in range(2):
                store.commit([finished(one, None, None, amends=True)], {})
            assert told == store.late()
            assert {} == store.late()

        self.agree(store, [last])

    def test_any_replay_from_any_point(self) -> None:
        """Crashes that lose the answer to a commit, and replays from any older position, end in the same books."""
        chance = random.Random(11)

        def holds() -> list[Hold]:
            names = chance.sample(("a", "b", "c"), chance.randrange(4))
            return [Hold(name, 0, "usd", 9, chance.randrange(9), chance.choice((0, -2, 3))) for name in names]

        records = [
            record(
                NOON_MS + chance.choice((-1, 0, 1)) * DAY_MS,
                session=str(n),
                holder=chance.choice(("w1", "w2")),
                holds=holds(),
            )
            for n in range(40)
        ]
        events: list[Finished] = [finished(one) for one in records]
        for at in (5, 17, 30):
            amended = record(
                id=records[at].id, outcome="timeout", session="amended", holder=records[at].holder, holds=holds()
            )
            records[at] = amended
            events.insert(chance.randrange(at + 1, len(events)), finished(amended, None, None, amends=True))
        at = 0
        store = self.open()
        while at < len(events):
            size = chance.randrange(1, 12)
            store.commit(events[at : at + size], {"a.seg": at})
            at = min(at + size, len(events)) if chance.random() < 0.6 else max(0, at - chance.randrange(6))
            if chance.random() < 0.3:
                store.close()
                store = self.open()
        store.commit(events, {"a.seg": len(events)})

        self.agree(store, records)

    def test_sync_says_whether_all_is_on_disk(self) -> None:
        """After commits with nobody reading, a sync succeeds; there is nothing to sync in an empty store."""
        store = self.open()
        assert store.sync()
        store.commit([finished(record())], {})
        assert store.sync()
        store.close()

    def test_totals_are_a_copy(self) -> None:
        """Who renders totals does not see them change under his hands."""
        store = self.open()
        before = store.totals()
        store.commit([finished(record())], {})

        assert {} == before
        assert Counter() != store.totals()
        store.close()
