"""Who is taken out of a whole minute, when a cap or the money is for only some? The lowest hashes, and it stays exact.

Each candidate has q = u / rate. Of each reservoir the k smallest are taken; the smallest q that is not taken is the
threshold t, and whoever was taken had the probability min(1, rate * t), whatever the others' hashes were ("bottom-k").
Money is one more k, over all rules of an evaluator, on what their caps let through. What always-rules take (at rate 1)
has reservoirs of its own, so that an outage cannot crowd out the rest: of the money it gets half at most.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

DAY_MS = 86_400_000
MINUTE_MS = 60_000
HOURS = 24
# Without a cap and without money's bound.
ANY_NUMBER = 1 << 62


class Candidate(NamedTuple):
    """Who waits for the end of a minute. `group`: the version of the rule whose caps hold. `rate`: of its stratum.

    `number`: its row in the queue. `cap`, `always_cap`: how many of its group are taken at most.
    """

    number: int
    group: str
    draw: float
    rate: float
    is_always: bool
    cap: int | None
    always_cap: int


class Taken(NamedTuple):
    """Who was taken, by what, and with which probability."""

    number: int
    probability: float
    by_rate: bool
    by_always: bool


def close(candidates: Sequence[Candidate], slots: int | None, *, has_rate: bool = True) -> list[Taken]:
    """Decide about a whole window of one evaluator. `slots`: for how many there is money (None: for all).

    `has_rate`: whether its rules take any by a rate. Nothing that is compared with a hash depends on a hash.
    """
    by_rate = [each for each in candidates if each.draw < each.rate]
    always = [each for each in candidates if each.is_always]
    total = ANY_NUMBER if slots is None else slots
    always_slots = min(_most(always), total // 2 if has_rate else total)
    rate_of = _thresholds(by_rate, _by_rate, _cap, total - always_slots)
    always_of = _thresholds(always, _by_draw, _always_cap, always_slots)
    taken = (_taken(each, rate_of, always_of) for each in candidates)
    return [each for each in taken if each is not None]


def slots_needed(candidates: Iterable[Candidate], *, has_rate: bool) -> int:
    """Say for how many there must be money before a window may close: else some could not be taken at all, and means
    over what is taken would be wrong."""
    always = any(each.is_always for each in candidates)
    return max(1, always + has_rate)


def keep_at_most(cap: int | None, slots: int | None) -> int | None:
    """Say how many of the lowest q of one group can matter; None: all of them."""
    bounds = [each for each in (cap, slots) if each is not None]
    return min(bounds) + 1 if bounds else None


Key = Callable[[Candidate], float]
Cap = Callable[[Candidate], int]


def _by_rate(candidate: Candidate) -> float:
    return candidate.draw / candidate.rate


def _by_draw(candidate: Candidate) -> float:
    return candidate.draw


def _cap(candidate: Candidate) -> int:
    return ANY_NUMBER if candidate.cap is None else candidate.cap


def _always_cap(candidate: Candidate) -> int:
    return candidate.always_cap


def _most(always: Sequence[Candidate]) -> int:
    """Say how many their caps let through: known without any hash, as their rate is 1."""
    counts: defaultdict[tuple[str, int], int] = defaultdict(int)
    for each in always:
        counts[each.group, each.always_cap] += 1
    return sum(min(count, cap) for (_, cap), count in counts.items())


def _thresholds(candidates: Sequence[Candidate], key: Key, cap: Cap, slots: int) -> dict[str, float]:
    """Return, by group, below which q its candidates are taken; 1 where neither cap nor money says less."""
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for each in candidates:
        groups[each.group].append(each)
    thresholds: dict[str, float] = {}
    passed: list[float] = []
    for group, of_group in groups.items():
        quotients = sorted(map(key, of_group))
        most = cap(of_group[0])
        thresholds[group] = quotients[most] if most < len(quotients) else 1.0
        passed += quotients[:most]
    if slots < len(passed):
        limit = sorted(passed)[slots]
        thresholds = {group: min(threshold, limit) for group, threshold in thresholds.items()}
    return thresholds


def _taken(each: Candidate, rate_of: dict[str, float], always_of: dict[str, float]) -> Taken | None:
    threshold = rate_of.get(each.group, 1.0)
    always = always_of[each.group] if each.is_always else 0.0
    # Compared as it was sorted: a product might round to the other side of the threshold.
    by_rate = each.draw < each.rate and _by_rate(each) < threshold
    by_always = each.draw < always
    if not by_rate and not by_always:
        return None
    return Taken(each.number, max(each.rate * threshold, always), by_rate, by_always)


class Bucket(NamedTuple):
    """Money that a judge may be expected to cost: it flows in over the day, and an hour's worth is kept at most."""

    left_nano_usd: int
    at_ms: int


def flowed(bucket: Bucket | None, day_nano_usd: int, now_ms: int, least_nano_usd: int = 0) -> Bucket:
    """Return what there is now. What was left at midnight (UTC) is gone: a day never gives more than its budget.

    `least_nano_usd`: at least so much is kept, that something can be taken at all. No bucket yet: nothing was spent.
    """
    capacity = max(day_nano_usd // HOURS, least_nano_usd)
    midnight_ms = now_ms - now_ms % DAY_MS
    if bucket is None or bucket.at_ms < midnight_ms:
        return Bucket(min(capacity, day_nano_usd * (now_ms - midnight_ms) // DAY_MS), now_ms)
    elapsed_ms = now_ms - bucket.at_ms
    if elapsed_ms <= 0:  # a clock that was set back
        return bucket
    return Bucket(min(capacity, bucket.left_nano_usd + day_nano_usd * elapsed_ms // DAY_MS), now_ms)
