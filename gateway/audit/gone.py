"""What can nobody judge any more, since retention has removed the rows that would tell?"""

from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.audit.findings import Findings

_DAY_S = 86_400


class Gone:
    """Notes the days of which rows were removed. `team`: only its rows are looked at; None: all.

    `until_s`: balances that begin before then may have been charged by exchanges that are gone.
    """

    def __init__(self, team: str | None) -> None:
        self.until_s = 0
        self._team = team

    def note_day(self, day: str, removed: Mapping[str, int], found: Findings) -> bool:
        """Note how many rows of a day were removed, by team; whether its sums can no longer be recounted."""
        if not any(count for team, count in removed.items() if self._team in (None, team)):
            return False
        found.skip("sums", "of this day rows were removed by retention")
        self._note(day)
        return True

    def note_folded(self, day: str, found: Findings) -> None:
        """Note a day of which only the sums are left."""
        found.skip("rows", "of this day all were removed by retention, its sums are kept")
        self._note(day)

    def _note(self, day: str) -> None:
        begins_s = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        self.until_s = max(self.until_s, begins_s + _DAY_S)
