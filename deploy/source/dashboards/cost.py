"""Who spends what, on which models, and how much of each budget is left?"""

from deploy.source.panel import BARS, TABLE, TIMESERIES, Dashboard, Panel, Query, Row, Threshold, number, quantiles

NEAR_LIMIT = (Threshold(0.8, "orange"), Threshold(1, "red"))

_SPEND = Row(
    "Spend",
    (
        number(
            "Spent",
            "currencyUSD",
            "USD in the time that is shown.",
            "sum(increase(tollway_cost_usd_total{$S}[$__range]))",
        ),
        number(
            "Spend an hour",
            "currencyUSD",
            "USD an hour, at the pace of this moment.",
            "3600 * sum(rate(tollway_cost_usd_total{$S}[$R]))",
        ),
        number(
            "A request",
            "currencyUSD",
            "USD for one request, on average.",
            "sum(increase(tollway_cost_usd_total{$S}[$__range])) / sum(increase(tollway_requests_total{$S}[$__range]))",
        ),
        number(
            "Read from cache",
            "percentunit",
            "Share of input tokens that providers read from their prompt cache, at a fraction of the price.",
            'sum(increase(tollway_tokens_total{$S,type="cache_read"}[$__range]))'
            ' / sum(increase(tollway_tokens_total{$S,type=~"input_uncached|cache_read|cache_write"}[$__range]))',
        ),
        number(
            "Without a price",
            "short",
            "Requests for models that nobody knows the price of: booked at the default price.",
            "sum(increase(tollway_unpriced_requests_total{$S}[$__range])) or vector(0)",
            Threshold(1, "orange"),
        ),
        number(
            "Estimated",
            "short",
            "Answers without usable usage: their tokens are estimated.",
            "sum(increase(tollway_usage_missing_total{$S}[$__range])) or vector(0)",
            Threshold(1, "orange"),
        ),
        Panel(
            "Spend by team",
            TIMESERIES,
            "currencyUSD",
            "USD an hour.",
            (Query("topk(10, sum by (team) (3600 * rate(tollway_cost_usd_total{$S}[$R])))", "{{team}}"),),
            stacked=True,
            link=("team",),
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
        Panel(
            "Spent by team and model",
            TABLE,
            "currencyUSD",
            "USD in the time that is shown, the fifty dearest. By key, user, session or tag: `tollway spend`.",
            (Query("topk(50, sum by (team, provider, model) (increase(tollway_cost_usd_total{$S}[$__range])))"),),
            over_range=True,
            link=("team", "provider", "model"),
        ),
        Panel(
            "Price of a million tokens",
            TIMESERIES,
            "currencyUSD",
            "What a million tokens of any type cost on average, by model. It falls where prompts are cached.",
            (
                Query(
                    "1e6 * sum by (model) (rate(tollway_cost_usd_total{$S}[$R]))"
                    " / sum by (model) (rate(tollway_tokens_total{$S}[$R]))",
                    "{{model}}",
                ),
            ),
            link=("model",),
        ),
    ),
)

_TOKENS = Row(
    "Tokens",
    (
        Panel(
            "Tokens by type",
            TIMESERIES,
            "short",
            "Billed tokens a second. The types are disjoint: their sum is what was billed.",
            (Query("sum by (type) (rate(tollway_tokens_total{$S}[$R]))", "{{type}}"),),
            stacked=True,
        ),
        Panel(
            "Tokens by team",
            TIMESERIES,
            "short",
            "Billed tokens a second.",
            (Query("topk(10, sum by (team) (rate(tollway_team_tokens_total{$S}[$R])))", "{{team}}"),),
            stacked=True,
            link=("team",),
        ),
        Panel(
            "Read from cache by model",
            TIMESERIES,
            "percentunit",
            "Share of input tokens that were read from the provider's prompt cache. A sudden fall costs money: "
            "something changed the beginning of prompts.",
            (
                Query(
                    'sum by (model) (rate(tollway_tokens_total{$S,type="cache_read"}[$R])) / sum by (model) '
                    '(rate(tollway_tokens_total{$S,type=~"input_uncached|cache_read|cache_write"}[$R]))',
                    "{{model}}",
                ),
            ),
            link=("model",),
            top=1,
        ),
        Panel(
            "Size of requests",
            TIMESERIES,
            "short",
            "Tokens of one request: half of them are below p50, all but a twentieth below p95.",
            quantiles("tollway_request_tokens", "direction", "{{direction}}", "0.5", "0.95"),
        ),
    ),
)

_BUDGETS = Row(
    "Budgets",
    (
        Panel(
            "Used",
            BARS,
            "percentunit",
            "How much of its limit a budget has used in its window. Every host shows the same budgets, so this "
            "takes the largest, not the sum. Budgets that are parted (`per`) have a limit for each balance and are "
            "not shown: `tollway budget list`.",
            (
                Query(
                    "max by (budget) (tollway_budget_spent_usd{$S}) / max by (budget) "
                    "(tollway_budget_limit_usd{$S} > 0)",
                    "{{budget}}",
                ),
                Query(
                    "max by (budget) (tollway_budget_spent_requests{$S})"
                    " / max by (budget) (tollway_budget_limit_requests{$S} > 0)",
                    "{{budget}} (requests)",
                ),
            ),
            over_range=True,
            thresholds=NEAR_LIMIT,
            top=1,
        ),
        Panel(
            "Left",
            TABLE,
            "currencyUSD",
            "Limit, spent, and what is set aside for requests that run, in USD.",
            (
                Query("max by (budget) (tollway_budget_limit_usd{$S})", "limit"),
                Query("max by (budget) (tollway_budget_spent_usd{$S})", "spent"),
                Query("max by (budget) (tollway_budget_reserved_usd{$S})", "reserved"),
            ),
            over_range=True,
        ),
        Panel(
            "Spent over time",
            TIMESERIES,
            "currencyUSD",
            "Spent of each budget in its window; it falls when a window begins anew.",
            (Query("max by (budget) (tollway_budget_spent_usd{$S})", "{{budget}}"),),
        ),
        Panel(
            "Set aside",
            TIMESERIES,
            "currencyUSD",
            "What is charged to a budget and not known to be spent: what workers hold for requests that run, and "
            "what dead ones held until their journals are read.",
            (
                Query("max by (budget) (tollway_budget_reserved_usd{$S})", "{{budget}}"),
                Query("max by (budget) (tollway_budget_lease_outstanding_usd{$S})", "{{budget}} at workers"),
            ),
        ),
        Panel(
            "Begins anew in",
            TABLE,
            "s",
            "Time until a budget's window ends. Rolling windows have no such moment.",
            (Query("max by (budget) (tollway_budget_window_end_timestamp_seconds{$S}) - time()"),),
            over_range=True,
        ),
        Panel(
            "Refused by budgets",
            TIMESERIES,
            "reqps",
            "Requests that no longer fitted, by team.",
            (Query('sum by (team) (rate(tollway_team_requests_total{$S,outcome="budget_blocked"}[$R]))', "{{team}}"),),
            link=("team",),
        ),
        Panel(
            "Thresholds passed",
            TABLE,
            "short",
            "How often balances of a budget passed a threshold in the time that is shown; for a parted budget, all "
            "of them together.",
            (Query("sum by (budget, percent) (increase(tollway_budget_thresholds_total{$S}[$__range]))"),),
            over_range=True,
        ),
    ),
)

_TRUST = Row(
    "How sure we are",
    (
        Panel(
            "Without a price",
            TIMESERIES,
            "reqps",
            "Requests for models that nobody knows the price of, by model. Name a price in `config.toml`.",
            (
                Query(
                    "sum by (provider, model) (rate(tollway_unpriced_requests_total{$S}[$R]))", "{{provider}}/{{model}}"
                ),
            ),
            link=("provider", "model"),
        ),
        Panel(
            "Without usage",
            TIMESERIES,
            "reqps",
            "Answers whose tokens had to be estimated: a stream that was cut, or a provider that tells nothing.",
            (
                Query(
                    "sum by (provider, reason) (rate(tollway_usage_missing_total{$S}[$R]))", "{{provider}}: {{reason}}"
                ),
            ),
            link=("provider",),
        ),
        Panel(
            "Dearer than possible",
            TIMESERIES,
            "short",
            "Exchanges under a strict budget that cost more than their bound, in an hour. It should always be empty.",
            (Query("sum by (model) (increase(tollway_bound_exceeded_total{$S}[1h]))", "{{model}}"),),
        ),
        Panel(
            "Background work",
            TIMESERIES,
            "short",
            "Batches and background responses whose cost is not known yet, and how those of an hour ended.",
            (
                Query("sum(tollway_jobs_open{$S})", "open"),
                Query("sum by (state) (increase(tollway_jobs_total{$S}[1h]))", "{{state}}"),
            ),
        ),
    ),
)

COST = Dashboard(
    "tollway-cost",
    "Tollway: cost and budgets",
    "Who spends what, on which models, and how much of each budget is left?",
    (_SPEND, _TOKENS, _BUDGETS, _TRUST),
)
