"""Which limits hold for a request, on how fast requests come and how many run at once, and what is each counted as?

The ledger keeps what they count (ledger/rates.py; places of `concurrent` as a balance like any other), under the names
that are given here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.policies.scope import ANYTHING, Caller, Finder, Scope, Seen

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
# What can be counted.
REQUESTS: Final = "requests"
TOKENS: Final = "tokens"
NANO_USD: Final = "nano_usd"
CONCURRENT: Final = "concurrent"
UNITS: Final = (REQUESTS, TOKENS, NANO_USD, CONCURRENT)
# So often it is counted anew who has permits of their own. By then a usual limit has drained.
PERIOD_S: Final = 60


class Rate(NamedTuple):
    """`amount` in each `per_ns`, of which `burst` may come at once. `per_ns` 0: it is none, `burst` may be held."""

    amount: int
    per_ns: int
    burst: int


class Quota(NamedTuple):
    """One thing that a limit counts. `setting`: as it is written; `unit`: one of UNITS."""

    setting: str
    unit: str
    rate: Rate

    @property
    def most(self) -> int:
        """The number that stands in the config."""
        return self.rate.amount if self.rate.per_ns else self.rate.burst

    def fitting(self, amount: int) -> int:
        """Return what a request that needs an amount must hold: one that is larger than the burst waits for all of it.

        What it really needed beyond that is charged in its end.
        """
        return min(amount, max(1, self.rate.burst))


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast and how many at once. `id`: `team/name`, or `company/name`. `per`: each distinct value has its own."""

    id: str
    quotas: tuple[Quota, ...] = ()
    concurrent: int | None = None
    scope: Scope = ANYTHING
    per: tuple[str, ...] = ()
    max_balances: int = 10_000

    @property
    def counted(self) -> tuple[Quota, ...]:
        """All that it counts."""
        if self.concurrent is None:
            return self.quotas
        return (*self.quotas, Quota(CONCURRENT, CONCURRENT, Rate(0, 0, self.concurrent)))


class Limits:
    """All limits of one snapshot: the company's first, then each team's."""

    __slots__ = ("_finder", "all")

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        self.all = tuple(limits)
        self._finder = Finder(self.all)

    def applying(self, caller: Caller, models: tuple[str, ...], provider: str) -> tuple[Limit, ...]:
        """Return the limits that hold for a request. `models`: every name of the model."""
        return self._finder.applying(caller, models, provider) if self.all else ()


class Permits(NamedTuple):
    """What a request needs of a limit: permits that are counted under this name, e.g. `search/limit-1#concurrent`.

    `part`: whose they are, as it stands in the name (`?user=ann`).
    """

    limit: Limit
    quota: Quota
    part: str
    series: str


class Wait(NamedTuple):
    """A limit is in the way. `part`: whose share of it (`?user=ann`). `wait_ns`: exactly how long; None: nobody knows.

    `most`: as the limit is written; `left`: what could come at once; all again after `full_ns`.
    """

    limit: Limit
    setting: str
    part: str
    wait_ns: int | None
    left: int
    most: int
    full_ns: int | None


def waiting(permits: Permits, wait_ns: int | None, left: int, full_ns: int | None) -> Wait:
    """Say what is in the way, where so much of these permits is left."""
    limit, quota, part, _ = permits
    return Wait(limit, quota.setting, part, wait_ns, left, quota.most, full_ns)


class Counted:
    """What a worker's requests are counted as: its memory of who has permits of their own. Outlives a reload."""

    __slots__ = ("_parted",)

    def __init__(self) -> None:
        self._parted: dict[str, _Parted] = {}

    def permits(self, limit: Limit, values: tuple[str, ...], at_s: float) -> tuple[Permits, ...]:
        """Name what a request of these values needs, in the order of `Limit.counted`; shared beyond `max_balances`."""
        parted = self._parted.get(limit.id)
        if parted is None or not parted.fits(limit):
            parted = self._parted[limit.id] = _Parted(limit)
        return parted.permits(values, at_s)

    def keep(self, limits: Limits) -> None:
        """Forget limits that are gone."""
        ids = {limit.id for limit in limits.all}
        self._parted = {name: parted for name, parted in self._parted.items() if name in ids}


class _Parted:
    """One limit's permits, by part, and who has been seen in this period."""

    __slots__ = ("_limit", "_made", "_period", "_seen")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._seen = Seen(limit.max_balances)
        self._made: dict[str, tuple[Permits, ...]] = {}
        self._period = 0.0

    def fits(self, limit: Limit) -> bool:
        """Tell whether it is still the same limit: after a reload who has been seen is known on."""
        if limit is not self._limit:
            mine = self._limit
            if (mine.per, mine.max_balances) != (limit.per, limit.max_balances):
                return False
            self._limit = limit
            self._made = {}
        return True

    def permits(self, values: tuple[str, ...], at_s: float) -> tuple[Permits, ...]:
        limit = self._limit
        period = at_s // PERIOD_S
        if period != self._period:
            self._made = {}
            self._period = period
        part = self._seen.name(limit.per, values, period)
        made = self._made.get(part)
        if made is None:
            made = self._made[part] = tuple(
                [Permits(limit, quota, part, f"{limit.id}#{quota.setting}{part}") for quota in limit.counted]
            )
        return made
