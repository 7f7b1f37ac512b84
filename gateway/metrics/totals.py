"""How records move the metrics: each record into integer increments, the labels within bounds."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter

from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.core.usage import TOKEN_TYPES, disjoint_tokens
from gateway.metrics import catalogue
from gateway.metrics.attempts import Allowances, count_tries
from gateway.metrics.bounds import ALL, NONE, OTHER, Bounds, Labels, Models
from gateway.metrics.catalogue import CATALOGUE, Metric
from gateway.metrics.debts import Debts, TotalKey
from gateway.metrics.exemplars import Exemplar, exemplar
from gateway.metrics.histogram import observe
from gateway.metrics.scores import count_scores

# Refusals that are written down, by outcome; what is refused before the caller is known stands on the board.
_REJECTIONS = {"rate_limited": "rate_limit", "budget_blocked": "budget", "policy_blocked": "policy"}

_BATCH = "batch"
_KNOWN = frozenset({"booked", "lapsed"})
_TOLD = frozenset({"provider", "partial"})

# Records that agree in all of this move the same series, so that labels are worked out once for all of them.
_alike = attrgetter(
    "route", "provider", "model_requested", "model_served", "endpoint", "stream", "outcome", "team", "status",
    "usage_source", "price_source",
)  # fmt: skip
_Shape = tuple[str, str, str, str, str, str, str]  # route, provider, model, endpoint, stream, outcome, team

# Where an outcome (a result) has been, one that alerts look at begins at 0: `increase` does not see a series' birth.
_SIBLINGS = {
    catalogue.REQUESTS.name: ("ok", "upstream_error", "timeout"),
    catalogue.TEAM_REQUESTS.name: ("ok", "upstream_error", "timeout"),
    catalogue.ATTEMPTS.name: ("ok", "5xx", "timeout"),
}


class Tally:
    """Count records. `bounds`: which label sets there are; the models of config, and priced ones that answered.

    `unpriced` is told of exchanges that were booked at the default price, one of many alike. One thread counts; what a
    scrape asks for (`series`, `exemplars`, `allowances`) is safe from any.
    """

    def __init__(
        self,
        configured: Iterable[str] = (),
        unpriced: Callable[[Record], None] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.allowances = Allowances()
        self._models = Models()
        self._bounds = bounds or Bounds()
        self._debts = Debts()
        self._exemplars: dict[TotalKey, Exemplar] = {}
        self._unpriced = unpriced
        self.configure(configured)

    def recall(self, totals: Collection[TotalKey]) -> None:
        """Go on where stored totals end: with their series, the models that they name, and what is owed."""
        self._models.recall(labels[2] for name, labels, _ in totals if name == catalogue.REQUESTS.name)
        self._bounds.recall((name, labels) for name, labels, _ in totals)
        self._debts.recall(totals)
        for name, labels in {(name, labels) for name, labels, _ in totals if name in _SIBLINGS}:
            self._admit_siblings(name, labels)

    def configure(self, models: Iterable[str], expected: Mapping[Metric, Iterable[Labels]] | None = None) -> None:
        """Take a config: the models that it names, and the series that shall begin at 0."""
        self._models.admit(models)
        self._bounds.expect(expected or {})

    def series(self, metric: Metric) -> list[Labels]:
        """List the label sets of a metric, also those that nothing moved yet."""
        return list(self._bounds.series.get(metric.name, ()))

    def exemplars(self) -> dict[TotalKey, Exemplar]:
        """Return the newest exchange of buckets and counters that have one."""
        return self._exemplars.copy()

    def owe(self, totals: Mapping[TotalKey, int], changes: Mapping[TotalKey, int]) -> Mapping[TotalKey, int]:
        """Return what must be added beside `changes`, so that nothing that was shown of `totals` falls."""
        return self._debts.owe(totals, changes)

    def model(self, record: Record) -> str:
        """Return the record's `model` label."""
        return self._models.label(record)

    def count(self, records: Iterable[Record]) -> Counter[TotalKey]:
        """Return how these records move the totals."""
        groups: dict[object, list[Record]] = {}
        for record in records:
            groups.setdefault(_alike(record), []).append(record)
        totals: Counter[TotalKey] = Counter()
        for group in groups.values():
            totals.update(self._bounded(self._count_group(group), len(group)))
        return totals

    def count_scores(self, evaluations: Iterable[Evaluation]) -> Counter[TotalKey]:
        """Return how these evaluations move the totals."""
        found = list(evaluations)
        return self._bounded(count_scores(found, self._models), len(found)) if found else Counter()

    def _count_group(self, group: Sequence[Record]) -> Counter[TotalKey]:
        billed = self.model(group[0])
        shape = self._shape(group[0], billed)
        moved: Counter[TotalKey] = Counter()
        _add_up(moved, group, shape, billed)
        self._observe_times(moved, group, shape)
        _count_gaps(moved, group, shape, billed)
        count_tries(moved, group, shape[2], self._models, self.allowances)
        if group[0].price_source == "default" and self._unpriced is not None:
            self._unpriced(group[0])
        return moved

    def _shape(self, record: Record, billed: str) -> _Shape:
        # Which models did a batch is known later, and may no longer move what was counted when it was asked for.
        asked = record.model_requested or NONE
        return (
            record.route or NONE,
            record.provider or NONE,
            billed if record.endpoint != _BATCH else asked if asked == NONE or asked in self._models else OTHER,
            record.endpoint or OTHER,
            "true" if record.stream else "false",
            record.outcome or "gateway_error",
            record.team or NONE,
        )

    def _observe_times(self, moved: Counter[TotalKey], group: Sequence[Record], shape: _Shape) -> None:
        route, provider, model, _, stream, _, _ = shape
        ended = [record for record in group if record.duration_ms is not None]
        durations = [record.duration_ms * 1000 for record in ended if record.duration_ms is not None]
        buckets = observe(moved, catalogue.DURATION, (route, provider, model, stream), durations)
        # The last one of each bucket; of few buckets there are many records.
        for index, at in dict(zip(buckets, range(len(ended)), strict=True)).items():
            key = (catalogue.DURATION.name, (route, provider, model, stream), catalogue.DURATION.buckets[index])
            self._exemplars[key] = exemplar(ended[at], durations[at])
        self._exemplars[catalogue.REQUESTS.name, shape[:6], ""] = exemplar(group[-1], 1)
        if group[0].stream:
            first = [record.first_token_ms * 1000 for record in group if record.first_token_ms is not None]
            observe(moved, catalogue.FIRST_TOKEN, (provider, model), first)
            observe(moved, catalogue.PER_TOKEN, (provider, model), _times_per_token(group))
        overheads = [record.overhead_us for record in group if record.overhead_us is not None]
        observe(moved, catalogue.OVERHEAD, ("total",), overheads)
        observe(moved, catalogue.QUEUE, (route,), [record.waited_us for record in group])

    def _bounded(self, moved: Counter[TotalKey], exchanges: int) -> Counter[TotalKey]:
        """Fold what would be a series too many into the one whose labels are all `other`."""
        series = self._bounds.series
        fresh = {key[:2] for key in moved if key[1] not in series[key[0]]}
        folded = {one for one in fresh if not self._admit(*one)}
        if not folded:
            return moved
        bounded: Counter[TotalKey] = Counter()
        for key, amount in moved.items():
            if key[:2] in folded:
                self._exemplars.pop(key, None)
                key = (key[0], (OTHER,) * len(key[1]), key[2])  # noqa: PLW2901
            bounded[key] += amount
        for name, _ in folded:
            bounded[catalogue.OVERFLOW.name, (name, ALL), ""] += exchanges
        return bounded

    def _admit(self, name: str, labels: Labels) -> bool:
        if not self._bounds.admit(CATALOGUE[name], labels):
            return False
        self._admit_siblings(name, labels)
        return True

    def _admit_siblings(self, name: str, labels: Labels) -> None:
        for value in _SIBLINGS.get(name, ()):
            self._bounds.admit(CATALOGUE[name], (*labels[:-1], value))


