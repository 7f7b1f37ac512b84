"""What is slow: the provider, the model, or the gateway?"""

from deploy.source.panel import HEATMAP, TIMESERIES, Dashboard, Panel, Query, Row, Threshold, quantiles
from deploy.source.slo import OBJECTIVES, burn_rate

LATENCY = Dashboard(
    "tollway-latency",
    "Tollway: latency",
    "What is slow: the provider, the model, or the gateway?",
    (
        Row(
            "What agents feel",
            (
                Panel(
                    "Duration",
                    TIMESERIES,
                    "s",
                    "From a request's first byte to the last byte of its answer. A dot is one exchange: click it.",
                    quantiles("tollway_request_duration_seconds", "", "", "0.5", "0.95", "0.99"),
                    exemplars=True,
                ),
                Panel(
                    "Duration by model, p95",
                    TIMESERIES,
                    "s",
                    "Long answers take long: compare with the output speed before blaming a model.",
                    quantiles("tollway_request_duration_seconds", "model", "{{model}}", "0.95"),
                    link=("model",),
                ),
                Panel(
                    "First token by provider",
                    TIMESERIES,
                    "s",
                    "Streamed answers: from a request's first byte to the first event with content. The promise is "
                    "2 s for 95 %.",
                    quantiles("tollway_time_to_first_token_seconds", "provider", "{{provider}}", "0.5", "0.95"),
                    exemplars=True,
                    link=("provider",),
                    thresholds=(Threshold(2, "orange"),),
                ),
                Panel(
                    "First token by model, p95",
                    TIMESERIES,
                    "s",
                    "The same by model. Models that think first are slow to begin.",
                    quantiles("tollway_time_to_first_token_seconds", "model", "{{model}}", "0.95"),
                    link=("model",),
                ),
                Panel(
                    "Output speed",
                    TIMESERIES,
                    "short",
                    "Tokens a second of one stream, on average, by model.",
                    (
                        Query(
                            "sum by (model) (rate(tollway_time_per_output_token_seconds_count{$S}[$R]))"
                            " / sum by (model) (rate(tollway_time_per_output_token_seconds_sum{$S}[$R]))",
                            "{{model}}",
                        ),
                    ),
                    link=("model",),
                ),
                Panel(
                    "Time for a token, p95",
                    TIMESERIES,
                    "s",
                    "Seconds for one output token, by provider: a stream that stutters shows here first.",
                    quantiles("tollway_time_per_output_token_seconds", "provider", "{{provider}}", "0.95"),
                    link=("provider",),
                ),
                Panel(
                    "How durations are spread",
                    HEATMAP,
                    "s",
                    "How many requests took how long. Two bands are two kinds of work.",
                    (Query("sum by (le) (increase(tollway_request_duration_seconds_bucket{$S}[$R]))", "{{le}}"),),
                    width=24,
                    exemplars=True,
                ),
            ),
        ),
        Row(
            "What the gateway adds",
            (
                Panel(
                    "Overhead",
                    TIMESERIES,
                    "s",
                    "Time that the gateway itself took, without waiting for the provider. The promise is 10 ms for "
                    "99 %.",
                    quantiles("tollway_overhead_seconds", "", "", "0.5", "0.99", matchers='phase="total"'),
                    thresholds=(Threshold(0.01, "orange"),),
                ),
                Panel(
                    "Waiting for a limit",
                    TIMESERIES,
                    "s",
                    "How long requests wait for a place under a limit of ours, by route, p95.",
                    quantiles("tollway_queue_seconds", "route", "{{route}}", "0.95"),
                ),
                Panel(
                    "Attempts at providers, p95",
                    TIMESERIES,
                    "s",
                    "How long one try at a provider takes, by how it ended.",
                    quantiles(
                        "tollway_upstream_attempt_duration_seconds",
                        "provider, result",
                        "{{provider}} {{result}}",
                        "0.95",
                    ),
                    link=("provider",),
                ),
                Panel(
                    "Error budgets burn",
                    TIMESERIES,
                    "short",
                    "How many times faster than allowed the error budget of a promise burns, over an hour. Above "
                    "14.4 somebody is woken; at 1 it would just last for 30 days.",
                    tuple(
                        Query(burn_rate(objective, "1h"), objective.name.replace("_", " ")) for objective in OBJECTIVES
                    ),
                    thresholds=(Threshold(1, "orange"), Threshold(14.4, "red")),
                ),
            ),
        ),
    ),
)
