"""How records move the metrics: each record into integer increments, the labels within bounds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

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

_BATCH = "batch"
_KNOWN = frozenset({"booked", "lapsed"})

# Records that agree in all of this move the same series, so that labels are worked out once for all of them.
_alike = attrgetter(
    "route", "provider", "model_requested", "model_served", "endpoint", "stream", "outcome", "team", "status",
    "usage_source", "price_source",
)  # fmt: skip
_Shape = tuple[str, str, str, str, str, str, str]  # route, provider, model, endpoint, stream, outcome, team


class Tally:
    """Count records. Knows which models may be label values: those of config, and priced ones that answered.

    `unpriced` is told of exchanges that were booked at the default price, one of many alike.
    """

    def __init__(self, configured: Iterable[str] = (), unpriced: Callable[[Record], None] | None = None) -> None:
        self._models: set[str] = set()
        self._unpriced = unpriced
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
        groups: dict[object, list[Record]] = {}
        for record in records:
            groups.setdefault(_alike(record), []).append(record)
        totals: Counter[TotalKey] = Counter()
        for group in groups.values():
            billed = self.model(group[0])
            shape = self._shape(group[0], billed)
            _add_up(totals, group, shape, billed)
            _observe_times(totals, group, shape)
            _count_gaps(totals, group, shape, billed)
            if group[0].price_source == "default" and self._unpriced is not None:
                self._unpriced(group[0])
            self._count_attempts(totals, group, shape)
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

    def _count_attempts(self, totals: Counter[TotalKey], group: Sequence[Record], shape: _Shape) -> None:
        own = shape[2]
        tries = Counter([(one.provider, one.model, one.result) for record in group for one in record.attempts])
        for (provider, asked, result), count in tries.items():
            # A failed try has no price that proves its model, so a model unknown so far is not named by it.
            served = group[0].model_served if group[0].endpoint != _BATCH else None
            model = own if asked in (None, group[0].model_requested, served) else asked
            if model not in self._models and model != own:
                model = OTHER
            totals[catalogue.ATTEMPTS.name, (provider, model or NONE, result), ""] += count
        reason = _rejection(group[0])
        refused = sum([not record.attempts for record in group])
        if reason is not None and refused:
            totals[catalogue.REJECTIONS.name, (reason,), ""] += refused


def _rejection(record: Record) -> str | None:
    """Say why such a request was refused, if it reached no provider."""
    if record.outcome == "overloaded":
        return "overload"
    if record.status == 413:
        return "body_too_large"
    return _REJECTIONS.get(record.outcome or "")


def _add_up(totals: Counter[TotalKey], group: Sequence[Record], shape: _Shape, model: str) -> None:
    """Move requests, cost and tokens; `model`: whose they are."""
    _, provider, _, _, _, outcome, team = shape
    totals[catalogue.REQUESTS.name, shape[:6], ""] += len(group)
    totals[catalogue.TEAM_REQUESTS.name, (team, outcome), ""] += len(group)
    cost = sum([record.cost_nano_usd for record in group])
    if cost:
        totals[catalogue.COST.name, (provider, model, team), ""] += cost
    tokens = zip(*[disjoint_tokens(record.usage) for record in group if record.usage is not None], strict=True)
    for kind, amounts in zip(TOKEN_TYPES, tokens, strict=False):  # no tokens at all where no record has usage
        amount = sum(amounts)
        if amount:
            totals[catalogue.TOKENS.name, (provider, model, kind), ""] += amount
            totals[catalogue.TEAM_TOKENS.name, (team, kind), ""] += amount
    for state in [record.job.state for record in group if record.job is not None]:
        if state in _KNOWN:
            totals[catalogue.JOBS.name, (state,), ""] += 1


def _observe_times(totals: Counter[TotalKey], group: Sequence[Record], shape: _Shape) -> None:
    route, provider, model, _, stream, _, _ = shape
    durations = [record.duration_ms * 1000 for record in group if record.duration_ms is not None]
    _observe(totals, catalogue.DURATION, (route, provider, model, stream), durations)
    if group[0].stream:
        first = [record.first_token_ms * 1000 for record in group if record.first_token_ms is not None]
        _observe(totals, catalogue.FIRST_TOKEN, (provider, model), first)
    overheads = [record.overhead_us for record in group if record.overhead_us is not None]
    _observe(totals, catalogue.OVERHEAD, ("total",), overheads)


def _observe(totals: Counter[TotalKey], metric: Metric, labels: tuple[str, ...], amounts_us: Sequence[float]) -> None:
    if not amounts_us:
        return
    edges = _EDGES_US[metric.name]
    for index, count in Counter([bisect_left(edges, amount) for amount in amounts_us]).items():
        totals[metric.name, labels, metric.buckets[index]] += count
    totals[metric.name, labels, SUM] += sum(map(round, amounts_us))


_EDGES_US = {
    metric.name: [float(edge) * 1e6 for edge in metric.buckets[:-1]]
    for metric in catalogue.FROM_RECORDS
    if metric.buckets
}


def _count_gaps(totals: Counter[TotalKey], group: Sequence[Record], shape: _Shape, billed: str) -> None:
    """Count what the provider did not tell, or told so that none can believe it, what no price list knew, and what cost
    more than was thought possible."""
    record = group[0]
    suspect = sum([record.usage.suspect for record in group if record.usage is not None])
    if suspect:
        totals[catalogue.USAGE_MISSING.name, (shape[1], "parse_error"), ""] += suspect
    if record.usage_source == "estimated" and len(group) > suspect:
        reason = "stream_cut" if record.outcome != "ok" else "no_usage_field"
        totals[catalogue.USAGE_MISSING.name, (shape[1], reason), ""] += len(group) - suspect
    exceeded = sum([one.bound_nano_usd is not None and one.cost_nano_usd > one.bound_nano_usd for one in group])
    if exceeded:
        totals[catalogue.BOUND_EXCEEDED.name, (billed,), ""] += exceeded
    if record.price_source == "default":
        totals[catalogue.UNPRICED.name, (shape[1], billed), ""] += len(group)
