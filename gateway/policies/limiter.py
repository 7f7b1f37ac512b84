"""Does a request stay within all limits that cover it? Admitted by all at once or by none, and ended once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.policies.limit import Bucket, Charge, Rate, Slots, share_out, share_rate
from gateway.policies.scope import ANYTHING, Caller, Finder, Scope, part_name, shared_name

CONCURRENT: Final = "concurrent"

_Place = tuple[str, ...] | None  # the values of `per`; None: shared by those for whom there is no room


class Weight(NamedTuple):
    """What a request weighs: as expected when it is admitted, as it was when it ends. Nothing at all: it never ran."""

    requests: int = 0
    tokens: int = 0
    nano_usd: int = 0


class Quota(NamedTuple):
    """One rate of a limit. `setting`: as it is written; `unit`: which part of a weight it counts."""

    setting: str
    unit: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast and how many at once. `id`: `team/name`, or `company/name`. `per`: each distinct value has its own."""

    id: str
    quotas: tuple[Quota, ...] = ()
    concurrent: int | None = None
    scope: Scope = ANYTHING
    per: tuple[str, ...] = ()
    max_balances: int = 10_000


class Limits:
    """All limits of one snapshot: the company's first, then each team's."""

    __slots__ = ("_finder", "all")

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        self.all = tuple(limits)
        self._finder = Finder(self.all)

    def applying(self, caller: Caller, models: tuple[str, ...], provider: str) -> tuple[Limit, ...]:
        """Return the limits that hold for a request. `models`: every name of the model."""
        return self._finder.applying(caller, models, provider) if self.all else ()


class Wait(NamedTuple):
    """A limit is in the way. `part`: whose share of it (`?user=ann`). `wait_ns`: exactly how long; None: nobody knows.

    `most`: as the limit is written; `left`: what this worker could let through at once; all again after `full_ns`.
    """

    limit: Limit
    setting: str
    part: str
    wait_ns: int | None
    left: int
    most: int
    full_ns: int | None


class _Meter:
    """The buckets and slots of one limit, or of one part of it, and what it was asked for since the last report."""

    __slots__ = ("asked", "buckets", "limit", "part", "slots", "units")

    def __init__(self, limit: Limit, part: str, buckets: list[Bucket], slots: Slots | None) -> None:
        self.limit = limit
        self.part = part
        self.buckets = buckets
        self.slots = slots
        self.units = [Weight._fields.index(quota.unit) for quota in limit.quotas]
        self.asked = [0] * (len(buckets) + 1)  # of each quota, and of the slots

    def lets_through(self, weight: Weight, now_ns: int) -> bool:
        """Tell whether nothing is in the way."""
        free = True
        asked = self.asked
        for at, bucket in enumerate(self.buckets):
            amount = weight[self.units[at]]
            asked[at] += amount
            if bucket.wait_ns(amount, now_ns) != 0:
                free = False
        if self.slots is not None:
            asked[-1] += 1
            free = free and self.slots.free > 0
        return free

    def wait(self, weight: Weight, now_ns: int) -> Wait | None:
        """Tell what is in the way, the longest of it; None: nothing."""
        longest: Wait | None = None
        for quota, bucket, unit in zip(self.limit.quotas, self.buckets, self.units, strict=True):
            wait_ns = bucket.wait_ns(weight[unit], now_ns)
            if wait_ns == 0:
                continue
            wait = Wait(
                self.limit, quota.setting, self.part, wait_ns, bucket.left(now_ns), quota.rate.amount,
                bucket.full_again_ns(now_ns),
            )  # fmt: skip
            longest = _longer(longest, wait)
        if longest is None and self.slots is not None and not self.slots.free:
            return Wait(self.limit, CONCURRENT, self.part, None, 0, self.limit.concurrent or 0, None)
        return longest

    def go_on_from(self, before: "_Meter", now_ns: int) -> None:
        """Take over what is used of a limit that was written differently until now."""
        used = {quota.setting: bucket for quota, bucket in zip(before.limit.quotas, before.buckets, strict=True)}
        for at, quota in enumerate(self.limit.quotas):
            if (bucket := used.get(quota.setting)) is not None:
                bucket.reshare(self.buckets[at].rate, now_ns)
                self.buckets[at] = bucket
        if self.slots is not None and before.slots is not None:
            before.slots.most = self.slots.most
            self.slots = before.slots

    def is_idle(self, now_ns: int) -> bool:
        """Tell whether nothing would be lost with it."""
        return not self.slots and all(bucket.full_again_ns(now_ns) == 0 for bucket in self.buckets)


def _longer(one: Wait | None, other: Wait | None) -> Wait | None:
    """Return the longer wait; one whose end nobody knows is longer than none, and shorter than any other."""
    if one is None or other is None:
        return one or other
    return other if (other.wait_ns or 0) > (one.wait_ns or 0) else one


