"""Budgets, seen from outside: which balances a request spends from, and what counts against which limit when.

Nothing of the gateway's own decides anything here: it is the second opinion that its books are held against.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bench.fire.asking import Call

NANO = 10**9
BUCKETS = 60  # of a rolling window
COMPANY = "company"
# Of a month only the steady fleet has budgets, whose windows nobody looks at.
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "month": 0, "total": 0}


class Place(NamedTuple):
    """A balance in one window."""

    series: str
    start_s: int


class Limits:
    """What each series may be charged, and which of its balances count together."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[int, int, int]] = {}

    def learn(self, series: str, limit: int, bucket_s: int, rolls_s: int) -> None:
        """Note a series. `bucket_s`, `rolls_s`: as `Rule` says."""
        self._limits.setdefault(series, (limit, bucket_s, rolls_s))

    def limit(self, series: str) -> int | None:
        """Return its limit; None: nobody knows."""
        found = self._limits.get(series)
        return None if found is None else found[0]

    def rolls_s(self, series: str) -> int:
        """Return how long its window is, if that is a rolling one, else 0."""
        return self._limits.get(series, (0, 0, 0))[2]

    def counted(self, amounts: Mapping[Place, int]) -> dict[Place, int]:
        """Return what counts against the limit at the time of each balance: its own amount, or a rolling sum."""
        found = {}
        for place, amount in amounts.items():
            _, bucket_s, rolls_s = self._limits.get(place.series, (0, 0, 0))
            total = amount
            if rolls_s:
                starts = range(place.start_s - -(-rolls_s // bucket_s) * bucket_s, place.start_s, bucket_s)
                total += sum(amounts.get(Place(place.series, start_s), 0) for start_s in starts)
            found[place] = total
        return found


class Balance(NamedTuple):
    """One balance of a budget, and its limit."""

    series: str
    unit: str
    limit: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A budget. `owner`: a team, or `company`. `teams`, `model`: what a company's one is for, "" is everything."""

    owner: str
    name: str
    mode: str
    window: str
    limit_nano_usd: int | None = None
    limit_requests: int | None = None
    teams: tuple[str, ...] = ()
    model: str = ""
    per: tuple[str, ...] = ()
    more: str = ""

    @property
    def id(self) -> str:
        """What messages call it."""
        return f"{self.owner}/{self.name}"

    def covers(self, call: Call) -> bool:
        """Tell whether a request spends from it."""
        ours = call.team == self.owner if self.owner != COMPANY else not self.teams or kind_of(call.team) in self.teams
        return ours and self.model in ("", call.model.name)

    def balances(self, call: Call) -> Iterator[Balance]:
        """Give the balances that a request spends from."""
        if not self.covers(call):
            return
        part = "?" + "&".join(f"{name}={getattr(call, name)}" for name in self.per) if self.per else ""
        if self.limit_nano_usd is not None:
            yield Balance(f"{self.id}{part}", "usd", self.limit_nano_usd)
        if self.limit_requests is not None:
            yield Balance(f"{self.id}#requests{part}", "requests", self.limit_requests)

    @property
    def rolls_s(self) -> int:
        """How long a rolling window is, else 0."""
        return int(self.window[8:-1]) if self.window.startswith("rolling:") else 0

    @property
    def bucket_s(self) -> int:
        """How long what counts together is, in seconds of a rolling window or of a calendar's; 0: all of it."""
        if self.rolls_s:
            return -(-self.rolls_s // BUCKETS)
        return _SECONDS[self.window]

    def start(self, at_s: float) -> int:
        """Return where what is spent at an instant is counted."""
        return int(at_s // self.bucket_s) * self.bucket_s if self.bucket_s else 0

    def reach(self, start_s: int) -> int:
        """Return from which start on others count together with what is counted there."""
        return start_s - -(-self.rolls_s // self.bucket_s) * self.bucket_s if self.rolls_s else start_s

    def toml(self) -> str:
        """Write it as an operator would."""
        lines = ["[[budgets]]", f'name = "{self.name}"', f'mode = "{self.mode}"', f'window = "{self.window}"']
        if self.limit_nano_usd is not None:
            lines.append(f'limit_usd = "{self.limit_nano_usd // NANO}.{self.limit_nano_usd % NANO:09}"')
        if self.limit_requests is not None:
            lines.append(f"limit_requests = {self.limit_requests}")
        scope = [f'model = "{self.model}"'] if self.model else []
        if self.teams:
            scope.append(f"team = {json.dumps([f'{kind}-*' for kind in self.teams])}")
        if scope:
            lines.append(f"scope = {{ {', '.join(scope)} }}")
        if self.per:
            lines.append(f"per = {json.dumps(self.per)}")
        return "\n".join([*lines, *([self.more] if self.more else []), ""])


def kind_of(team: str) -> str:
    """Return the kind of a team, by its name."""
    return team.partition("-")[0]
