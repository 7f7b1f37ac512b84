"""Every metric that Tollway exports, declared once: name, kind, labels, buckets, unit, meaning."""

from typing import NamedTuple

COUNTER, HISTOGRAM, GAUGE = "counter", "histogram", "gauge"

NANO = 1e9
MICRO = 1e6


def _edges(*upper: float) -> tuple[str, ...]:
    """Write edges as OpenMetrics wants them; they are also the names under which totals are stored."""
    return (*(str(float(edge)) for edge in upper), "+Inf")


DURATION_BUCKETS = _edges(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
FIRST_TOKEN_BUCKETS = _edges(0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2, 3, 5, 8, 15, 30, 60)
# 0.01 is the promise: 99 % of requests wait less than 10 ms for the gateway itself.
OVERHEAD_BUCKETS = _edges(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
PER_TOKEN_BUCKETS = _edges(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)
SCORE_BUCKETS = _edges(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
TOKEN_BUCKETS = _edges(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)


class Metric(NamedTuple):
    """One metric. `name` is without `_total`, which counters get when rendered.

    Totals are integers; `per_unit` of them are one of the metric's unit, at rendering only.
    """

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    per_unit: float = 1

    @property
    def exported(self) -> str:
        """The name that Prometheus knows it by."""
        return self.name + "_total" if self.kind == COUNTER else self.name

    @property
    def samples(self) -> int:
        """How many lines one label set takes."""
        return len(self.buckets) + 2 if self.buckets else 1


REQUESTS = Metric(
    "tollway_requests",
    COUNTER,
    "Finished client requests, once each.",
    ("route", "provider", "model", "endpoint", "stream", "outcome"),
)
DURATION = Metric(
    "tollway_request_duration_seconds",
    HISTOGRAM,
    "From a request's first byte to the last byte of its answer.",
    ("route", "provider", "model", "stream"),
    DURATION_BUCKETS,
    MICRO,
)
FIRST_TOKEN = Metric(
    "tollway_time_to_first_token_seconds",
    HISTOGRAM,
    "Streamed answers: from a request's first byte to the first event with content.",
    ("provider", "model"),
    FIRST_TOKEN_BUCKETS,
    MICRO,
)
OVERHEAD = Metric(
    "tollway_overhead_seconds",
    HISTOGRAM,
    "Time that the gateway itself took, without waiting for the provider.",
    ("phase",),
    OVERHEAD_BUCKETS,
    MICRO,
)
PER_TOKEN = Metric(
    "tollway_time_per_output_token_seconds",
    HISTOGRAM,
    "Streamed answers: time from the first token to the end, for each token after the first.",
    ("provider", "model"),
    PER_TOKEN_BUCKETS,
    MICRO,
)
QUEUE = Metric(
    "tollway_queue_seconds",
    HISTOGRAM,
    "How long requests waited for a limit of the gateway's own; mostly not at all.",
    ("route",),
    OVERHEAD_BUCKETS,
    MICRO,
)
REQUEST_TOKENS = Metric(
    "tollway_request_tokens",
    HISTOGRAM,
    "Tokens of single requests, as a distribution; for sums there is tollway_tokens_total.",
    ("provider", "direction"),
    TOKEN_BUCKETS,
)
TOKENS = Metric(
    "tollway_tokens", COUNTER, "Billed tokens by disjoint types: their sum is right.", ("provider", "model", "type")
)
COST = Metric("tollway_cost_usd", COUNTER, "Cost in USD.", ("provider", "model", "team"), per_unit=NANO)
TEAM_REQUESTS = Metric("tollway_team_requests", COUNTER, "Finished client requests by team.", ("team", "outcome"))
TEAM_TOKENS = Metric("tollway_team_tokens", COUNTER, "Billed tokens by team and disjoint type.", ("team", "type"))
ATTEMPTS = Metric(
    "tollway_upstream_attempts", COUNTER, "Tries at a provider, by how they went.", ("provider", "model", "result")
)
ATTEMPT_DURATION = Metric(
    "tollway_upstream_attempt_duration_seconds",
    HISTOGRAM,
    "How long tries at a provider took.",
    ("provider", "result"),
    DURATION_BUCKETS,
    MICRO,
)
RETRIES = Metric(
    "tollway_retries",
    COUNTER,
    "Tries at a provider that had failed just before, by how that one ended.",
    ("provider", "reason"),
)
FALLBACKS = Metric(
    "tollway_fallbacks",
    COUNTER,
    "Tries at another provider than the one before, by how they went: ok or failed.",
    ("from_provider", "to_provider", "result"),
)
USAGE_MISSING = Metric(
    "tollway_usage_missing", COUNTER, "Answers without usage: an estimate was booked.", ("provider", "reason")
)
UNPRICED = Metric(
    "tollway_unpriced_requests", COUNTER, "Requests for models without a known price.", ("provider", "model")
)
JOBS = Metric(
    "tollway_jobs", COUNTER, "Background responses and batches whose cost is known now, by how it was.", ("state",)
)
REJECTIONS = Metric("tollway_rejections", COUNTER, "Requests refused before a provider was asked.", ("reason",))
BOUND_EXCEEDED = Metric(
    "tollway_bound_exceeded",
    COUNTER,
    "Exchanges under a strict budget that cost more than they could: the bound of that model is wrong.",
    ("model",),
)
STORED = Metric("tollway_exchanges_stored", COUNTER, "Exchanges that are in the store.")
OVERFLOW = Metric(
    "tollway_metrics_label_overflow",
    COUNTER,
    "Exchanges counted under other: a model that is not listed (label model), too many series (label all).",
    ("metric", "label"),
)
RETENTION_REMOVED = Metric(
    "tollway_retention_removed", COUNTER, "What was removed from the log because its time was over.", ("what",)
)

SCORES = Metric(
    "tollway_scores",
    COUNTER,
    "Scores by whose they are and what they say: pass, fail, or none.",
    ("evaluator", "source", "verdict"),
)
SCORE = Metric(
    "tollway_score",
    HISTOGRAM,
    "Main scores of evaluators on live traffic, from 0 to 1, higher is better.",
    ("evaluator", "model"),
    SCORE_BUCKETS,
    MICRO,
)
EVAL_RUNS = Metric("tollway_eval_runs", COUNTER, "Evaluations, by how they went.", ("evaluator", "result"))
EVAL_DURATION = Metric(
    "tollway_eval_duration_seconds",
    HISTOGRAM,
    "How long evaluators took.",
    ("evaluator",),
    DURATION_BUCKETS,
    MICRO,
)
EVAL_COST = Metric(
    "tollway_eval_cost_usd", COUNTER, "What judges were paid for evaluations.", ("evaluator",), per_unit=NANO
)
FEEDBACK = Metric("tollway_feedback", COUNTER, "Feedback that agents sent, by what became of it.", ("result",))

# What evaluations move, in the totals beside their rows.
FROM_SCORES = (SCORES, SCORE, EVAL_RUNS, EVAL_DURATION, EVAL_COST, FEEDBACK)

# What records move; everything below is read from the board or from the recorder itself,
# but for what the store counts of its own work, in the same totals.
FROM_RECORDS = (
    REQUESTS,
    DURATION,
    FIRST_TOKEN,
    PER_TOKEN,
    OVERHEAD,
    QUEUE,
    TOKENS,
    REQUEST_TOKENS,
    COST,
    TEAM_REQUESTS,
    TEAM_TOKENS,
    ATTEMPTS,
    ATTEMPT_DURATION,
    RETRIES,
    FALLBACKS,
    USAGE_MISSING,
    UNPRICED,
    JOBS,
    REJECTIONS,
    BOUND_EXCEEDED,
    STORED,
    OVERFLOW,
)

IN_FLIGHT = Metric("tollway_requests_in_flight", GAUGE, "Requests being served now.", ("worker",))
CONNECTIONS = Metric("tollway_client_connections", GAUGE, "Client connections open now.", ("worker",))
WORKER_UP = Metric(
    "tollway_worker_up", GAUGE, "1 if the worker showed a heartbeat in the last 10 seconds.", ("worker",)
)
WORKER_RESTARTS = Metric(
    "tollway_worker_restarts", COUNTER, "Workers replaced by the supervisor, by why the one before ended.", ("reason",)
)
LOOP_LAG = Metric(
    "tollway_event_loop_lag_seconds",
    GAUGE,
    "How late a worker's event loop was at most in the last 10 seconds.",
    ("worker",),
    (),
    MICRO,
)
WORKER_MEMORY = Metric("tollway_worker_memory_bytes", GAUGE, "Resident memory of a worker.", ("worker",))
RATELIMIT_LEFT = Metric(
    "tollway_provider_ratelimit_remaining",
    GAUGE,
    "What a provider's newest answer said that its own rate limit leaves; none without news for 10 minutes.",
    ("provider", "kind"),
)
ACCEPTED = Metric(
    "tollway_exchanges_accepted", COUNTER, "Exchanges begun for known callers: running + stored + spooled + dropped."
)
RUNNING = Metric("tollway_exchanges_running", GAUGE, "Exchanges that have not ended yet.")
SPOOLED = Metric("tollway_exchanges_spooled", GAUGE, "Exchanges that have ended and are not in the store yet.")
DROPPED = Metric(
    "tollway_exchanges_dropped", COUNTER, "Exchanges that are not in the log and never will be.", ("reason",)
)
CONFIG_GENERATION = Metric("tollway_config_generation", GAUGE, "Config generation in force.", ("worker",))
CONFIG_RELOADED = Metric("tollway_config_last_reload_successful", GAUGE, "0 if the last config change was invalid.")
CONFIG_RELOADS = Metric("tollway_config_reloads", COUNTER, "Changes of the config that were looked at.", ("result",))
CONFIG_RELOADED_AT = Metric(
    "tollway_config_last_reload_success_timestamp_seconds",
    GAUGE,
    "When the config in force was taken over.",
    (),
    (),
    1000,
)
PRICES_REFRESHED = Metric(
    "tollway_prices_last_refresh_successful", GAUGE, "0 if the source of prices could not be used; none without one."
)
PRICES_OBTAINED = Metric(
    "tollway_prices_timestamp_seconds", GAUGE, "When the price list in force was obtained; none for the bundled one."
)
JOURNAL_LAG = Metric("tollway_journal_lag_seconds", GAUGE, "How far the store is behind the journal; 0: not at all.")
JOURNAL_PENDING = Metric("tollway_journal_pending_bytes", GAUGE, "Journal bytes that were not read yet.")
JOURNAL_RECORDS = Metric(
    "tollway_journal_records",
    COUNTER,
    "Exchanges taken from the journal: applied, amended, duplicate, dead, torn, corrupt.",
    ("result",),
)
JOURNAL_DROPPED = Metric("tollway_journal_dropped", COUNTER, "Frames that a worker could not write.", ("reason",))
APPEND = Metric(
    "tollway_journal_append_seconds",
    HISTOGRAM,
    "How long a worker was held up by appending to the journal; one append of 16 is timed.",
    (),
    OVERHEAD_BUCKETS,
    MICRO,
)
JOURNAL_FREE = Metric(
    "tollway_journal_disk_free_bytes", GAUGE, "Room that the file system of the journal has for the gateway."
)
APPLY = Metric(
    "tollway_recorder_apply_seconds",
    HISTOGRAM,
    "How long commits of a batch to the store took.",
    (),
    DURATION_BUCKETS,
    MICRO,
)
STORE_ERRORS = Metric("tollway_store_errors", COUNTER, "Commits that had to be repeated.", ("op",))
STORE_SIZE = Metric("tollway_store_size_bytes", GAUGE, "Size of all day files.")
JOBS_OPEN = Metric("tollway_jobs_open", GAUGE, "Background responses and batches whose cost is not known yet.")
LAST_APPLY = Metric(
    "tollway_recorder_last_apply_timestamp_seconds", GAUGE, "When the recorder last committed exchanges; 0: not yet."
)
BUDGET_LIMIT = Metric(
    "tollway_budget_limit_usd", GAUGE, "Limit of a budget now, raises included.", ("budget",), (), NANO
)
BUDGET_SPENT = Metric("tollway_budget_spent_usd", GAUGE, "Spent of a budget in its window.", ("budget",), (), NANO)
BUDGET_RESERVED = Metric(
    "tollway_budget_reserved_usd", GAUGE, "Charged to a budget and not known to be spent.", ("budget",), (), NANO
)
BUDGET_LENT = Metric(
    "tollway_budget_lease_outstanding_usd",
    GAUGE,
    "The part of what is reserved that workers have who are connected now.",
    ("budget",),
    (),
    NANO,
)
BUDGET_LIMIT_REQUESTS = Metric(
    "tollway_budget_limit_requests", GAUGE, "Requests that a budget allows now, raises included.", ("budget",)
)
BUDGET_SPENT_REQUESTS = Metric(
    "tollway_budget_spent_requests", GAUGE, "Requests of a budget's window that were made.", ("budget",)
)
BUDGET_ENDS = Metric(
    "tollway_budget_window_end_timestamp_seconds",
    GAUGE,
    "When a budget begins anew; none for rolling ones and those without end.",
    ("budget",),
)
THRESHOLDS = Metric(
    "tollway_budget_thresholds",
    COUNTER,
    "Times that a balance of a budget passed a threshold.",
    ("budget", "percent"),
)
ADMISSIONS = Metric("tollway_admissions", COUNTER, "Requests that budgets or limits looked at, admitted or not.")
ADMISSIONS_ASKED = Metric(
    "tollway_admissions_asked", COUNTER, "Of them, those for which the ledger had to be asked while they waited."
)
LEDGER_ASKS = Metric("tollway_ledger_asks", COUNTER, "Asks that workers sent to the ledger.")
LEDGER_GRANTS = Metric("tollway_ledger_grants", COUNTER, "Leases that were granted to workers, or made larger.")
LEDGER_COMMITS = Metric("tollway_ledger_commits", COUNTER, "Commits of the ledger's file.")
LEDGER_ERRORS = Metric("tollway_ledger_errors", COUNTER, "Commits of the ledger's file that had to be repeated.")
LEDGER_HOLDERS = Metric(
    "tollway_ledger_holders", GAUGE, "Workers whose leases are open: those that run, and dead ones."
)
EVALUATOR_UP = Metric(
    "tollway_evaluator_up", GAUGE, "1 if the evaluator showed a heartbeat in the last 10 seconds; none without one."
)
EVALUATOR_MEMORY = Metric(
    "tollway_evaluator_memory_bytes", GAUGE, "Resident memory of the evaluator, without its plugins."
)
EVALUATOR_RESTARTS = Metric("tollway_evaluator_restarts", COUNTER, "Evaluators replaced by the supervisor.")
EVAL_QUEUE = Metric("tollway_eval_queue_items", GAUGE, "Tasks that wait or run.", ("evaluator",))
EVAL_QUARANTINED = Metric(
    "tollway_eval_quarantined", GAUGE, "1 if an evaluator is shut out because it keeps failing.", ("evaluator",)
)
EVAL_LAST_SUCCESS = Metric(
    "tollway_eval_last_success_timestamp_seconds",
    GAUGE,
    "When an evaluator gave scores last; 0 if it never did.",
    ("evaluator",),
)
EVAL_FUNNEL = Metric(
    "tollway_eval_funnel",
    COUNTER,
    "How far exchanges came: seen, matched, sampled, queued, dropped, run, ok, skipped, error, retried.",
    ("evaluator", "step", "reason"),
)
SERIES = Metric("tollway_metrics_series", GAUGE, "Label sets of a metric that are exported now.", ("metric",))
RENDER = Metric("tollway_metrics_render_seconds", GAUGE, "CPU time of making the last page.")
BUILD = Metric("tollway_build_info", GAUGE, "1; the labels say what runs.", ("version", "python"))

FROM_STORE = (RETENTION_REMOVED,)
FROM_PROCESSES = (
    IN_FLIGHT, CONNECTIONS, WORKER_UP, WORKER_RESTARTS, LOOP_LAG, WORKER_MEMORY, ACCEPTED, RUNNING, SPOOLED,
    DROPPED, RATELIMIT_LEFT, CONFIG_GENERATION, CONFIG_RELOADED, CONFIG_RELOADED_AT, CONFIG_RELOADS,
    PRICES_REFRESHED, PRICES_OBTAINED, JOURNAL_LAG, JOURNAL_PENDING, JOURNAL_RECORDS, JOURNAL_DROPPED, APPEND,
    JOURNAL_FREE, APPLY, STORE_ERRORS, STORE_SIZE, JOBS_OPEN, LAST_APPLY, BUDGET_LIMIT, BUDGET_SPENT,
    BUDGET_RESERVED, BUDGET_LENT, BUDGET_LIMIT_REQUESTS, BUDGET_SPENT_REQUESTS, BUDGET_ENDS, THRESHOLDS,
    ADMISSIONS, ADMISSIONS_ASKED, LEDGER_ASKS, LEDGER_GRANTS, LEDGER_COMMITS, LEDGER_ERRORS, LEDGER_HOLDERS,
    EVALUATOR_UP, EVALUATOR_MEMORY, EVALUATOR_RESTARTS, EVAL_QUEUE, EVAL_QUARANTINED, EVAL_LAST_SUCCESS, EVAL_FUNNEL,
    BUILD, SERIES, RENDER,
)  # fmt: skip
CATALOGUE = {metric.name: metric for metric in FROM_RECORDS + FROM_SCORES + FROM_STORE + FROM_PROCESSES}
