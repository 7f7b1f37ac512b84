"""What an audit finds: differences, what could not be judged and why, and how much was looked at."""

from collections import Counter
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """Something that is not as it must be.

    `check`: row | usage | cost | prices | bodies | charges | sums | file | ledger | bill.
    `id` None: it is about the day as a whole.
    """

    day: str
    id: str | None
    check: str
    what: str
    recorded: Any
    recomputed: Any


class Findings:
    """Collects them. `differences` are those since somebody took them; everything else adds up over the whole audit."""

    def __init__(self) -> None:
        self.rows = 0
        self.days = 0
        self.total = 0
        self.checked: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self._day = ""
        self._id: str | None = None

    def look_at(self, day: str, exchange_id: str | None = None) -> None:
        """Say what the following is about: an exchange of a day, or the day itself."""
        self._day, self._id = day, exchange_id

    def expect(self, check: str, what: str, recorded: Any, recomputed: Any) -> bool:
        """Note a difference, unless there is none."""
        if recorded == recomputed:
            return True
        self.total += 1
        self.differences.append(Difference(self._day, self._id, check, what, recorded, recomputed))
        return False

    def look_into(self, what: str) -> None:
        """Count something that was recomputed."""
        self.checked[what] += 1

    def skip(self, check: str, reason: str) -> None:
        """Count something that cannot be judged."""
        self.skipped[f"{check}: {reason}"] += 1

    def take(self) -> list[Difference]:
        """Hand out the differences since the last time."""
        taken, self.differences = self.differences, []
        return taken
