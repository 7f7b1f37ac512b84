"""How long is what kept of whose exchanges, and of which of them is a day's time over?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days after the day on which they began exchanges are kept, and their bodies; None: for good."""

    rows_days: int | None = None
    bodies_days: int | None = None


class Teams(NamedTuple):
    """Some teams: those that are named or, with `others`, all but those."""

    names: tuple[str, ...] = ()
    others: bool = False

    def __contains__(self, team: object) -> bool:
        return (team in self.names) != self.others

    def means(self, team: str) -> bool:
        """Tell whether a team is one of them."""
        return self.__contains__(team)

    @property
    def is_nobody(self) -> bool:
        """Whether no team is meant, whatever it is called."""
        return not self.names and not self.others

    @property
    def is_everybody(self) -> bool:
        """Whether every team is meant."""
        return not self.names and self.others


class Due(NamedTuple):
    """What is to be removed of a day: whole exchanges of `rows`, the bodies of those of `bodies`."""

    rows: Teams = Teams()
    bodies: Teams = Teams()

    @property
    def is_nothing(self) -> bool:
        """Whether everything stays."""
        return self.rows.is_nobody and self.bodies.is_nobody


class Retention:
    """What the config says. A team that it does not know, or no longer, is held to what holds for the company."""

    def __init__(self, company: Keep | None = None, teams: Mapping[str, Keep] | None = None) -> None:
        self.company = company or Keep()
        self.teams = dict(teams or {})

    def of(self, team: str) -> Keep:
        """Return what is kept of a team's exchanges."""
        return self.teams.get(team, self.company)

    @property
    def shortest_days(self) -> int | None:
        """For how many days anybody's bodies are kept at least; None: all for good. Bodies go with their rows."""
        keeps = (self.company, *self.teams.values())
        return min(
            (days for keep in keeps for days in (keep.rows_days, keep.bodies_days) if days is not None), default=None
        )

    def due(self, age_days: int) -> Due:
        """Say what is to be removed of a day that began so many days before today began.

        Whole days: what is kept for one day is kept all of the next day, too.
        """
        return Due(
            self._teams(lambda keep: _is_over(keep.rows_days, age_days)),
            self._teams(lambda keep: _is_over(keep.bodies_days, age_days)),
        )

    def _teams(self, is_due: Callable[[Keep], bool]) -> Teams:
        others = is_due(self.company)
        named = sorted(name for name, keep in self.teams.items() if is_due(keep) != others)
        return Teams(tuple(named), others)


def _is_over(days: int | None, age_days: int) -> bool:
    return days is not None and age_days > days