def _times_per_token(group: Sequence[Record]) -> list[float]:
    if group[0].usage_source not in _TOLD:
        return []
    return [
        (record.duration_ms - record.first_token_ms) * 1000 / (record.usage.output_total - 1)
        for record in group
        if record.usage is not None
        and record.usage.output_total > 1
        and record.first_token_ms is not None
        and record.duration_ms is not None
        and record.duration_ms >= record.first_token_ms
    ]


def _rejection(record: Record) -> str | None:
    """Say why such a request was refused, if it reached no provider."""
    if record.outcome == "overloaded":
        return "overload"
    if record.status == 413:
        return "body_too_large"
    return _REJECTIONS.get(record.outcome or "")


def _add_up(moved: Counter[TotalKey], group: Sequence[Record], shape: _Shape, model: str) -> None:
    """Move requests, cost and tokens; `model`: whose they are."""
    _, provider, _, _, _, outcome, team = shape
    moved[catalogue.STORED.name, (), ""] += len(group)
    moved[catalogue.REQUESTS.name, shape[:6], ""] += len(group)
    moved[catalogue.TEAM_REQUESTS.name, (team, outcome), ""] += len(group)
    cost = sum([record.cost_nano_usd for record in group])
    if cost:
        moved[catalogue.COST.name, (provider, model, team), ""] += cost
    usages = [record.usage for record in group if record.usage is not None]
    if usages:
        tokens = zip(*[disjoint_tokens(usage) for usage in usages], strict=True)
        for kind, amounts in zip(TOKEN_TYPES, tokens, strict=True):
            amount = sum(amounts)
            if amount:
                moved[catalogue.TOKENS.name, (provider, model, kind), ""] += amount
                moved[catalogue.TEAM_TOKENS.name, (team, kind), ""] += amount
        observe(moved, catalogue.REQUEST_TOKENS, (provider, "input"), [usage.input_total for usage in usages])
        observe(moved, catalogue.REQUEST_TOKENS, (provider, "output"), [usage.output_total for usage in usages])
    for state in [record.job.state for record in group if record.job is not None]:
        if state in _KNOWN:
            moved[catalogue.JOBS.name, (state,), ""] += 1


