"""Which provider fails, limits us or is slow, and what do we give it?"""

from deploy.source.panel import TIMESERIES, Dashboard, Panel, Query, Row, Threshold, quantiles

PROVIDERS = Dashboard(
    "tollway-providers",
    "Tollway: providers",
    "Which provider fails, limits us or is slow, and what do we give it?",
    (
        Row(
            "Failures",
            (
                Panel(
                    "Attempts by result",
                    TIMESERIES,
                    "reqps",
                    "Every try at a provider, by how it went: `ok`, a status, or no answer at all.",
                    (
                        Query(
                            "sum by (provider, result) (rate(tollway_upstream_attempts_total{$S}[$R]))",
                            "{{provider}} {{result}}",
                        ),
                    ),
                    stacked=True,
                    link=("provider",),
                ),
                Panel(
                    "Failing",
                    TIMESERIES,
                    "percentunit",
                    "Share of attempts that failed by the provider's fault: 5xx, too late, unreachable, or not HTTP.",
                    (
                        Query(
                            "sum by (provider) "
                            '(rate(tollway_upstream_attempts_total{$S,result=~"$PROVIDER_FAULT"}[$R])) / sum by '
                            "(provider) (rate(tollway_upstream_attempts_total{$S}[$R]))",
                            "{{provider}}",
                        ),
                    ),
                    link=("provider",),
                    thresholds=(Threshold(0.2, "red"),),
                    top=1,
                ),
                Panel(
                    "Failing by model",
                    TIMESERIES,
                    "reqps",
                    "Attempts that did not go well, by model and how.",
                    (
                        Query(
                            "topk(10, sum by (provider, model, result)"
                            ' (rate(tollway_upstream_attempts_total{$S,result!~"ok|cancelled"}[$R])))',
                            "{{provider}}/{{model}} {{result}}",
                        ),
                    ),
                    link=("provider", "model"),
                ),
                Panel(
                    "Tried again, sent elsewhere",
                    TIMESERIES,
                    "reqps",
                    "Requests that were tried again at the same provider, and those that another one took over.",
                    (
                        Query(
                            "sum by (provider, reason) (rate(tollway_retries_total{$S}[$R]))",
                            "again at {{provider}}: {{reason}}",
                        ),
                        Query(
                            "sum by (from_provider, to_provider, result) (rate(tollway_fallbacks_total{$S}[$R]))",
                            "{{from_provider}} to {{to_provider}}: {{result}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Rate limits of providers",
            (
                Panel(
                    "Left of rate limits",
                    TIMESERIES,
                    "short",
                    "What a provider's last answer said is left of its rate limit, in requests and in tokens; the "
                    "lowest of all hosts.",
                    (
                        Query(
                            "min by (provider, kind) (tollway_provider_ratelimit_remaining{$S})",
                            "{{provider}} {{kind}}",
                        ),
                    ),
                    link=("provider",),
                ),
                Panel(
                    "Refused by rate limits",
                    TIMESERIES,
                    "percentunit",
                    "Share of attempts that were answered with 429.",
                    (
                        Query(
                            'sum by (provider) (rate(tollway_upstream_attempts_total{$S,result="429"}[$R]))'
                            " / sum by (provider) (rate(tollway_upstream_attempts_total{$S}[$R]))",
                            "{{provider}}",
                        ),
                    ),
                    link=("provider",),
                    top=1,
                ),
            ),
        ),
        Row(
            "Speed and use",
            (
                Panel(
                    "Answers, p95",
                    TIMESERIES,
                    "s",
                    "How long an attempt that went well takes.",
                    quantiles(
                        "tollway_upstream_attempt_duration_seconds",
                        "provider",
                        "{{provider}}",
                        "0.95",
                        matchers='result="ok"',
                    ),
                    link=("provider",),
                ),
                Panel(
                    "First token, p95",
                    TIMESERIES,
                    "s",
                    "Streamed answers: until the first event with content.",
                    quantiles("tollway_time_to_first_token_seconds", "provider", "{{provider}}", "0.95"),
                    exemplars=True,
                    link=("provider",),
                ),
                Panel(
                    "Tokens by provider",
                    TIMESERIES,
                    "short",
                    "Billed tokens a second.",
                    (Query("sum by (provider) (rate(tollway_tokens_total{$S}[$R]))", "{{provider}}"),),
                    stacked=True,
                    link=("provider",),
                ),
                Panel(
                    "Spend by provider",
                    TIMESERIES,
                    "currencyUSD",
                    "USD an hour.",
                    (Query("sum by (provider) (3600 * rate(tollway_cost_usd_total{$S}[$R]))", "{{provider}}"),),
                    stacked=True,
                    link=("provider",),
                ),
            ),
        ),
    ),
)
