"""How good are the answers, and does evaluation keep up?"""

from deploy.source.dashboards.scores import SCORE_ROWS
from deploy.source.panel import TABLE, TIMESERIES, Dashboard, Panel, Query, Row, Threshold

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
            "Since the last score",
            TIMESERIES,
            "s",
            "How long ago each evaluator gave scores last. One that never did is left out.",
            (
                Query(
                    "time() - max by (instance, evaluator) (tollway_eval_last_success_timestamp_seconds{$S} > 0)",
                    "{{instance}} {{evaluator}}",
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
    (*SCORE_ROWS, _WORK, _PROCESS),
)
