"""Which label values may a series have? Models are of config or priced; of label sets there are only so many."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.core.record import Record
from gateway.metrics import catalogue
from gateway.metrics.catalogue import Metric

MAX_MODELS = 200
# Below what scrapers are told to accept (20,000 samples): the rest is left to what processes show.
MOST_LABEL_SETS = 2_000
MOST_SAMPLES = 20_000
OF_PROCESSES = 6_000
OTHER = "other"
NONE = "none"
# What is in the label `label` of the overflow where no single label is to blame.
ALL = "all"

Labels = tuple[str, ...]

_PRICED = frozenset({"config", "genai-prices", "provider"})


class Models:
    """The models that are label values: those of config, and priced ones that answered."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __contains__(self, model: object) -> bool:
        return model in self._known

    def admit(self, models: Iterable[str]) -> None:
        """Admit the models that config names; those admitted before stay, so that no series ends."""
        for model in models:
            if len(self._known) < MAX_MODELS:
                self._known.add(model)

    def recall(self, models: Iterable[str]) -> None:
        """Admit what has a series already, whatever the limit is now."""
        self._known.update(set(models) - {OTHER, NONE})

    def label(self, record: Record) -> str:
        """Return the record's `model` label."""
        known = self._known
        served, requested = record.model_served, record.model_requested
        if served in known:
            return served or NONE
        priced = record.price_source in _PRICED and record.status is not None and 200 <= record.status < 300
        name = served or requested
        if priced and name and len(known) < MAX_MODELS:
            known.add(name)
            return name
        if requested in known:
            return requested or NONE
        return OTHER if name else NONE


class Bounds:
    """The label sets of each metric that exist, also those that nothing moved yet. It only grows, up to the limits.

    One thread admits; `series` may be asked from any.
    """

    def __init__(self, most_label_sets: int = MOST_LABEL_SETS, most_samples: int = MOST_SAMPLES - OF_PROCESSES) -> None:
        self.series: defaultdict[str, set[Labels]] = defaultdict(set)
        self._most_label_sets = most_label_sets
        self._samples_left = most_samples

    def recall(self, series: Iterable[tuple[str, Labels]]) -> None:
        """Admit what is stored, whatever the limits are now."""
        for name, labels in series:
            metric = catalogue.CATALOGUE.get(name)
            if metric is not None and labels not in self.series[name]:
                self._add(metric, labels)

    def expect(self, series: Mapping[Metric, Iterable[Labels]]) -> None:
        """Admit what will be needed as far as there is room, so that it begins at 0."""
        for metric, label_sets in series.items():
            for labels in label_sets:
                self.admit(metric, labels)

    def admit(self, metric: Metric, labels: Labels) -> bool:
        """Whether there is such a series, or room for it; then there is."""
        known = self.series[metric.name]
        if labels in known:
            return True
        if len(known) >= self._most_label_sets or self._samples_left < metric.samples:
            return False
        self._add(metric, labels)
        return True

    def _add(self, metric: Metric, labels: Labels) -> None:
        self.series[metric.name].add(labels)
        self._samples_left -= metric.samples
