"""What were exchanges charged, by who held the money for them and of which balance? Sums that follow the rows."""

from collections import Counter
from collections.abc import Iterator, Mapping

from gateway.core.record import Record

# Of which balance of a budget: its series, and where its window starts.
Balance = tuple[str, int]
# Who held of it, series, start.
ChargeKey = tuple[str, str, int]


class Charges:
    """How the sums move. `amounts`: all that was charged; `late`: the part that became known after the exchange."""

    def __init__(self) -> None:
        self.amounts: Counter[ChargeKey] = Counter()
        self.late: Counter[ChargeKey] = Counter()

    def add(self, record: Record, times: int = 1) -> None:
        """Add what a record says; -1 times: take it off."""
        holder = record.holder
        if holder is None:
            return
        for hold in record.holds:
            key = (holder, hold.series, hold.start_s)
            self.amounts[key] += times * (hold.charged + hold.late)
            self.late[key] += times * hold.late

    def holders(self) -> set[str]:
        """Name who was charged."""
        return {holder for holder, _, _ in self.amounts}

    def rows(self) -> Iterator[tuple[str, str, int, int, int]]:
        """Give what is to be added to the table, as its rows."""
        for key, amount in self.amounts.items():
            late = self.late[key]
            if amount or late:
                yield (*key, amount, late)


class Lateness:
    """All that became known late of a store, and what of it was not told yet."""

    def __init__(self) -> None:
        self._sums: Counter[ChargeKey] = Counter()
        self._untold: set[ChargeKey] = set()

    def update(self, changes: Mapping[ChargeKey, int]) -> None:
        """Add changes that are committed."""
        for key, change in changes.items():
            if change:
                self._sums[key] += change
                self._untold.add(key)

    def take(self) -> dict[ChargeKey, int]:
        """Return the sums that changed since the last time."""
        told = {key: self._sums[key] for key in self._untold}
        self._untold.clear()
        return told
