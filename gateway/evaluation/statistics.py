"""What do sampled scores say of everything that was seen? Weighted means, and how far they can be trusted.

A score stands for 1/p exchanges, where p is the probability with which its exchange was taken (Hájek). Exchanges of one
conversation are alike, so conversations count, not exchanges: errors are clustered by them.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
FEW: Final = 30  # below so many effective observations a mean says little
LABELS: Final = 50  # of one score that are told apart: what people make up as labels is theirs
OTHER: Final = "(other)"
_NORMAL: Final = NormalDist()
_MANY: Final = 5_000  # degrees of freedom, from which on the expansion is right to nine digits


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

    @property
    def clusters(self) -> int:
        """How many conversations there are."""
        return len(self._clusters)

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
        clusters = [(weight, total) for weight, total in self._clusters.values()]
        return _mean(_Totals(self._n, self._squares, clusters), binary=self.binary, confidence=confidence)


class Shares:
    """Adds labels up: of every score each label is 1 or 0. At most LABELS labels; beyond them all are OTHER."""

    __slots__ = ("_clusters", "_labels", "_n", "_squares")

    def __init__(self) -> None:
        self._n = 0
        self._squares = 0.0
        self._clusters: dict[str, float] = {}  # sum of weights
        self._labels: dict[str, dict[str, float]] = {}  # label -> cluster -> sum of weights

    @property
    def clusters(self) -> int:
        """How many conversations there are."""
        return len(self._clusters)

    def add(self, label: str, probability: float, cluster: str) -> None:
        """Add a score, as `Sums.add` does."""
        weight = 1.0 / probability
        if label not in self._labels and len(self._labels) >= LABELS:
            label = OTHER
        of_label = self._labels.setdefault(label, {})
        of_label[cluster] = of_label.get(cluster, 0.0) + weight
        self._clusters[cluster] = self._clusters.get(cluster, 0.0) + weight
        self._squares += weight * weight
        self._n += 1

    def means(self, confidence: float = CONFIDENCE) -> dict[str, Mean]:
        """Return the share of each label, the largest first."""
        found = {}
        for label, of_label in self._labels.items():
            clusters = [(weight, of_label.get(name, 0.0)) for name, weight in self._clusters.items()]
            found[label] = _mean(_Totals(self._n, self._squares, clusters), binary=True, confidence=confidence)
        return dict(sorted(found.items(), key=lambda one: -one[1].value))


def wilson(share: float, n: float, quantile_of_normal: float) -> Interval:
    """Return Wilson's interval of a share of `n` observations (Wilson 1927); all of [0, 1] where there are none."""
    if n <= 0:
        return Interval(0.0, 1.0)
    square = quantile_of_normal**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = quantile_of_normal * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


class _Totals(NamedTuple):
    """`squares`: sum of squared weights. `clusters`: of each the sum of weights, and of weighted values."""

    n: int
    squares: float
    clusters: Sequence[tuple[float, float]]


def _mean(totals: _Totals, *, binary: bool, confidence: float) -> Mean:
    n, squares, clusters = totals
    weights = sum(weight for weight, _ in clusters)
    value = sum(total for _, total in clusters) / weights
    if binary:
        value = min(1.0, max(0.0, value))  # where rounding left it just outside
    count = len(clusters)
    n_eff = weights * weights / squares
    if count < 2:
        return Mean(n, count, value, None, n_eff, None)
    spread = sum((total - value * weight) ** 2 for weight, total in clusters)
    error = math.sqrt(count / (count - 1) * spread) / weights
    if binary:
        return Mean(n, count, value, error, n_eff, _of_share(value, error, n_eff, count, confidence))
    reach = student(1 - (1 - confidence) / 2, count - 1) * error
    return Mean(n, count, value, error, n_eff, Interval(value - reach, value + reach))


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
    if freedom > _MANY:
        return value
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
