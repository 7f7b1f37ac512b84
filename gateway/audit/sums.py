"""Are the totals and the spending of a day what its rows add up to?"""

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from operator import add
from typing import Any, TypeVar

from gateway.audit.findings import Findings
from gateway.core.record import Record
from gateway.metrics.bounds import OTHER, Bounds
from gateway.metrics.catalogue import CATALOGUE, FROM_SCORES, FROM_STORE, OVERFLOW
from gateway.metrics.debts import OWED
from gateway.metrics.totals import Tally
from gateway.store import schema
from gateway.store.dayview import FileSums
from gateway.store.interface import TotalKey
from gateway.store.moves import amounts_of, bucket_of, highest

_AT_ONCE = 500  # records that are counted together, as a commit does
# Which models have a series of their own is a matter of history, so it is left out of what is compared; and so is what
# was folded where there were too many series, and what is owed to those who saw more.
_FORGOTTEN = "model"

# A series without that label: metric, other labels with their values, part.
_Series = tuple[str, tuple[tuple[str, str], ...], str]


class Recount:
    """Counts the rows of one day again."""

    def __init__(self) -> None:
        self._tally = Tally(bounds=Bounds(most_label_sets=sys.maxsize, most_samples=sys.maxsize))
        self._waiting: list[Record] = []
        self._totals: Counter[TotalKey] = Counter()
        self._spent: dict[str, list[int]] = {}
        self._rollups: dict[tuple[int, int, int], list[int]] = {}
        self._claims: dict[int, list[int]] = {}
        self._tags: dict[tuple[str, str, str], list[int]] = {}
        self._peaks: dict[int, tuple[int, ...]] = {}

    def add(self, record: Record, columns: Mapping[str, Any]) -> None:
        """Count a row. `columns`: those that it has in the file."""
        amounts = amounts_of(record)
        bucket = bucket_of(record)
        spread = [*amounts, *(int(bucket == each) for each in range(len(schema.BUCKETS)))]
        at_s = schema.ms_of(columns["id"]) // 1000
        for step_s in (schema.HOUR_S, schema.DAY_S):
            _add(self._rollups, (step_s, at_s // step_s * step_s, columns["kind"]), spread)
        _add(self._claims, columns["claim"], amounts)
        for tag in set(record.tags) or ("",):
            _add(self._tags, (tag, record.team, record.key), amounts)
        _add(self._spent, record.team, amounts)
        minute_s, peak = at_s // schema.PEAK_S * schema.PEAK_S, highest([amounts])
        self._peaks[minute_s] = tuple(map(max, peak, self._peaks.get(minute_s, peak)))
        self._waiting.append(record)
        if len(self._waiting) >= _AT_ONCE:
            self._count()

    def compare_totals(self, totals: Mapping[TotalKey, int], found: Findings, team: str | None = None) -> None:
        """Compare with the stored totals, those of a team only where only its rows were counted."""
        self._count()
        folded = {metric for metric, values, _ in totals if len(values) > 1 and set(values) == {OTHER}}
        stored, counted = _series(totals, folded), _series(self._totals, folded)
        for series in sorted(stored.keys() | counted.keys()):
            metric, labels, part = series
            if team is not None and ("team", team) not in labels:
                continue
            if metric not in CATALOGUE:
                found.skip("sums", f"this version does not know the metric {metric}")
                continue
            if CATALOGUE[metric] in FROM_STORE + FROM_SCORES:
                continue  # no record moves it
            found.look_into("sums")
            found.expect("sums", _written(metric, labels, part), stored[series], counted[series])

    def compare_spend(self, spend: Mapping[str, Sequence[int]], found: Findings) -> None:
        """Compare with what `tollway spend` says."""
        _compare("spend of", spend, self._spent, found)

    def compare_sums(self, stored: FileSums, found: Findings, team: str | None = None) -> None:
        """Compare with the sums of the file by hour and day, caller and tag, and with the peaks of minutes; of a team
        only where only its rows were counted."""
        kinds = {kind for _, _, kind in self._rollups}
        rollups, claims, tags, peaks = stored
        if team is not None:
            rollups = {which: amounts for which, amounts in rollups.items() if which[2] in kinds}
            claims = {which: amounts for which, amounts in claims.items() if which in self._claims}
            tags = {which: amounts for which, amounts in tags.items() if which[1] == team}
        counted: dict[tuple[str, str, str], list[int]] = {}
        for which, amounts in self._tags.items():
            _add(counted, which if which in tags else (schema.OTHER, *which[1:]), amounts)
        _compare("rollup (seconds, start, kind)", rollups, self._rollups, found)
        _compare("claim", claims, self._claims, found)
        _compare("tag", tags, counted, found)
        for start_s, real in self._peaks.items():
            for name, recorded, recomputed in zip_longest(schema.PEAK, peaks.get(start_s, ()), real, fillvalue=0):
                found.look_into("sums")  # too high only costs a look, too low hides what is there
                found.expect("sums", f"peak of minute {start_s}: {name}", recorded, max(recorded, recomputed))

    def _count(self) -> None:
        self._totals.update(self._tally.count(self._waiting))
        self._waiting.clear()


K = TypeVar("K")


def _add(sums: dict[K, list[int]], which: K, amounts: Sequence[int]) -> None:
    known = sums.get(which)
    sums[which] = list(amounts) if known is None else list(map(add, known, amounts))


def _compare(what: str, stored: Mapping[K, Sequence[int]], counted: Mapping[K, Sequence[int]], found: Findings) -> None:
    for which in sorted(stored.keys() | counted.keys()):  # type: ignore[type-var]
        names = (*schema.MEASURES, *schema.BUCKETS)
        said, real = stored.get(which, ()), counted.get(which, ())
        for name, recorded, recomputed in zip_longest(names, said, real, fillvalue=0):
            if recorded or recomputed:
                found.look_into("sums")
                found.expect("sums", f"{what} {which}: {name}", recorded, recomputed)


def _series(totals: Mapping[TotalKey, int], folded: Collection[str]) -> Counter[_Series]:
    """Add up what cannot be told apart; of a metric that was folded that is everything."""
    found: Counter[_Series] = Counter()
    for (metric, values, part), value in totals.items():
        if metric == OVERFLOW.name or part.startswith(OWED):
            continue
        if metric in folded:
            found[metric, (), part] += value
            continue
        names = CATALOGUE[metric].labels if metric in CATALOGUE else tuple(map(str, range(len(values))))
        labels = tuple((name, each) for name, each in zip(names, values, strict=False) if name != _FORGOTTEN)
        found[metric, labels, part] += value
    return found


def _written(metric: str, labels: tuple[tuple[str, str], ...], part: str) -> str:
    named = ",".join(f"{name}={value}" for name, value in labels)
    return f"{metric}{{{named}}}" + (f" {part}" if part else "")
