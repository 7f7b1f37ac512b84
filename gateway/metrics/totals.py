"""How records move the metrics: each record into integer increments, the labels within bounds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable

from gateway.core.record import Record
from gateway.core.usage import TOKEN_TYPES, disjoint_tokens
from gateway.metrics import catalogue
from gateway.metrics.catalogue import Metric

MAX_MODELS = 200
OTHER = "other"
NONE = "none"
SUM = "sum"

# Metric, label values in the metric's order, part ("" of a counter; an upper edge or "sum" of a histogram).
TotalKey = tuple[str, tuple[str, ...], str]

_PRICED = frozenset({"config", "genai-prices", "provider"})
# Refusals that are written down, by outcome; what is refused before the caller is known stands on the board.
_REJECTIONS = {"rate_limited": "rate_limit", "budget_blocked": "budget", "policy_blocked": "policy"}

# What all counters of a record share; records that agree in it are added up before they are spread over metrics.
_Shape = tuple[str, str, str, str, str, str, str]  # route, provider, model, endpoint, stream, outcome, team


class Tally:
    """Count records. Knows which models may be label values: those of config, and priced ones that answered."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._models: set[str] = set()
        self.configure(configured)

    def recall(self, totals: Iterable[TotalKey]) -> None:
        """Admit the models that stored totals name, so that their series go on."""
        named = {labels[2] for name, labels, _ in totals if name == catalogue.REQUESTS.name}
        self._models |= named - {OTHER, NONE}

    def configure(self, models: Iterable[str]) -> None:
        """Admit the models that config names; those admitted before stay, so that no series ends."""
        for model in models:
            if len(self._models) < MAX_MODELS:
                self._models.add(model)

    def count(self, records: Iterable[Record]) -> Counter[TotalKey]:
        """Return how these records move the totals."""
        shapes: dict[_Shape, list[int]] = {}
        totals: Counter[TotalKey] = Counter()
        for record in records:
            shape = self._shape(record)
            sums = shapes.get(shape)
            if sums is None:
                sums = shapes[shape] = [0, 0, 0, 0, 0, 0, 0]
            sums[0] += 1
            sums[1] += record.cost_nano_usd
            if record.usage is not None:
                for index, tokens in enumerate(disjoint_tokens(record.usage), 2):
                    sums[index] += tokens
            _observe_times(totals, record, shape)
            if record.attempts or record.outcome != "ok":
                self._count_attempts(totals, record, shape)
            if record.usage_source != "provider" or record.price_source == "default":
                _count_gaps(totals, record, shape)
        for shape, sums in shapes.items():
            _spread(totals, shape, sums)
        return totals

    def model(self, record: Record) -> str:
        """Return the record's `model` label."""
        served, requested = record.model_served, record.model_requested
        if served in self._models:
            return served or NONE
        priced = record.price_source in _PRICED and record.status is not None and 200 <= record.status < 300
        name = served or requested
        if priced and name and len(self._models) < MAX_MODELS:
            self._models.add(name)
            return name
        if requested in self._models:
            return requested or NONE
        return OTHER if name else NONE

    def _shape(self, record: Record) -> _Shape:
        return (
            record.route or NONE,
            record.provider or NONE,
            self.model(record),
            record.endpoint or OTHER,
            "true" if record.stream else "false",
            record.outcome or "gateway_error",
            record.team or NONE,
        )

    def _count_attempts(self, totals: Counter[TotalKey], record: Record, shape: _Shape) -> None:
        for attempt in record.attempts:
            # A failed try has no price that proves its model, so a model unknown so far is not named by it.
            model = shape[2] if attempt.model in (None, record.model_requested, record.model_served) else attempt.model
            if model not in self._models and model != shape[2]:
                model = OTHER
            totals[catalogue.ATTEMPTS.name, (attempt.provider, model or NONE, attempt.result), ""] += 1
        reason = _rejection(record)
        if reason is not None:
            totals[catalogue.REJECTIONS.name, (reason,), ""] += 1


def _rejection(record: Record) -> str | None:
    if record.attempts:
        return None
    if record.outcome == "overloaded":
        return "overload"
    if record.status == 413:
        return "body_too_large"
    return _REJECTIONS.get(record.outcome or "")


def _observe_times(totals: Counter[TotalKey], record: Record, shape: _Shape) -> None:
    route, provider, model, _, stream, _, _ = shape
    if record.duration_ms is not None:
        _observe(totals, catalogue.DURATION, (route, provider, model, stream), record.duration_ms * 1000)
    if record.stream and record.first_token_ms is not None:
        _observe(totals, catalogue.FIRST_TOKEN, (provider, model), record.first_token_ms * 1000)
    if record.overhead_us is not None:
        _observe(totals, catalogue.OVERHEAD, ("total",), record.overhead_us)


def _count_gaps(totals: Counter[TotalKey], record: Record, shape: _Shape) -> None:
    """Count what the provider did not tell, or no price list knew."""
    if record.usage_source == "estimated":
        reason = "stream_cut" if record.outcome != "ok" else "no_usage_field"
        totals[catalogue.USAGE_MISSING.name, (shape[1], reason), ""] += 1
    if record.price_source == "default":
        totals[catalogue.UNPRICED.name, (shape[1], shape[2]), ""] += 1


def _spread(totals: Counter[TotalKey], shape: _Shape, sums: list[int]) -> None:
    """Move every counter that a shape of records moves."""
    _, provider, model, _, _, outcome, team = shape
    requests, cost, *tokens = sums
    totals[catalogue.REQUESTS.name, shape[:6], ""] += requests
    totals[catalogue.TEAM_REQUESTS.name, (team, outcome), ""] += requests
    if cost:
        totals[catalogue.COST.name, (provider, model, team), ""] += cost
    for kind, amount in zip(TOKEN_TYPES, tokens, strict=True):
        if amount:
            totals[catalogue.TOKENS.name, (provider, model, kind), ""] += amount
            totals[catalogue.TEAM_TOKENS.name, (team, kind), ""] += amount


def _bucket_finder(metric: Metric) -> Callable[[float], str]:
    edges_us = [float(edge) * 1e6 for edge in metric.buckets[:-1]]
    return lambda amount_us: metric.buckets[bisect_left(edges_us, amount_us)]


_FIND_BUCKET = {metric.name: _bucket_finder(metric) for metric in catalogue.FROM_RECORDS if metric.buckets}


def _observe(totals: Counter[TotalKey], metric: Metric, labels: tuple[str, ...], amount_us: float) -> None:
    name = metric.name
    totals[name, labels, _FIND_BUCKET[name](amount_us)] += 1
    totals[name, labels, SUM] += round(amount_us)
