"""Are the totals and the spending of a day what its rows add up to?"""

from collections import Counter
from collections.abc import Mapping

from gateway.audit.findings import Findings
from gateway.core.record import Record
from gateway.metrics.catalogue import CATALOGUE, FROM_STORE
from gateway.metrics.totals import Tally
from gateway.store.interface import Spend, TotalKey

_AT_ONCE = 500  # records that are counted together, as a commit does
# Which models have a series of their own is a matter of history, so it is left out of what is compared.
_FORGOTTEN = "model"

# A series without that label: metric, other labels with their values, part.
_Series = tuple[str, tuple[tuple[str, str], ...], str]


class Recount:
    """Counts the rows of one day again."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._waiting: list[Record] = []
        self._totals: Counter[_Series] = Counter()
        self._spent: dict[str, Spend] = {}

    def add(self, record: Record) -> None:
        """Count a row."""
        usage = record.usage
        tokens = (usage.input_total, usage.output_total) if usage is not None else (0, 0)
        spent = self._spent.setdefault(record.team, Spend(name=record.team))
        spent.add(1, *tokens, record.cost_nano_usd)
        self._waiting.append(record)
        if len(self._waiting) >= _AT_ONCE:
            self._count()

    def compare_totals(self, totals: Mapping[TotalKey, int], found: Findings, team: str | None = None) -> None:
        """Compare with the stored totals, those of a team only where only its rows were counted."""
        self._count()
        stored = _series(totals)
        counted = self._totals
        for series in sorted(stored.keys() | counted.keys()):
            metric, labels, part = series
            if team is not None and ("team", team) not in labels:
                continue
            if metric not in CATALOGUE:
                found.skip("sums", f"this version does not know the metric {metric}")
                continue
            if CATALOGUE[metric] in FROM_STORE:
                continue  # no record moves it
            found.look_into("sums")
            found.expect("sums", _written(metric, labels, part), stored[series], counted[series])

    def compare_spend(self, spend: Mapping[str, Spend], found: Findings) -> None:
        """Compare with what `tollway spend` says."""
        for team in sorted(spend.keys() | self._spent.keys()):
            said, counted = spend.get(team, Spend(name=team)), self._spent.get(team, Spend(name=team))
            for name in ("requests", "input_tokens", "output_tokens", "cost_nano_usd"):
                found.look_into("sums")
                found.expect("sums", f"spend of {team}: {name}", getattr(said, name), getattr(counted, name))

    def _count(self) -> None:
        self._totals.update(_series(self._tally.count(self._waiting)))
        self._waiting.clear()


def _series(totals: Mapping[TotalKey, int]) -> Counter[_Series]:
    found: Counter[_Series] = Counter()
    for (metric, values, part), value in totals.items():
        names = CATALOGUE[metric].labels if metric in CATALOGUE else tuple(map(str, range(len(values))))
        labels = tuple((name, each) for name, each in zip(names, values, strict=False) if name != _FORGOTTEN)
        found[metric, labels, part] += value
    return found


def _written(metric: str, labels: tuple[tuple[str, str], ...], part: str) -> str:
    named = ",".join(f"{name}={value}" for name, value in labels)
    return f"{metric}{{{named}}}" + (f" {part}" if part else "")
