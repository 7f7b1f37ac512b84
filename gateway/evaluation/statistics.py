"""What do sampled scores say of everything that was seen? Weighted means, and how far they can be trusted.

A score stands for 1/p exchanges, where p is the probability with which its exchange was taken (Hájek). Exchanges of one
conversation are alike, so conversations count, not exchanges: errors are clustered by them.
"""

import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
FEW: Final = 30  # below so many effective observations a mean says little
RESAMPLES: Final = 2_000
_NORMAL: Final = NormalDist()


class Interval(NamedTuple):
    """Where the true value lies, with CONFIDENCE."""

    low: float
    high: float


class Mean(NamedTuple):
    """A weighted mean. `clusters`: conversations. `n_eff`: as many equal, independent observations would say as much.

    `error`: its standard error; None, and no interval, where there are fewer than two clusters.
    """

    n: int
    clusters: int
    value: float
    error: float | None
    n_eff: float
    interval: Interval | None


class Sums:
    """Adds scores up, in memory for each conversation only. `binary`: they are 0 or 1."""

    __slots__ = ("_clusters", "_n", "_squares", "binary")

    def __init__(self, *, binary: bool) -> None:
        self.binary = binary
        self._n = 0
        self._squares = 0.0
        self._clusters: dict[str, list[float]] = {}  # sum of weights, sum of weighted values

    def add(self, value: float, probability: float, cluster: str) -> None:
        """Add a score. `probability`: above 0, at most 1. `cluster`: the conversation, or else the exchange."""
        weight = 1.0 / probability
        sums = self._clusters.setdefault(cluster, [0.0, 0.0])
        sums[0] += weight
        sums[1] += weight * value
        self._squares += weight * weight
        self._n += 1

    def mean(self, confidence: float = CONFIDENCE) -> Mean | None:
        """Return the mean with its interval; None: nothing was added."""
        if not self._n:
            return None
        clusters = list(self._clusters.values())
        weights = sum(sums[0] for sums in clusters)
        value = sum(sums[1] for sums in clusters) / weights
        if self.binary:
            value = min(1.0, max(0.0, value))  # where rounding left it just outside
        count = len(clusters)
        n_eff = weights * weights / self._squares
        if count < 2:
            return Mean(self._n, count, value, None, n_eff, None)
        spread = sum((total - value * weight) ** 2 for weight, total in clusters)
        error = math.sqrt(count / (count - 1) * spread) / weights
        if self.binary:
            interval = _of_share(value, error, n_eff, count, confidence)
        else:
            reach = student(1 - (1 - confidence) / 2, count - 1) * error
            interval = Interval(value - reach, value + reach)
        return Mean(self._n, count, value, error, n_eff, interval)

    def resampled(self, seed: int, confidence: float = CONFIDENCE) -> Interval | None:
        """Return the interval from drawing the conversations anew, for skewed values; None: fewer than two of them."""
        clusters = list(self._clusters.values())
        if len(clusters) < 2:
            return None
        draw = random.Random(seed).choices  # noqa: S311 - the same report twice is the same
        means = []
        for _ in range(RESAMPLES):
            drawn = draw(clusters, k=len(clusters))
            means.append(sum(sums[1] for sums in drawn) / sum(sums[0] for sums in drawn))
        means.sort()
        tail = (1 - confidence) / 2
        return Interval(quantile(means, tail), quantile(means, 1 - tail))


def wilson(share: float, n: float, quantile_of_normal: float) -> Interval:
    """Return Wilson's interval of a share of `n` observations (Wilson 1927); all of [0, 1] where there are none."""
    if n <= 0:
        return Interval(0.0, 1.0)
    square = quantile_of_normal**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = quantile_of_normal * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def _of_share(share: float, error: float, n_eff: float, clusters: int, confidence: float) -> Interval:
    """Return Wilson's interval for as many independent observations as the clustered error stands for.

    Student's quantile instead of the normal one: the error itself is estimated, from few conversations.
    """
    independent = share * (1 - share) / error**2 if error > 0 else min(n_eff, clusters)
    return wilson(share, independent, student(1 - (1 - confidence) / 2, clusters - 1))


def student(share: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution, by Newton's method on its own distribution function."""
    if freedom < 1 or not 0 < share < 1:
        raise ValueError("a quantile needs a share between 0 and 1 and a degree of freedom")
    if share < 0.5:
        return -student(1 - share, freedom)
    # Cornish and Fisher's expansion is close; some steps make it exact.
    z = _NORMAL.inv_cdf(share)
    value = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    if freedom <= 2:
        return math.tan(math.pi * (share - 0.5)) if freedom == 1 else _of_two(share)
    for _ in range(20):
        step = (_below(value, freedom) - share) / _density(value, freedom)
        value -= step
        if abs(step) < 1e-12 * max(1.0, abs(value)):
            break
    return value


def _of_two(share: float) -> float:
    spread = 2 * share - 1
    return spread * math.sqrt(2 / (1 - spread * spread))


def _density(value: float, freedom: int) -> float:
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    return math.exp(scale - (freedom + 1) / 2 * math.log1p(value * value / freedom))


def _below(value: float, freedom: int) -> float:
    """Return the distribution function at a value of at least 0: a finite sum for whole degrees of freedom
    (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(value, math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    square = cosine * cosine
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 or not odd else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, between neighbours where it falls between them."""
    if not ordered:
        raise ValueError("no values have no quantile")
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
