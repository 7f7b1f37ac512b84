"""How good are the answers, and what do evaluators make of them? Rows of the evaluation dashboard."""

from deploy.source.panel import TIMESERIES, Panel, Query, Row, quantiles

SCORE_ROWS = (
    Row(
        "Scores",
        (
            Panel(
                "Mean score",
                TIMESERIES,
                "percentunit",
                "Of each evaluator's main score, from 0 to 1, higher is better, as sampled: `tollway eval report` "
                "weighs each score by the probability with which it was taken.",
                (
                    Query(
                        "sum by (evaluator) (rate(tollway_score_sum{$S}[$R])) / sum by (evaluator) "
                        "(rate(tollway_score_count{$S}[$R]))",
                        "{{evaluator}}",
                    ),
                ),
                top=1,
            ),
            Panel(
                "Mean score by model",
                TIMESERIES,
                "percentunit",
                "The same, by the model that answered.",
                (
                    Query(
                        "sum by (evaluator, model) (rate(tollway_score_sum{$S}[$R])) / sum by (evaluator, model) "
                        "(rate(tollway_score_count{$S}[$R]))",
                        "{{evaluator}} {{model}}",
                    ),
                ),
                link=("model",),
                top=1,
            ),
            Panel(
                "Failing scores",
                TIMESERIES,
                "short",
                "Scores a second whose verdict is `fail`. What people and agents say stands under no evaluator.",
                (
                    Query(
                        'sum by (evaluator, source) (rate(tollway_scores_total{$S,verdict="fail"}[$R]))',
                        "{{evaluator}} {{source}}",
                    ),
                ),
            ),
            Panel(
                "Feedback",
                TIMESERIES,
                "short",
                "What agents sent a second, and what became of it: `foreign` was said of another team's exchange.",
                (Query("sum by (result) (rate(tollway_feedback_total{$S}[$R]))", "{{result}}"),),
                stacked=True,
            ),
        ),
    ),
    Row(
        "Evaluators",
        (
            Panel(
                "Evaluations",
                TIMESERIES,
                "short",
                "A second, by how they went.",
                (
                    Query(
                        "sum by (evaluator, result) (rate(tollway_eval_runs_total{$S}[$R]))", "{{evaluator}} {{result}}"
                    ),
                ),
                stacked=True,
            ),
            Panel(
                "Duration",
                TIMESERIES,
                "s",
                "How long an evaluation takes, the judge's answer included.",
                quantiles("tollway_eval_duration_seconds", "evaluator", "{{evaluator}}", "0.5", "0.95"),
            ),
            Panel(
                "Judges' cost",
                TIMESERIES,
                "currencyUSD",
                "USD an hour. It is in the books of the team `evaluation`, too.",
                (Query("sum by (evaluator) (3600 * rate(tollway_eval_cost_usd_total{$S}[$R]))", "{{evaluator}}"),),
                stacked=True,
            ),
        ),
    ),
)
