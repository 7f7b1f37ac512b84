"""Is the gateway itself well: its processes, its books, its metrics?"""

from deploy.source.panel import TABLE, TIMESERIES, Dashboard, Panel, Query, Row, Threshold, number, quantiles

_PROCESSES = Row(
    "Processes",
    (
        number(
            "Workers up",
            "short",
            "Workers with a heartbeat in the last ten seconds.",
            "sum(tollway_worker_up{$S})",
            Threshold(0, "red"),
            Threshold(1, "green"),
        ),
        number(
            "Replaced",
            "short",
            "Workers that the supervisor had to replace in the time that is shown.",
            "sum(increase(tollway_worker_restarts_total{$S}[$__range]))",
            Threshold(1, "orange"),
        ),
        number(
            "Last reload",
            "bool_yes_no",
            "Whether the configuration on the disk is the one in force, on every host.",
            "min(tollway_config_last_reload_successful{$S})",
            Threshold(0, "red"),
            Threshold(1, "green"),
        ),
        number(
            "Configurations apart",
            "short",
            "Difference between the newest and the oldest configuration in force among the workers of a host; 0: "
            "all the same.",
            "max(max by (instance) (tollway_config_generation{$S}) - min by (instance) "
            "(tollway_config_generation{$S}))",
            Threshold(1, "orange"),
        ),
        Panel(
            "What runs",
            TABLE,
            "short",
            "Version and Python of every host.",
            (Query("max by (instance, version, python) (tollway_build_info{$S})"),),
            width=8,
            over_range=True,
        ),
        Panel(
            "Running by worker",
            TIMESERIES,
            "short",
            "Requests being served. Workers share new connections evenly; long streams make them differ.",
            (Query("sum by (instance, worker) (tollway_requests_in_flight{$S})", "{{instance}} {{worker}}"),),
            stacked=True,
        ),
        Panel(
            "Client connections",
            TIMESERIES,
            "short",
            "Connections of agents that are open, by worker.",
            (Query("sum by (instance, worker) (tollway_client_connections{$S})", "{{instance}} {{worker}}"),),
            stacked=True,
        ),
        Panel(
            "Lag of the event loop",
            TIMESERIES,
            "s",
            "How late a worker's loop was at worst in the last ten seconds. Everything that it relays waits that long.",
            (
                Query(
                    "max by (instance, worker) (tollway_event_loop_lag_seconds{$S})",
                    "{{instance}} {{worker}}",
                ),
            ),
            thresholds=(Threshold(0.25, "orange"),),
        ),
        Panel(
            "Memory",
            TIMESERIES,
            "bytes",
            "Resident memory of each worker.",
            (Query("max by (instance, worker) (tollway_worker_memory_bytes{$S})", "{{instance}} {{worker}}"),),
        ),
        Panel(
            "Workers replaced",
            TIMESERIES,
            "short",
            "Children that the supervisor started anew, in 15 minutes, by reason.",
            (
                Query(
                    "sum by (instance, reason) (increase(tollway_worker_restarts_total{$S}[15m]))",
                    "{{instance}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Refused before a provider was asked",
            TIMESERIES,
            "reqps",
            "By reason. `auth` from many addresses is somebody who tries keys, from one an agent with an old key.",
            (Query("sum by (reason) (rate(tollway_rejections_total{$S}[$R]))", "{{reason}}"),),
            stacked=True,
        ),
    ),
)

_BOOKS = Row(
    "Journal and store",
    (
        Panel(
            "Behind",
            TIMESERIES,
            "s",
            "How far the log and the metrics are behind what happens.",
            (Query("max by (instance) (tollway_journal_lag_seconds{$S})", "{{instance}}"),),
            thresholds=(Threshold(60, "red"),),
        ),
        Panel(
            "Journal bytes to be read",
            TIMESERIES,
            "bytes",
            "What workers wrote and the recorder did not read yet.",
            (Query("sum by (instance) (tollway_journal_pending_bytes{$S})", "{{instance}}"),),
        ),
        Panel(
            "Exchanges",
            TIMESERIES,
            "cps",
            "Accepted by workers, and stored by the recorder. The two lie on each other, unless the recorder is "
            "behind.",
            (
                Query("sum(rate(tollway_exchanges_accepted_total{$S}[$R]))", "accepted"),
                Query("sum(rate(tollway_exchanges_stored_total{$S}[$R]))", "stored"),
            ),
        ),
        Panel(
            "Where exchanges are",
            TIMESERIES,
            "short",
            "Running at workers, waiting in the journal, dropped; and how many are unaccounted for: that must be 0 "
            "at any moment.",
            (
                Query("sum(tollway_exchanges_running{$S})", "running"),
                Query("sum(tollway_exchanges_spooled{$S})", "in the journal"),
                Query("sum by (reason) (tollway_exchanges_dropped_total{$S})", "dropped: {{reason}}"),
                Query(
                    "abs(sum(tollway_exchanges_accepted_total{$S}) - sum(tollway_exchanges_running{$S})"
                    " - sum(tollway_exchanges_stored_total{$S}) - sum(tollway_exchanges_spooled{$S})"
                    " - (sum(tollway_exchanges_dropped_total{$S}) or vector(0)))",
                    "unaccounted for",
                ),
            ),
        ),
        Panel(
            "Read from the journal",
            TIMESERIES,
            "cps",
            "What became of exchanges that were read: `applied` is the rule; `duplicate` follows a restart of the "
            "recorder, `dead` and `torn` a killed worker; `corrupt` is a bad disk.",
            (Query("sum by (result) (rate(tollway_journal_records_total{$S}[$R]))", "{{result}}"),),
        ),
        Panel(
            "Lost or repeated",
            TIMESERIES,
            "short",
            "Frames that could not be written to the journal (lost), and commits of the store that had to be "
            "repeated (not lost), in ten minutes.",
            (
                Query(
                    "sum by (instance, reason) (increase(tollway_journal_dropped_total{$S}[10m]))", "lost: {{reason}}"
                ),
                Query("sum by (instance, op) (increase(tollway_store_errors_total{$S}[10m]))", "repeated: {{op}}"),
            ),
        ),
        Panel(
            "Append to the journal, p99",
            TIMESERIES,
            "s",
            "How long a worker's write to its journal takes. It stands in the way of the last byte of an answer.",
            quantiles("tollway_journal_append_seconds", "instance", "{{instance}}", "0.99"),
        ),
        Panel(
            "Batch of the recorder, p95",
            TIMESERIES,
            "s",
            "How long the recorder takes for one batch of exchanges.",
            quantiles("tollway_recorder_apply_seconds", "instance", "{{instance}}", "0.95"),
        ),
        Panel(
            "Last commit",
            TIMESERIES,
            "s",
            "Time since the recorder last committed exchanges. Without traffic it grows, and that is fine.",
            (
                Query(
                    "time() - max by (instance) (tollway_recorder_last_apply_timestamp_seconds{$S} > 0)", "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Disk",
            TIMESERIES,
            "bytes",
            "What is free where the journal stands, and the size of the store.",
            (
                Query("min by (instance) (tollway_journal_disk_free_bytes{$S})", "{{instance}} free"),
                Query("sum by (instance) (tollway_store_size_bytes{$S})", "{{instance}} store"),
            ),
        ),
        Panel(
            "Removed by retention",
            TIMESERIES,
            "short",
            "Exchanges, and bodies of exchanges that stay, whose time was over.",
            (Query("sum by (what) (increase(tollway_retention_removed_total{$S}[$R]))", "{{what}}"),),
        ),
    ),
)

_LEDGER = Row(
    "Ledger",
    (
        Panel(
            "Admissions",
            TIMESERIES,
            "reqps",
            "Requests that budgets or limits looked at, and those of them that had to wait for the ledger.",
            (
                Query("sum(rate(tollway_admissions_total{$S}[$R]))", "all"),
                Query("sum(rate(tollway_admissions_asked_total{$S}[$R]))", "waited"),
            ),
        ),
        Panel(
            "Work of the ledger",
            TIMESERIES,
            "ops",
            "Asks of workers, leases granted, commits of the ledger's file.",
            (
                Query("sum(rate(tollway_ledger_asks_total{$S}[$R]))", "asks"),
                Query("sum(rate(tollway_ledger_grants_total{$S}[$R]))", "grants"),
                Query("sum(rate(tollway_ledger_commits_total{$S}[$R]))", "commits"),
            ),
        ),
        Panel(
            "Ledger errors",
            TIMESERIES,
            "short",
            "Commits that had to be repeated in five minutes: nothing is granted meanwhile.",
            (Query("sum by (instance) (increase(tollway_ledger_errors_total{$S}[5m]))", "{{instance}}"),),
        ),
        Panel(
            "Holders of leases",
            TIMESERIES,
            "short",
            "Workers whose leases are open. More than run: dead ones, until their journals are read.",
            (Query("sum by (instance) (tollway_ledger_holders{$S})", "{{instance}}"),),
        ),
    ),
)

_CONFIGURATION = Row(
    "Configuration and prices",
    (
        Panel(
            "Reloads",
            TABLE,
            "short",
            "Reloads of the configuration in the time that is shown, by result.",
            (Query("sum by (instance, result) (increase(tollway_config_reloads_total{$S}[$__range]))"),),
            over_range=True,
        ),
        Panel(
            "Age of configuration and prices",
            TIMESERIES,
            "s",
            "Time since the configuration was last reloaded, and since the price list in force was obtained (none "
            "of the bundled list).",
            (
                Query(
                    "time() - max by (instance) (tollway_config_last_reload_success_timestamp_seconds{$S} > 0)",
                    "{{instance}} configuration",
                ),
                Query("time() - max by (instance) (tollway_prices_timestamp_seconds{$S} > 0)", "{{instance}} prices"),
            ),
        ),
    ),
)

_METRICS = Row(
    "Metrics",
    (
        Panel(
            "Series by metric",
            TIMESERIES,
            "short",
            "The ten metrics with the most series.",
            (Query("topk(10, max by (metric) (tollway_metrics_series{$S}))", "{{metric}}"),),
        ),
        Panel(
            "Samples of a scrape",
            TIMESERIES,
            "short",
            "What Prometheus takes from each host; at 20,000 it refuses everything.",
            (Query("max by (instance) (scrape_samples_scraped{$S})", "{{instance}}"),),
            thresholds=(Threshold(16_000, "orange"), Threshold(20_000, "red")),
        ),
        Panel(
            "Time for a scrape",
            TIMESERIES,
            "s",
            "What Prometheus waits for, and how long the recorder worked for it.",
            (
                Query("max by (instance) (scrape_duration_seconds{$S})", "{{instance}} scrape"),
                Query("max by (instance) (tollway_metrics_render_seconds{$S})", "{{instance}} rendering"),
            ),
        ),
        Panel(
            "Folded into other",
            TABLE,
            "short",
            "Label values beyond the limit, in the time that is shown.",
            (Query("sum by (metric, label) (increase(tollway_metrics_label_overflow_total{$S}[$__range]))"),),
            over_range=True,
        ),
    ),
)

GATEWAY = Dashboard(
    "tollway-gateway",
    "Tollway: the gateway's own health",
    "Is the gateway itself well: its processes, its books, its metrics?",
    (_PROCESSES, _BOOKS, _LEDGER, _CONFIGURATION, _METRICS),
)
