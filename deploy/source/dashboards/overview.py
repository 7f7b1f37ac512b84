"""Is everything well, and if not, where do I look?"""

from deploy.source.panel import TABLE, TIMESERIES, Dashboard, Panel, Query, Row, Threshold, number, quantiles
from deploy.source.slo import OBJECTIVES, left

ALARMS = 'ALERTS{alertname=~"Tollway.+",alertstate="firing"}'

OVERVIEW = Dashboard(
    "tollway-overview",
    "Tollway: overview",
    "Is everything well, and if not, where do I look?",
    (
        Row(
            "Now",
            (
                number(
                    "Requests",
                    "reqps",
                    "Finished client requests a second.",
                    "sum(rate(tollway_requests_total{$S}[$R]))",
                ),
                number(
                    "Success",
                    "percentunit",
                    "Share of requests that succeeded. Mistakes of callers, refusals by budgets and limits, and "
                    "clients that left do not count. The promise is 99.5 %.",
                    'sum(rate(tollway_requests_total{$S,outcome="ok"}[$R]))'
                    ' / sum(rate(tollway_requests_total{$S,outcome!~"$UNCOUNTED"}[$R]))',
                    Threshold(0, "red"),
                    Threshold(0.98, "orange"),
                    Threshold(0.995, "green"),
                ),
                number(
                    "Running",
                    "short",
                    "Requests being served now, by all workers.",
                    "sum(tollway_requests_in_flight{$S})",
                ),
                number(
                    "Spend",
                    "currencyUSD",
                    "USD an hour, at the pace of this moment.",
                    "3600 * sum(rate(tollway_cost_usd_total{$S}[$R]))",
                ),
                number(
                    "First token, p95",
                    "s",
                    "95 % of streamed answers began within this time. The promise is 2 s.",
                    "histogram_quantile(0.95, sum by (le) (rate(tollway_time_to_first_token_seconds_bucket{$S}[$R])))",
                    Threshold(2, "orange"),
                    Threshold(8, "red"),
                ),
                number(
                    "Firing alerts",
                    "short",
                    "Alerts of Tollway that fire now; see the list below.",
                    f"count({ALARMS}) or vector(0)",
                    Threshold(1, "red"),
                ),
            ),
        ),
        Row(
            "Promises",
            (
                *(
                    number(
                        f"Error budget: {objective.name.replace('_', ' ')}",
                        "percentunit",
                        f"What is left of the error budget of 30 days. The promise: {objective.promise}.",
                        left(objective),
                        Threshold(0, "orange"),
                        Threshold(0.25, "green"),
                    )
                    for objective in OBJECTIVES
                ),
                Panel(
                    "Alerts",
                    TABLE,
                    "short",
                    "What fires now. docs/monitoring.md says of each what to do.",
                    (Query(f"sum by (alertname, severity, provider, team, budget, model) ({ALARMS})"),),
                    width=12,
                    over_range=True,
                ),
            ),
        ),
        Row(
            "Traffic",
            (
                Panel(
                    "Requests by outcome",
                    TIMESERIES,
                    "reqps",
                    "How requests end. `ok` is what agents hope for; the words are those of the log.",
                    (Query("sum by (outcome) (rate(tollway_requests_total{$S}[$R]))", "{{outcome}}"),),
                    stacked=True,
                    link=("outcome",),
                ),
                Panel(
                    "Requests by team",
                    TIMESERIES,
                    "reqps",
                    "Who asks.",
                    (Query("topk(10, sum by (team) (rate(tollway_team_requests_total{$S}[$R])))", "{{team}}"),),
                    stacked=True,
                    link=("team",),
                ),
                Panel(
                    "Duration",
                    TIMESERIES,
                    "s",
                    "From a request's first byte to the last byte of its answer, over all models. A dot is one "
                    "exchange: click it.",
                    quantiles("tollway_request_duration_seconds", "", "", "0.5", "0.95", "0.99"),
                    exemplars=True,
                ),
                Panel(
                    "Requests by model",
                    TIMESERIES,
                    "reqps",
                    "Which models serve. At most 200 are told apart, the rest is `other`.",
                    (Query("topk(10, sum by (model) (rate(tollway_requests_total{$S}[$R])))", "{{model}}"),),
                    stacked=True,
                    link=("model",),
                ),
                Panel(
                    "Tokens",
                    TIMESERIES,
                    "short",
                    "Billed tokens a second by type. The types are disjoint: their sum is what was billed.",
                    (Query("sum by (type) (rate(tollway_tokens_total{$S}[$R]))", "{{type}}"),),
                    stacked=True,
                ),
                Panel(
                    "Spend by model",
                    TIMESERIES,
                    "currencyUSD",
                    "USD an hour.",
                    (Query("topk(10, sum by (model) (3600 * rate(tollway_cost_usd_total{$S}[$R])))", "{{model}}"),),
                    stacked=True,
                    link=("model",),
                ),
            ),
        ),
    ),
)