def _count_gaps(moved: Counter[TotalKey], group: Sequence[Record], shape: _Shape, billed: str) -> None:
    """Count what the provider did not tell, or told so that none can believe it, what no price list knew, what cost
    more than was thought possible, and what was refused."""
    record = group[0]
    suspect = sum([record.usage.suspect for record in group if record.usage is not None])
    if suspect:
        moved[catalogue.USAGE_MISSING.name, (shape[1], "parse_error"), ""] += suspect
    if record.usage_source == "estimated" and len(group) > suspect:
        reason = "stream_cut" if record.outcome != "ok" else "no_usage_field"
        moved[catalogue.USAGE_MISSING.name, (shape[1], reason), ""] += len(group) - suspect
    exceeded = sum([one.bound_nano_usd is not None and one.cost_nano_usd > one.bound_nano_usd for one in group])
    if exceeded:
        moved[catalogue.BOUND_EXCEEDED.name, (billed,), ""] += exceeded
    if record.price_source == "default":
        moved[catalogue.UNPRICED.name, (shape[1], billed), ""] += len(group)
    if billed == OTHER:
        moved[catalogue.OVERFLOW.name, (catalogue.REQUESTS.name, "model"), ""] += len(group)
    why = _rejection(record)
    refused = sum([not one.attempts for one in group]) if why is not None else 0
    if why is not None and refused:
        moved[catalogue.REJECTIONS.name, (why,), ""] += refused
