"""How good are the answers, and does evaluation keep up?"""

from deploy.source.panel import TABLE, TIMESERIES, Dashboard, Panel, Query, Row, Threshold, number

_SCORES = Row(
    "Scores",
    (
        number(
            "Scores",
            "short",
            "Scores in the time that is shown, from plugins, judges, people and agents.",
            "sum(increase(tollway_scores_total{$S}[$__range]))",
        ),
        number(
            "Failed",
            "percentunit",
            "Share of verdicts that are `fail`. Not weighted: `tollway eval report` is, by how likely each was taken.",
            'sum(increase(tollway_scores_total{$S,verdict="fail"}[$__range]))'
            ' / sum(increase(tollway_scores_total{$S,verdict=~"pass|fail"}[$__range]))',
        ),
        number(
            "Errors",
            "percentunit",
            "Share of evaluations that failed themselves: those exchanges have no score.",
            'sum(increase(tollway_eval_runs_total{$S,result="error"}[$__range]))'
            " / sum(increase(tollway_eval_runs_total{$S}[$__range]))",
            Threshold(0.05, "orange"),
            Threshold(0.2, "red"),
        ),
        number(
            "Judges",
            "currencyUSD",
            "What judges were paid in the time that is shown.",
            "sum(increase(tollway_eval_cost_usd_total{$S}[$__range]))",
        ),
        Panel(
            "Mean score by evaluator",
            TIMESERIES,
            "percentunit",
            "Main scores from 0 to 1, higher is better; as they came, not weighted.",
            (
                Query(
                    "sum by (evaluator) (rate(tollway_score_sum{$S}[$R]))"
                    " / sum by (evaluator) (rate(tollway_score_count{$S}[$R]))",
                    "{{evaluator}}",
                ),
            ),
            top=1,
        ),
        Panel(
            "Mean score by model",
            TIMESERIES,
            "percentunit",
            "Of all evaluators that look at a model. Compare one evaluator over models in `tollway eval report`.",
            (
                Query(
                    "sum by (model) (rate(tollway_score_sum{$S}[$R]))"
                    " / sum by (model) (rate(tollway_score_count{$S}[$R]))",
                    "{{model}}",
                ),
            ),
            top=1,
        ),
        Panel(
            "Verdicts",
            TABLE,
            "short",
            "In the time that is shown, by who said so.",
            (Query("sum by (evaluator, source, verdict) (increase(tollway_scores_total{$S}[$__range]))"),),
            over_range=True,
        ),
        Panel(
            "Feedback",
            TIMESERIES,
            "cps",
            "What agents sent to `/v1/feedback`, by what became of it.",
            (Query("sum by (result) (rate(tollway_feedback_total{$S}[$R]))", "{{result}}"),),
            stacked=True,
        ),
    ),
)

_WORK = Row(
    "Work",
    (
        Panel(
            "Funnel",
            TABLE,
            "short",
            "How far exchanges came in the time that is shown: seen, matched, sampled, queued or dropped, run, and "
            "then scored, skipped or failed, with the reason.",
            (Query("sum by (evaluator, step, reason) (increase(tollway_eval_funnel_total{$S}[$__range]))"),),
            over_range=True,
        ),
        Panel(
            "Waiting",
            TIMESERIES,
            "short",
            "Tasks that wait or run, by evaluator.",
            (Query("sum by (evaluator) (tollway_eval_queue_items{$S})", "{{evaluator}}"),),
            stacked=True,
        ),
        Panel(
            "Evaluations",
            TIMESERIES,
            "cps",
            "By how they went.",
            (Query("sum by (evaluator, result) (rate(tollway_eval_runs_total{$S}[$R]))", "{{evaluator}} {{result}}"),),
            stacked=True,
        ),
        Panel(
            "How long they take",
            TIMESERIES,
            "s",
            "95 % of an evaluator's runs take at most so long.",
            (
                Query(
                    "histogram_quantile(0.95,"
                    " sum by (evaluator, le) (rate(tollway_eval_duration_seconds_bucket{$S}[$R])))",
                    "{{evaluator}}",
                ),
            ),
        ),
        Panel(
            "In quarantine",
            TIMESERIES,
            "short",
            "1: shut out because it keeps failing. `tollway eval list` has the reason.",
            (Query("max by (instance, evaluator) (tollway_eval_quarantined{$S})", "{{instance}} {{evaluator}}"),),
            thresholds=(Threshold(1, "red"),),
        ),
        Panel(
            "Judges' cost",
            TIMESERIES,
            "currencyUSD",
            "USD an hour, by evaluator.",
            (Query("sum by (evaluator) (3600 * rate(tollway_eval_cost_usd_total{$S}[$R]))", "{{evaluator}}"),),
            stacked=True,
        ),
    ),
)

_PROCESS = Row(
    "The evaluator's process",
    (
        Panel(
            "Up",
            TIMESERIES,
            "short",
            "1 if it showed a heartbeat in the last 10 seconds. Traffic does not need it.",
            (Query("max by (instance) (tollway_evaluator_up{$S})", "{{instance}}"),),
        ),
        Panel(
            "Memory",
            TIMESERIES,
            "bytes",
            "Resident memory, without the processes of plugins, which have limits of their own.",
            (Query("max by (instance) (tollway_evaluator_memory_bytes{$S})", "{{instance}}"),),
        ),
        Panel(
            "Replaced",
            TIMESERIES,
            "short",
            "How often it was started anew in 15 minutes.",
            (Query("sum by (instance) (increase(tollway_evaluator_restarts_total{$S}[15m]))", "{{instance}}"),),
        ),
    ),
)

EVALUATION = Dashboard(
    "tollway-evaluation",
    "Tollway: evaluation",
    "How good are the answers, and does evaluation keep up?",
    (_SCORES, _WORK, _PROCESS),
)
