"""What do the scores in the log say? Added up by evaluator, score and version, never across versions."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from gateway.evaluation.statistics import Mean, Shares, Sums
from gateway.store.filters import BadFilter
from gateway.store.interface import ScoreQuery
from gateway.store.judgements import Scored
from gateway.store.reader import StoreReader

# For who asks beside traffic: a report of so many holds some 120 MB.
CONVERSATIONS_MOST: Final = 200_000
# What scores can be told apart by, besides evaluator, name and version.
DIMENSIONS: Final = ("team", "model", "route", "outcome", "prompt", "source", "author", "day")


class Series(NamedTuple):
    """Scores that may be added up. `fingerprint`: which version made them; "" of people's and agents' words.

    `where`: values of the dimensions that were asked for.
    """

    evaluator: str
    name: str
    fingerprint: str
    version: str
    where: tuple[str, ...]


@dataclass(slots=True)
class Line:
    """What one series says.

    `n_ok`, `n_skipped`, `n_error`: evaluations; of those without a score only the main score's line tells.
    `n_unweighted`: scores that are left out of the means, as nobody knows with which probability they were taken.
    `value`: mean of the scores as they are; `good`: of what is normalised, 0 to 1; `passed`: the share of good
    verdicts; `labels`: shares of a categorical score.
    """

    series: Series
    type: str | None = None
    n_ok: int = 0
    n_skipped: int = 0
    n_error: int = 0
    n_unweighted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    value: Mean | None = None
    good: Mean | None = None
    passed: Mean | None = None
    labels: Mapping[str, Mean] = field(default_factory=dict)


class Report:
    """Adds scores up as they are read; memory grows with series and conversations, not with scores."""

    def __init__(self, by: Sequence[str] = ()) -> None:
        self._by = tuple(by)
        self._series: dict[Series, _Adding] = {}

    def add(self, rows: Iterable[Scored]) -> None:
        """Add scores, and evaluations without any."""
        for row in rows:
            series = Series(
                row.evaluator,
                row.name or row.evaluator,
                row.fingerprint,
                row.version,
                tuple(_where(row, name) for name in self._by),
            )
            self._series.setdefault(series, _Adding()).add(row)

    @property
    def conversations(self) -> int:
        """How many are held, each once for every series."""
        return sum(adding.conversations for adding in self._series.values())

    def lines(self) -> list[Line]:
        """Return what they say, in the order of names."""
        return [self._series[series].line(series) for series in sorted(self._series)]


class _Adding:
    """One series on the way."""

    def __init__(self) -> None:
        self.type: str | None = None
        self.results: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.unweighted = 0
        self.value = Sums(binary=False)
        self.good = Sums(binary=False)
        self.passed = Sums(binary=True)
        self.labels = Shares()

    def add(self, row: Scored) -> None:
        self.results[row.result] += 1
        if row.result != "ok":
            self.reasons[row.reason or row.result] += 1
            return
        if row.type is None:
            return
        if self.type is None:
            self.type = row.type
            self.value.binary = self.good.binary = row.type == "boolean"
        # People's words are about what they chose, with nobody knows which probability: plain means of them.
        probability = 1.0 if row.said else row.probability
        if probability is None:
            self.unweighted += 1
            return
        cluster = row.conversation or row.target or row.exchange.hex()
        if row.value is not None and row.type in ("boolean", "numeric"):
            self.value.add(row.value, probability, cluster)
        if row.normalised is not None:
            self.good.add(row.normalised, probability, cluster)
        if row.passing is not None:
            self.passed.add(float(row.passing), probability, cluster)
        if row.type == "categorical" and row.label is not None:
            self.labels.add(row.label, probability, cluster)

    @property
    def conversations(self) -> int:
        return max(self.value.clusters, self.good.clusters, self.passed.clusters, self.labels.clusters)

    def line(self, series: Series) -> Line:
        return Line(
            series,
            self.type,
            self.results["ok"],
            self.results["skipped"],
            self.results["error"],
            self.unweighted,
            self.reasons,
            self.value.mean(),
            self.good.mean(),
            self.passed.mean(),
            self.labels.means(),
        )


def dimensions_of(text: str) -> list[str]:
    """Read what to part a report by, commas between them; raise BadFilter."""
    found = [each for each in text.split(",") if each]
    for each in found:
        if each not in DIMENSIONS:
            raise BadFilter("by", f"there is no {each!r}; there are {', '.join(DIMENSIONS)}")
    return list(dict.fromkeys(found))


async def report_of(store: StoreReader, query: ScoreQuery, by: Sequence[str], most: int | None = None) -> list[Line]:
    """Add up what matches. Raise BadFilter where that are more than `most` conversations."""
    report = Report(by)
    async for rows in store.scored(query):
        await asyncio.to_thread(report.add, rows)
        if most is not None and report.conversations > most:
            raise BadFilter("since", f"these are more than {most:,} conversations: ask for less")
    return await asyncio.to_thread(report.lines)


def _where(row: Scored, dimension: str) -> str:
    if dimension == "prompt":
        return row.prompt_version or ""
    if dimension == "day":
        return datetime.fromtimestamp(row.created_us / 1e6, UTC).date().isoformat()
    return getattr(row, dimension) or ""


def public_line(line: Line, by: Sequence[str]) -> dict[str, Any]:
    """Shape a line for programs."""
    series = line.series
    return {
        "evaluator": series.evaluator,
        "name": series.name,
        "fingerprint": series.fingerprint or None,
        "version": series.version or None,
        **dict(zip(by, series.where, strict=True)),
        "type": line.type,
        "n_ok": line.n_ok,
        "n_skipped": line.n_skipped,
        "n_error": line.n_error,
        "n_unweighted": line.n_unweighted,
        "reasons": dict(line.reasons),
        "value": _public_mean(line.value),
        "good": _public_mean(line.good),
        "passed": _public_mean(line.passed),
        "labels": {label: _public_mean(mean) for label, mean in line.labels.items()},
    }


def _public_mean(mean: Mean | None) -> dict[str, Any] | None:
    if mean is None:
        return None
    return {
        "n": mean.n,
        "conversations": mean.clusters,
        "mean": mean.value,
        "standard_error": mean.error,
        "n_eff": mean.n_eff,
        "low": mean.interval.low if mean.interval else None,
        "high": mean.interval.high if mean.interval else None,
    }
