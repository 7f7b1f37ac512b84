"""One series as lines of Prometheus' text format or of OpenMetrics: the only place where amounts become floats."""

from collections.abc import Callable, Iterator, Mapping

from gateway.metrics.catalogue import HISTOGRAM, Metric
from gateway.metrics.debts import OWED, SUM
from gateway.metrics.exemplars import Exemplar

Labels = tuple[str, ...]
Parts = Mapping[str, int]  # what is known of a label set, by part
# Look an exemplar up by metric, label values and part.
Find = Callable[[tuple[str, Labels, str]], Exemplar | None]

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Pen:
    """Writes lines, and remembers how label sets are written. `openmetrics`: with exemplars, and its heads."""

    def __init__(self, *, openmetrics: bool) -> None:
        self._openmetrics = openmetrics
        self._starts: dict[tuple[str, Labels], str] = {}

    def head(self, metric: Metric) -> str:
        """Write what the metric is."""
        name = metric.name if self._openmetrics else metric.exported
        return f"# HELP {name} {metric.meaning}\n# TYPE {name} {metric.kind}\n"

    def total(self, metric: Metric, labels: Labels, parts: Parts, find: Find) -> str:
        """Write what is shown of totals: what is true, and what is owed to those who saw more."""
        if metric.kind == HISTOGRAM:
            return "".join(self._histogram(metric, labels, parts, find))
        value = _number(parts.get("", 0) + parts.get(OWED, 0), metric)
        return f"{self._start(metric.exported, metric, labels)} {value}{self._example(metric, labels, '', find)}\n"

    def sample(self, metric: Metric, labels: Labels, value: float) -> str:
        """Write the value of a gauge, or of a counter that a process keeps."""
        return f"{self._start(metric.exported, metric, labels)} {_number(value, metric)}\n"

    def _histogram(self, metric: Metric, labels: Labels, parts: Parts, find: Find) -> Iterator[str]:
        name = metric.name
        start = self._start(name + "_bucket", metric, labels)
        start = start[:-1] + ',le="' if labels else start + '{le="'
        below = shown = 0
        for edge in metric.buckets:
            below += parts.get(edge, 0)
            shown = below + parts.get(OWED + edge, 0)
            yield f'{start}{edge}"}} {float(shown)}{self._example(metric, labels, edge, find)}\n'
        yield f"{self._start(name + '_count', metric, labels)} {float(shown)}\n"
        total = _number(parts.get(SUM, 0) + parts.get(OWED + SUM, 0), metric)
        yield f"{self._start(name + '_sum', metric, labels)} {total}\n"

    def _start(self, name: str, metric: Metric, labels: Labels) -> str:
        start = self._starts.get((name, labels))
        if start is None:
            pairs = sorted(zip(metric.labels, labels, strict=True))
            text = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in pairs)
            start = self._starts[name, labels] = f"{name}{{{text}}}" if text else name
        return start

    def _example(self, metric: Metric, labels: Labels, part: str, find: Find) -> str:
        if not self._openmetrics:
            return ""
        found = find((metric.name, labels, part))
        if found is None:
            return ""
        named = ",".join([f'{name}="{value}"' for name, value in found.labels.items()])
        return f" # {{{named}}} {_number(found.amount, metric)} {found.at_s:.3f}"


def _number(amount: float, metric: Metric) -> str:
    return repr(float(amount) if metric.per_unit == 1 else amount / metric.per_unit)
