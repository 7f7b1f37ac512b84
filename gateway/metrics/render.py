"""The page for a scrape: made in a thread, in slices, by one at a time, and kept for a second."""

import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from prometheus_client.exposition import choose_encoder

from gateway.metrics import catalogue
from gateway.metrics.bounds import MOST_LABEL_SETS, MOST_SAMPLES
from gateway.metrics.catalogue import Metric
from gateway.metrics.debts import TotalKey
from gateway.metrics.lines import Labels, Pen
from gateway.metrics.totals import Tally

# Samples of gauges and process counters: label values and value, by metric.
Samples = Mapping[Metric, Iterable[tuple[tuple[str, ...], float]]]

FRESH_S = 1.0
# So many lines are written before every other thread had its turn; a line takes about a microsecond.
_SLICE = 500
_LEVEL = 1  # of compression: a third of the time of the usual one, for a page that is hardly larger


class Page(NamedTuple):
    """What a scraper gets."""

    body: bytes
    content_type: str
    gzipped: bool = False


class _Kept(NamedTuple):
    made_at_s: float
    plain: bytes
    packed: bytes


class Exposition:
    """Render `totals()` and `samples(totals)` for a scrape. `tally` knows which series there are, and examples of them.

    `samples` is given the very totals that are rendered: what adds up is taken from one view of them.
    """

    def __init__(
        self,
        totals: Callable[[], Mapping[TotalKey, int]],
        samples: Callable[[Mapping[TotalKey, int]], Samples],
        tally: Tally,
        *,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._totals = totals
        self._samples = samples
        self._tally = tally
        self._fresh_s = fresh_s
        self._one_at_a_time = threading.Lock()
        self._kept: dict[bool, _Kept] = {}
        self._pens = {openmetrics: Pen(openmetrics=openmetrics) for openmetrics in (False, True)}
        self._took_s = 0.0

    def render(self, accept: str, *, packed: bool = False) -> Page:
        """Return the page, OpenMetrics or text as the scraper accepts; `packed`: by gzip. Blocks: not for the loop."""
        _, content_type = choose_encoder(accept)
        openmetrics = content_type.startswith("application/openmetrics-text")
        with self._one_at_a_time:
            kept = self._kept.get(openmetrics)
            if kept is None or time.monotonic() - kept.made_at_s >= self._fresh_s:
                kept = self._kept[openmetrics] = self._made(openmetrics)
        return Page(kept.packed if packed else kept.plain, content_type, packed)

    def _made(self, openmetrics: bool) -> _Kept:
        began_s, began_at_s = time.thread_time(), time.monotonic()
        slices: list[bytes] = []
        lines: list[str] = []
        for line in self._lines(self._pens[openmetrics], examples=openmetrics):
            lines.append(line)
            if len(lines) >= _SLICE:
                slices.append("".join(lines).encode())
                lines.clear()
                time.sleep(0)  # lets the event loop have its turn
        if openmetrics:
            lines.append("# EOF\n")
        plain = b"".join([*slices, "".join(lines).encode()])
        packed = gzip.compress(plain, _LEVEL)  # lets the others run
        self._took_s = time.thread_time() - began_s
        return _Kept(began_at_s, plain, packed)

    def _lines(self, pen: Pen, *, examples: bool) -> Iterator[str]:
        """Give every metric of the catalogue."""
        totals = self._totals()
        known = _by_metric(totals)
        samples = self._samples(totals)
        exemplars = self._tally.exemplars() if examples else {}
        left = MOST_SAMPLES
        shown: dict[str, int] = {}
        for metric in catalogue.CATALOGUE.values():
            yield pen.head(metric)
            counted = known.get(metric.name, {})
            for labels in self._tally.series(metric):
                counted.setdefault(labels, {})
            for labels in sorted(counted):
                yield pen.total(metric, labels, counted[labels], exemplars.get)
            left -= len(counted) * metric.samples
            shown[metric.exported] = len(counted)
            room = max(0, min(left, MOST_LABEL_SETS))
            for labels, value in islice(self._of_process(metric, samples, shown), room):
                yield pen.sample(metric, labels, value)
                left -= 1
                shown[metric.exported] += 1

    def _of_process(self, metric: Metric, samples: Samples, shown: Mapping[str, int]) -> Iterable[tuple[Labels, float]]:
        if metric == catalogue.SERIES:
            itself = {metric.exported: len(shown) + 1, catalogue.RENDER.exported: 1}
            return [((name,), count) for name, count in {**shown, **itself}.items()]
        if metric == catalogue.RENDER:
            return [((), self._took_s)]
        if metric == catalogue.RATELIMIT_LEFT:
            return self._tally.allowances.left(time.time())
        return samples.get(metric, ())


def _by_metric(totals: Mapping[TotalKey, int]) -> dict[str, dict[Labels, dict[str, int]]]:
    found: defaultdict[str, dict[Labels, dict[str, int]]] = defaultdict(dict)
    for (name, labels, part), value in totals.items():
        found[name].setdefault(labels, {})[part] = value
    return found
