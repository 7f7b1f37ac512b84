"""How does the gateway do? What some readings of /metrics tell of the last minutes; no I/O."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.cli.top_scrape import Scrape, grouped, increases, quantile
from gateway.metrics import catalogue
from gateway.metrics.catalogue import COUNTER, HISTOGRAM, Metric

RATE_S: Final = 60.0  # rates are those of the last minute,
LATENCY_S: Final = 300.0  # latencies those of the last five: there are fewer of them
# A reading may come a little late.
_LATE_S: Final = 5.0

FAILED: Final = frozenset({"upstream_error", "timeout", "overloaded", "gateway_error"})
REFUSED: Final = frozenset({"client_error", "rate_limited", "budget_blocked", "policy_blocked"})
_READ: Final = frozenset({"input_uncached", "cache_read", "cache_write"})


class ProviderNumbers(NamedTuple):
    """What became of the tries at one provider. `failed_share`: 429, and what is neither 2xx nor 4xx."""

    name: str
    tries_per_s: float
    failed_share: float
    results: dict[str, int]


class Numbers(NamedTuple):
    """`over_s`: so long is the time that rates are of. What cannot be told yet is None: rates need two readings.

    Shares are of finished requests; latencies in seconds. `lag_s`: how far the log is behind. `restarts` of workers,
    `dropped` frames and `store_errors`: in the last five minutes.
    """

    at_s: float
    version: str
    over_s: float
    requests_per_s: float | None
    in_flight: int
    connections: int
    failed_share: float | None
    refused_share: float | None
    p50_s: float | None
    p95_s: float | None
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    usd_per_hour: float | None
    read_per_s: float | None
    written_per_s: float | None
    workers_up: int
    workers: int
    restarts: int
    lag_s: float
    pending_bytes: int
    dropped: int
    store_errors: int
    config_is_sound: bool
    providers: list[ProviderNumbers]


class History:
    """The readings that numbers are made of, as far as they are young enough, without what they do not need."""

    def __init__(self) -> None:
        self._scrapes: deque[Scrape] = deque()

    def add(self, scrape: Scrape) -> Numbers:
        """Take a newer reading, and tell how things are."""
        self._scrapes.append(scrape.summed(_WANTED))
        while scrape.at_s - self._scrapes[0].at_s > LATENCY_S + _LATE_S:
            self._scrapes.popleft()
        return numbers(self._scrapes)


def numbers(scrapes: Sequence[Scrape]) -> Numbers:
    """Tell how things are. `scrapes`: at least one, oldest first."""
    after = scrapes[-1]
    before = _from(scrapes, RATE_S)
    over_s = after.at_s - before.at_s
    outcomes = grouped(increases(before, after, _name(catalogue.REQUESTS)), "outcome")
    finished = sum(outcomes.values())
    tokens = grouped(increases(before, after, _name(catalogue.TOKENS)), "type")
    read = sum(amount for kind, amount in tokens.items() if kind in _READ)
    usd = sum(amount for _, amount in increases(before, after, _name(catalogue.COST)))
    up = [value for _, value in after.values(_name(catalogue.WORKER_UP))]
    return Numbers(
        at_s=after.at_s,
        version=next((labels.get("version", "") for labels, _ in after.values(_name(catalogue.BUILD))), ""),
        over_s=over_s,
        requests_per_s=_per(finished, over_s),
        in_flight=round(after.total(_name(catalogue.IN_FLIGHT))),
        connections=round(after.total(_name(catalogue.CONNECTIONS))),
        failed_share=_share(outcomes, FAILED),
        refused_share=_share(outcomes, REFUSED),
        **_latencies(scrapes),
        usd_per_hour=_per(usd * 3600, over_s),
        read_per_s=_per(read, over_s),
        written_per_s=_per(sum(tokens.values()) - read, over_s),
        workers_up=round(sum(up)),
        workers=len(up),
        restarts=_lately(scrapes, catalogue.WORKER_RESTARTS),
        lag_s=after.total(_name(catalogue.JOURNAL_LAG)),
        pending_bytes=round(after.total(_name(catalogue.JOURNAL_PENDING))),
        dropped=_lately(scrapes, catalogue.JOURNAL_DROPPED),
        store_errors=_lately(scrapes, catalogue.STORE_ERRORS),
        config_is_sound=after.total(_name(catalogue.CONFIG_RELOADED)) != 0,
        providers=_providers(before, after),
    )


def _latencies(scrapes: Sequence[Scrape]) -> dict[str, float | None]:
    before, after = _from(scrapes, LATENCY_S), scrapes[-1]
    wanted = {"": catalogue.DURATION.name, "first_token_": catalogue.FIRST_TOKEN.name}
    return {
        f"{prefix}p{percent}_s": quantile(before, after, name, percent / 100)
        for prefix, name in wanted.items()
        for percent in (50, 95)
    }


def _lately(scrapes: Sequence[Scrape], metric: Metric) -> int:
    """Say by how much a counter grew in the last minutes."""
    return round(sum(amount for _, amount in increases(_from(scrapes, LATENCY_S), scrapes[-1], _name(metric))))


def _providers(before: Scrape, after: Scrape) -> list[ProviderNumbers]:
    """List those that were asked lately, those that fail most first."""
    found: dict[str, dict[str, float]] = {}
    for labels, amount in increases(before, after, _name(catalogue.ATTEMPTS)):
        results = found.setdefault(labels.get("provider", ""), {})
        result = labels.get("result", "")
        results[result] = results.get(result, 0.0) + amount
    told = [
        ProviderNumbers(
            name,
            sum(results.values()) / max(after.at_s - before.at_s, 1e-9),
            sum(amount for result, amount in results.items() if result not in ("ok", "4xx", "cancelled")) / whole,
            {result: round(amount) for result, amount in sorted(results.items()) if amount},
        )
        for name, results in found.items()
        if (whole := sum(results.values()))
    ]
    return sorted(told, key=lambda one: (-one.failed_share * one.tries_per_s, -one.tries_per_s, one.name))


def _from(scrapes: Sequence[Scrape], span_s: float) -> Scrape:
    """Return the oldest reading of a span."""
    last = scrapes[-1]
    return next(one for one in scrapes if last.at_s - one.at_s <= span_s + _LATE_S)


def _per(amount: float, over_s: float) -> float | None:
    return amount / over_s if over_s > 0 else None


def _share(outcomes: dict[str, float], some: frozenset[str]) -> float | None:
    whole = sum(outcomes.values())
    return sum(amount for outcome, amount in outcomes.items() if outcome in some) / whole if whole else None


def _name(metric: Metric) -> str:
    return metric.name + {COUNTER: "_total", HISTOGRAM: "_bucket"}.get(metric.kind, "")


# Metric -> the labels that make a difference here.
_WANTED: Final = {
    _name(metric): labels
    for metric, labels in (
        (catalogue.REQUESTS, ("outcome",)),
        (catalogue.DURATION, ("le",)),
        (catalogue.FIRST_TOKEN, ("le",)),
        (catalogue.TOKENS, ("type",)),
        (catalogue.COST, ()),
        (catalogue.ATTEMPTS, ("provider", "result")),
        (catalogue.IN_FLIGHT, ()),
        (catalogue.CONNECTIONS, ()),
        (catalogue.WORKER_UP, ("worker",)),
        (catalogue.WORKER_RESTARTS, ()),
        (catalogue.JOURNAL_LAG, ()),
        (catalogue.JOURNAL_PENDING, ()),
        (catalogue.JOURNAL_DROPPED, ()),
        (catalogue.STORE_ERRORS, ()),
        (catalogue.CONFIG_RELOADED, ()),
        (catalogue.BUILD, ("version",)),
    )
}