class Admission:
    """A request that was let through. `end` gives back what it did not use, however and how often it is called."""

    __slots__ = ("_charges", "_meters", "_owner")

    def __init__(self, owner: str, meters: list[_Meter], weight: Weight, now_ns: int) -> None:
        self._owner = owner
        self._meters = meters
        self._charges: list[Charge] = []
        for meter in meters:
            if meter.slots is not None:
                meter.slots.take(owner)
            for at, bucket in enumerate(meter.buckets):
                self._charges.append(bucket.charge(weight[meter.units[at]], now_ns))

    def end(self, weight: Weight, now_ns: int) -> None:
        """Free the slots, and correct what was charged by what the request really weighed."""
        meters, self._meters = self._meters, []
        charge = 0
        for meter in meters:
            if meter.slots is not None:
                meter.slots.give_back(self._owner)
            for at, bucket in enumerate(meter.buckets):
                bucket.correct(self._charges[charge], weight[meter.units[at]], now_ns)
                charge += 1


class Limiter:
    """A worker's side of all limits: its share of each, until it is told another. Outlives a reload."""

    __slots__ = ("_meters", "_worker", "_workers")

    def __init__(self, worker: int = 0, workers: int = 1) -> None:
        self._worker = worker
        self._workers = workers
        self._meters: dict[str, dict[_Place, _Meter]] = {}  # by the limit's id

    def admit(
        self, wanted: Iterable[tuple[Limit, tuple[str, ...]]], owner: str, weight: Weight, now_ns: int
    ) -> Admission | Wait:
        """Let a request through, or say which limit it must wait for longest; then nothing is charged.

        `wanted`: the limits that hold, each with the values of its `per`. `owner`: the request's id.
        """
        meters = [self._meter(limit, values, now_ns) for limit, values in wanted]
        longest: Wait | None = None
        for meter in meters:
            if not meter.lets_through(weight, now_ns):
                longest = _longer(longest, meter.wait(weight, now_ns))
        return longest or Admission(owner, meters, weight, now_ns)

    def demands(self) -> dict[str, tuple[int, ...]]:
        """Report what was asked for since the last report: by limit and part, for each quota and then for slots."""
        report = {}
        for limit_id, parts in self._meters.items():
            for meter in parts.values():
                if any(meter.asked):
                    report[limit_id + meter.part] = tuple(meter.asked)
                    meter.asked = [0] * len(meter.asked)
        return report

    def reshare(self, shares: Mapping[str, tuple[tuple[Rate, ...], int]], now_ns: int) -> None:
        """Go on with other shares: by limit and part, a rate for each quota, and slots."""
        for limit_id, parts in self._meters.items():
            for meter in parts.values():
                if (share := shares.get(limit_id + meter.part)) is None:
                    continue
                for bucket, rate in zip(meter.buckets, share[0], strict=True):
                    bucket.reshare(rate, now_ns)
                if meter.slots is not None:
                    meter.slots.most = share[1]

    def keep(self, limits: Limits) -> None:
        """Forget limits that are gone."""
        ids = {limit.id for limit in limits.all}
        self._meters = {name: parts for name, parts in self._meters.items() if name in ids}

    def _meter(self, limit: Limit, values: tuple[str, ...], now_ns: int) -> _Meter:
        parts = self._meters.get(limit.id)
        if parts is None:
            parts = self._meters[limit.id] = {}
        meter = parts.get(values)
        if meter is not None and meter.limit is limit:
            return meter
        place: _Place = values
        if meter is None and len(parts) >= limit.max_balances:
            place = self._room(parts, limit, values, now_ns)
            meter = parts.get(place)
            if meter is not None and meter.limit is limit:
                return meter
        new = parts[place] = self._new(limit, place, now_ns)
        if meter is not None:
            new.go_on_from(meter, now_ns)
        return new

    def _room(self, parts: dict[_Place, _Meter], limit: Limit, values: tuple[str, ...], now_ns: int) -> _Place:
        """Drop what is idle; where nothing is, the newcomer shares with all others for whom there is no room."""
        for place in [place for place, meter in parts.items() if meter.is_idle(now_ns)]:
            del parts[place]
        return values if len(parts) < limit.max_balances else None

    def _new(self, limit: Limit, place: _Place, now_ns: int) -> _Meter:
        part = shared_name(limit.per) if place is None else part_name(limit.per, place)
        even = [1] * self._workers
        buckets = [Bucket(share_rate(quota.rate, even)[self._worker], now_ns) for quota in limit.quotas]
        slots = None if limit.concurrent is None else Slots(share_out(limit.concurrent, even)[self._worker])
        return _Meter(limit, part, buckets, slots)
