"""What is promised, and how fast may the promise be used up?"""

from typing import NamedTuple

from deploy.source.promql import fill, rehearsed, seconds, shortened

PERIOD = "30d"
# Below so many events in the long window one failure of three would page at night.
MIN_EVENTS = 40


class Objective(NamedTuple):
    """One promise: `target` of all events are good. `events` and `errors` are rates over 5 minutes, by job."""

    name: str
    alert: str
    target: str
    promise: str
    events: str
    errors: str
    meaning: str
    action: str

    @property
    def budget(self) -> str:
        """The share of events that may be errors, as a short decimal."""
        return f"{1 - float(self.target):.4g}"


class Burn(NamedTuple):
    """How fast the error budget burns (1: just used up at the end of the period), over a long and a short window.

    The long one says that it matters, the short one that it still goes on. Factors are those of the SRE Workbook: 2 %
    of the budget in an hour and 5 % in six page somebody, 10 % in one day or three open a ticket.
    """

    severity: str
    factor: str
    long: str
    short: str


BURNS = (
    Burn("page", "14.4", "1h", "5m"),
    Burn("page", "6", "6h", "30m"),
    Burn("ticket", "3", "1d", "2h"),
    Burn("ticket", "1", "3d", "6h"),
)


def _above(edge: str, name: str, label: str = "") -> str:
    """Count what is above an edge of a histogram; the dust of floats must not make it negative."""
    everything = f"sum by (job) (rate({name}_count{{{label}}}[5m]))"
    within = f'sum by (job) (rate({name}_bucket{{{label}{label and ","}le="{edge}"}}[5m]))'
    return f"clamp_min({everything} - {within}, 0)"


_COUNTED = 'sum by (job) (rate(tollway_requests_total{outcome!~"$UNCOUNTED"}[5m]))'

OBJECTIVES = (
    Objective(
        "user_success",
        "TollwayRequestsFailing",
        "0.995",
        "99.5 % of requests that are not the caller's own mistake succeed",
        _COUNTED,
        # Before the first failure there is no series of failures, which must not look like no answer.
        f'sum by (job) (rate(tollway_requests_total{{outcome=~"$FAILED"}}[5m])) or 0 * {_COUNTED}',
        "Requests fail for reasons that are the provider's or ours. Mistakes of callers, refusals by budgets and "
        "limits, and clients that leave do not count.",
        "See on the dashboard *Providers* whether one provider fails (TollwayProviderFailing fires, too): send its "
        "routes elsewhere. If it is the gateway (`outcome=gateway_error` or `overloaded`), look at *Gateway*, and "
        "at `tollway logs --outcome gateway_error`.",
    ),
    Objective(
        "ttft",
        "TollwayFirstTokenSlow",
        "0.95",
        "95 % of streamed answers begin within 2 seconds",
        "sum by (job) (rate(tollway_time_to_first_token_seconds_count[5m]))",
        _above("2.0", "tollway_time_to_first_token_seconds"),
        "Streamed answers begin late.",
        "See on *Latency* which provider and model it is, and whether the gateway has a part in it (overhead, "
        "waiting for a limit). Long inputs and reasoning take their time: a model that always thinks before it "
        "speaks needs another objective, or a route of its own.",
    ),
    Objective(
        "overhead",
        "TollwayOverheadHigh",
        "0.99",
        "99 % of requests wait less than 10 ms for the gateway itself",
        'sum by (job) (rate(tollway_overhead_seconds_count{phase="total"}[5m]))',
        _above("0.01", "tollway_overhead_seconds", 'phase="total"'),
        "The gateway itself delays requests.",
        "See on *Gateway* the lag of the event loop and the requests in flight by worker. All workers busy: more "
        "workers, or a larger machine. One worker busy: very large requests. Slow appends to the journal: the "
        "disk.",
    ),
)


def recorded(objective: Objective, times: int) -> list[dict[str, object]]:
    """Give the recording rules of an objective: two rates of raw counters, everything longer from those."""
    labels = {"slo": objective.name}
    rules: list[dict[str, object]] = [
        {"record": "tollway:sli_events:rate5m", "labels": labels, "expr": rehearsed(fill(objective.events), times)},
        {"record": "tollway:sli_errors:rate5m", "labels": labels, "expr": rehearsed(fill(objective.errors), times)},
    ]
    for window in _windows():
        rules.append(
            {
                "record": f"tollway:sli_error:ratio_rate{window}",
                "labels": labels,
                "expr": rehearsed(_ratio(objective.name, window), times),
            }
        )
    return rules


def _windows() -> list[str]:
    """Give every window once, the shortest first."""
    return sorted({window for burn in BURNS for window in (burn.short, burn.long)}, key=seconds)


def _ratio(name: str, window: str) -> str:
    """Weigh by events: a mean of ratios would let a quiet night count as much as the day.

    Sums of the recorded rates cost one series a job; raw counters over three days would be read a thousandfold.
    """
    errors, events = f'tollway:sli_errors:rate5m{{slo="{name}"}}', f'tollway:sli_events:rate5m{{slo="{name}"}}'
    if window == "5m":
        return f"{errors} / ({events} > 0)"
    return f"sum_over_time({errors}[{window}]) / (sum_over_time({events}[{window}]) > 0)"


def burning(objective: Objective, severity: str, times: int) -> str:
    """Say that an error budget burns too fast, by any of the pairs of windows of this severity."""
    return "\nor\n".join(_burning(objective, burn, times) for burn in BURNS if burn.severity == severity)


def _burning(objective: Objective, burn: Burn, times: int) -> str:
    slo = f'{{slo="{objective.name}"}}'
    limit = f"{burn.factor} * {objective.budget}"
    events = f"avg_over_time(tollway:sli_events:rate5m{slo}[{shortened(burn.long, times)}])"
    long_s = seconds(burn.long) / times
    return (
        f"(\n"
        f"  tollway:sli_error:ratio_rate{burn.long}{slo} > {limit}\n"
        f"  and tollway:sli_error:ratio_rate{burn.short}{slo} > {limit}\n"
        f"  and {events} * {long_s:g} > {MIN_EVENTS}\n"
        f")"
    )


def left(objective: Objective) -> str:
    """Give the share of the error budget that is left of the period; for dashboards."""
    slo = _shown(objective)
    return (
        f"1 - sum(sum_over_time(tollway:sli_errors:rate5m{slo}[{PERIOD}]))"
        f" / sum(sum_over_time(tollway:sli_events:rate5m{slo}[{PERIOD}])) / {objective.budget}"
    )


def burn_rate(objective: Objective, window: str) -> str:
    """Give how many times too fast the error budget burns; for dashboards."""
    return f"max(tollway:sli_error:ratio_rate{window}{_shown(objective)}) / {objective.budget}"


def _shown(objective: Objective) -> str:
    return f'{{slo="{objective.name}",job=~"$job"}}'
