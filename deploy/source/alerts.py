"""Which causes call somebody, and what shall they do?

`hold` is how long an expression must be true; `page` wakes somebody, `ticket` waits for the morning. Every row becomes
a rule and a section of docs/monitoring.md, and has a case in `cases/causes.py`.
"""

from typing import NamedTuple

from deploy.source.promql import risen


class Alert(NamedTuple):
    """One cause. `summary` is a template of Prometheus; `meaning` and `action` stand in the rule and the document."""

    name: str
    severity: str
    hold: str
    expr: str
    summary: str
    meaning: str
    action: str


PAGE, TICKET = "page", "ticket"

REACH = (
    Alert(
        "TollwayDown",
        PAGE,
        "2m",
        'up{job="tollway"} == 0',
        "{{ $labels.instance }} does not answer scrapes",
        "The admin port does not answer, or the answer was refused by the limits of the scrape config. Agents may "
        "be served all the same: workers do not need the recorder.",
        "Prometheus says why under *Status, Targets*. Connection refused: is `tollway serve` running? 401: the token. "
        "`sample limit exceeded`: see TollwayTooManySeries.",
    ),
    Alert(
        "TollwayAbsent",
        PAGE,
        "5m",
        "absent(tollway_build_info)",
        "No Tollway is being scraped",
        "Prometheus has no Tollway at all: nobody would notice an outage.",
        "Is the job `tollway` still in the scrape config, and do its targets exist?",
    ),
    Alert(
        "TollwayNoWorker",
        PAGE,
        "1m",
        "max by (job, instance) (tollway_worker_up) == 0",
        "{{ $labels.instance }} serves no agents: no worker shows a heartbeat",
        "No worker of this host is alive, or all of them are stuck.",
        "`journalctl` or the output of `tollway serve` says why children end. Restart it; what was accepted stands "
        "in the journal.",
    ),
    Alert(
        "TollwayWorkerDown",
        TICKET,
        "2m",
        "tollway_worker_up == 0",
        "Worker {{ $labels.worker }} of {{ $labels.instance }} shows no heartbeat",
        "One worker is dead and not replaced, or its event loop is stuck. The others serve on.",
        "See the log of `tollway serve`. A process that is stuck shows where with `py-spy dump --pid PID`; killing "
        "it is safe: the supervisor starts another, and what was under way is booked.",
    ),
    Alert(
        "TollwayWorkersRestarting",
        PAGE,
        "0m",
        "sum by (job, instance) (increase(tollway_worker_restarts_total[15m])) > 5",
        "{{ $labels.instance }} replaced {{ $value | humanize }} workers in 15 minutes",
        "Workers die again and again. Each one cuts the answers that it was relaying.",
        "The log of `tollway serve` has the exit status or signal. Signal 9 without anybody's doing is the kernel, "
        "out of memory: `dmesg`, and the memory of workers on *Gateway*.",
    ),
    Alert(
        "TollwayEventLoopLag",
        TICKET,
        "5m",
        "max by (job, instance, worker) (tollway_event_loop_lag_seconds) > 0.25",
        "Worker {{ $labels.worker }} of {{ $labels.instance }} is late by {{ $value | humanizeDuration }}",
        "Everything that this worker relays waits that long, again and again.",
        "CPU at its limit: more workers (`[server] workers`) or a larger machine. Idle CPU: something blocks the "
        "loop; a slow disk under the journal does. `py-spy dump --pid PID` shows it.",
    ),
)

BOOKS = (
    Alert(
        "TollwayJournalDropped",
        PAGE,
        "0m",
        risen("tollway_journal_dropped_total", "10m", "instance"),
        "{{ $labels.instance }} could not write to its journal",
        "Frames were lost: exchanges that agents got are not, or not completely, in the log, in the spend and in "
        "these metrics.",
        'The disk is full or fails: the log of the worker has the error. With `on_journal_failure = "refuse"` '
        "agents get 503 instead of unrecorded answers.",
    ),
    Alert(
        "TollwayExchangesLost",
        PAGE,
        "0m",
        risen("tollway_exchanges_dropped_total", "10m", "instance, reason"),
        "{{ $labels.instance }} lost exchanges: {{ $labels.reason }}",
        "Exchanges were accepted that will not be in the log. They are counted, so that the sum is right: accepted "
        "= running + stored + spooled + dropped.",
        "`reason` says where they were lost; see [metrics](metrics.md). The provider's bill will show more than "
        "`tollway spend`.",
    ),
    Alert(
        "TollwayLossContractBroken",
        PAGE,
        "5m",
        "abs(\n"
        "  sum by (job, instance) (tollway_exchanges_accepted_total)\n"
        "  - sum by (job, instance) (tollway_exchanges_running)\n"
        "  - sum by (job, instance) (tollway_exchanges_stored_total)\n"
        "  - sum by (job, instance) (tollway_exchanges_spooled)\n"
        "  - (sum by (job, instance) (tollway_exchanges_dropped_total)"
        " or 0 * sum by (job, instance) (tollway_exchanges_accepted_total))\n"
        ") > 0",
        "{{ $labels.instance }}: {{ $value }} exchanges are unaccounted for",
        "What was accepted is neither running nor stored nor waiting in the journal nor counted as dropped: the "
        "books have a hole.",
        "This is an error of Tollway. Keep `data/journal` and `data/store`, run `tollway audit`, and report what "
        "it says.",
    ),
    Alert(
        "TollwayJournalLag",
        PAGE,
        "5m",
        "tollway_journal_lag_seconds > 60",
        "{{ $labels.instance }}: log and metrics are {{ $value | humanizeDuration }} behind",
        "The recorder does not keep up, or cannot write. Nothing is lost, but logs, spend and every metric of "
        "exchanges are old, and so are alerts made of them.",
        "See store errors and the disk on *Gateway*. A locked store: another program holds `data/store`. A "
        "recorder at 100 % CPU: more traffic than one can write ([performance](performance.md)).",
    ),
    Alert(
        "TollwayJournalCorrupt",
        PAGE,
        "0m",
        risen('tollway_journal_records_total{result="corrupt"}', "10m", "instance"),
        "{{ $labels.instance }} read a journal frame whose checksum is wrong",
        "Bytes on the disk are not those that were written. (A torn end after a kill is normal, and counted apart.)",
        "Suspect the disk or its controller: `dmesg`, SMART. Move `data/` to another one.",
    ),
    Alert(
        "TollwayStoreErrors",
        TICKET,
        "10m",
        "sum by (job, instance, op) (increase(tollway_store_errors_total[10m])) > 0",
        "{{ $labels.instance }} has to repeat writes to its store: {{ $labels.op }}",
        "Commits fail and are repeated. Meanwhile the journal grows; nothing is lost.",
        "The recorder's log has SQLite's error. `database is locked`: another program writes there. `disk I/O "
        "error`: the disk.",
    ),
    Alert(
        "TollwayDiskLow",
        PAGE,
        "5m",
        "tollway_journal_disk_free_bytes < 2e9",
        "{{ $labels.instance }} has {{ $value | humanize1024 }}B left for its journal",
        "When the disk is full nothing more is recorded, or refused by `on_journal_failure`.",
        "Make room, or shorten `[store] retention_days` and `body_retention_days`; bodies are most of it.",
    ),
    Alert(
        "TollwayDiskFilling",
        TICKET,
        "1h",
        "predict_linear(tollway_journal_disk_free_bytes[6h], 4 * 86400) < 0",
        "{{ $labels.instance }}: the disk will be full within four days",
        "At the pace of the last six hours the disk ends before the weekend does.",
        "The same as for TollwayDiskLow, while there is time.",
    ),
)

MONEY = (
    Alert(
        "TollwayLedgerErrors",
        PAGE,
        "0m",
        risen("tollway_ledger_errors_total", "5m", "instance"),
        "{{ $labels.instance }} cannot write its ledger: no money is granted",
        "Commits of `ledger.db` fail. Workers spend what they hold, then `on_authority_loss` decides.",
        "The recorder's log has the error: a full disk, or another program that holds `data/ledger.db`.",
    ),
    Alert(
        "TollwayBoundExceeded",
        PAGE,
        "0m",
        risen("tollway_bound_exceeded_total", "1h", "model"),
        "{{ $labels.model }} cost more than was thought possible",
        "An exchange under a strict budget cost more than its bound. Strict budgets refuse the model until "
        "somebody acknowledges it.",
        "`tollway budget list` names the exchange, `tollway explain ID` its bill. Correct `[models.NAME]`, then "
        "`tollway budget acknowledge` ([budgets](budgets.md#a-bound-that-did-not-hold)).",
    ),
    Alert(
        "TollwayBudgetNearLimit",
        TICKET,
        "0m",
        "max by (job, budget) (tollway_budget_spent_usd) / max by (job, budget) (tollway_budget_limit_usd > 0) > 0.9\n"
        "or\n"
        "max by (job, budget) (tollway_budget_spent_requests)"
        " / max by (job, budget) (tollway_budget_limit_requests > 0) > 0.9",
        "Budget {{ $labels.budget }} is used to {{ $value | humanizePercentage }}",
        "At 100 % requests are refused (not by one in mode `track`). Budgets that are parted by user or session "
        "have no gauge; see TollwayBudgetThreshold.",
        "Ask the team whether this is work or an agent in a loop (`tollway spend --by key`). `tollway budget raise "
        "BUDGET AMOUNT --for window --why WHY` gives more at once.",
    ),
    Alert(
        "TollwayBudgetThreshold",
        TICKET,
        "0m",
        risen('tollway_budget_thresholds_total{percent=~"(8|9)[0-9].*|100"}', "15m", "budget, percent"),
        "A balance of budget {{ $labels.budget }} passed {{ $labels.percent }} %",
        "One balance (a user, a session, the whole budget) passed a threshold of 80 % or more. It goes out by itself.",
        "`tollway budget show BUDGET` lists the busiest balances.",
    ),
    Alert(
        "TollwayBudgetRefusing",
        TICKET,
        "0m",
        risen('tollway_team_requests_total{outcome="budget_blocked"}', "15m", "team"),
        "Requests of team {{ $labels.team }} are refused by a budget",
        "A budget is used up, and agents get errors for it.",
        "`tollway logs --team TEAM --outcome budget_blocked` and `tollway budget list`: raise it, or leave it to "
        "do its work.",
    ),
    Alert(
        "TollwaySpendAnomaly",
        TICKET,
        "15m",
        "sum by (job, team) (rate(tollway_cost_usd_total[1h]))"
        " > 3 * sum by (job, team) (rate(tollway_cost_usd_total[1h] offset 1w))\n"
        "and sum by (job, team) (rate(tollway_cost_usd_total[1h])) * 3600 > 1",
        "Team {{ $labels.team }} spends more than three times what it did a week ago",
        "More than one USD an hour, and three times as much as in the same hour a week before.",
        "`tollway spend --by key --since 1h`, then by session: one that runs in circles is found there. `per = "
        '["session"]` in a budget stops the next one by itself.',
    ),
    Alert(
        "TollwayUnpriced",
        TICKET,
        "0m",
        risen("tollway_unpriced_requests_total", "1h", "provider, model"),
        "Nobody knows the price of {{ $labels.model }} at {{ $labels.provider }}",
        "Its requests are booked at `default_price`, which is a guess.",
        "`prices` of the provider in `config.toml` names one; `[prices] source` fetches newer public ones. "
        "`tollway price MODEL` shows what holds.",
    ),
    Alert(
        "TollwayUsageMissing",
        TICKET,
        "15m",
        'sum by (job, provider) (rate(tollway_usage_missing_total{reason!="stream_cut"}[1h]))'
        " / sum by (job, provider) (rate(tollway_requests_total[1h])) > 0.05",
        "{{ $labels.provider }} leaves out the usage of {{ $value | humanizePercentage }} of its answers",
        "Their tokens are estimated, and so is their cost.",
        "`tollway logs --provider PROVIDER`, then `logs show ID`: does the provider send usage under another name? "
        "Report it with the answer; `tollway audit --bill FILE` says how far off the estimates are.",
    ),
    Alert(
        "TollwayJobsLapsed",
        TICKET,
        "0m",
        risen('tollway_jobs_total{state="lapsed"}', "1d", "instance"),
        "Results of background work are fetched around the gateway",
        "Batches or background responses were never fetched through Tollway, so that their cost is an estimate.",
        "Have clients fetch results through Tollway, or compare with the provider's bill (`tollway audit --bill "
        "FILE`).",
    ),
    Alert(
        "TollwayPricesStale",
        TICKET,
        "1h",
        "tollway_prices_last_refresh_successful == 0",
        "{{ $labels.instance }} cannot refresh its price list",
        "The list before it stays in force: new models and new prices are missing.",
        "The log says what is wrong with `[prices] source`.",
    ),
)

PROVIDERS = (
    Alert(
        "TollwayProviderFailing",
        TICKET,
        "5m",
        'sum by (job, provider) (rate(tollway_upstream_attempts_total{result=~"$PROVIDER_FAULT"}[5m]))'
        " / sum by (job, provider) (rate(tollway_upstream_attempts_total[5m])) > 0.2\n"
        "and sum by (job, provider) (rate(tollway_upstream_attempts_total[5m])) > 0.05",
        "{{ $value | humanizePercentage }} of the attempts at {{ $labels.provider }} fail",
        "The provider answers 5xx, not in time, or not at all. Whether users feel it says TollwayRequestsFailing, "
        "which pages.",
        "See *Providers* for how they fail, and the provider's own status page. Give its routes another target.",
    ),
    Alert(
        "TollwayProviderLimiting",
        TICKET,
        "10m",
        'sum by (job, provider) (rate(tollway_upstream_attempts_total{result="429"}[5m]))'
        " / sum by (job, provider) (rate(tollway_upstream_attempts_total[5m])) > 0.1",
        "{{ $labels.provider }} refuses {{ $value | humanizePercentage }} of our requests by its rate limit",
        "Our account is over its rate limit. Agents wait and ask again.",
        "Ask the provider for more, spread the load over several keys, or hold teams back with `[[limits]]`, which "
        "are fairer.",
    ),
    Alert(
        "TollwayProviderQuotaLow",
        TICKET,
        "2m",
        "min by (job, provider, kind) (tollway_provider_ratelimit_remaining)"
        " <= 0.05 * max by (job, provider, kind) (max_over_time(tollway_provider_ratelimit_remaining[1d]))\n"
        "and on (job, provider) sum by (job, provider) (rate(tollway_upstream_attempts_total[5m])) > 0",
        "{{ $labels.provider }} has {{ $value | humanize }} {{ $labels.kind }} left of its rate limit",
        "Less than a twentieth of the most that was left in a day: answers with 429 come next.",
        "The same as for TollwayProviderLimiting, before it hurts.",
    ),
)

CONFIGURATION = (
    Alert(
        "TollwayReloadFailed",
        TICKET,
        "10m",
        "tollway_config_last_reload_successful == 0",
        "{{ $labels.instance }} runs on an old configuration",
        "The files on the disk are not valid: what was in force before goes on, also after this was edited again.",
        "`tollway check` names the line.",
    ),
    Alert(
        "TollwayConfigSkew",
        TICKET,
        "2m",
        "max by (job, instance) (tollway_config_generation) - min by (job, instance) (tollway_config_generation) > 0",
        "Workers of {{ $labels.instance }} run on different configurations",
        "A worker did not take the last change over.",
        "Its log says why. Restarting `tollway serve` makes them one again.",
    ),
    Alert(
        "TollwayLabelOverflow",
        TICKET,
        "0m",
        "sum by (job, instance, metric, label) (increase(tollway_metrics_label_overflow_total[1h])) > 100",
        "{{ $labels.label }} of {{ $labels.metric }} has more values than may be shown apart",
        "What is beyond the limit counts as `other`: sums are right, details are missing.",
        "For `model`: agents make names up, or the configuration names very many. `tollway spend --by model` knows "
        "them all.",
    ),
    Alert(
        "TollwayTooManySeries",
        TICKET,
        "10m",
        'scrape_samples_scraped{job="tollway"} > 16000',
        "{{ $labels.instance }} shows {{ $value | humanize }} samples; at 20,000 the scrape is refused",
        "`sample_limit` of the scrape config refuses a scrape as a whole: then nothing is watched.",
        "*Gateway* shows which metric it is. Raise `sample_limit` if so many teams and models are real.",
    ),
)

EVALUATION = (
    Alert(
        "TollwayEvaluatorDown",
        TICKET,
        "5m",
        "tollway_evaluator_up == 0",
        "The evaluator of {{ $labels.instance }} shows no heartbeat",
        "Nothing is evaluated. Traffic does not need it, and nothing is lost: it goes on in the log where it ended.",
        "The log of `tollway serve` says why it ends. A process that is stuck shows where with `py-spy dump --pid "
        "PID`; killing it is safe.",
    ),
    Alert(
        "TollwayEvaluatorQuarantined",
        TICKET,
        "10m",
        "tollway_eval_quarantined == 1",
        "{{ $labels.evaluator }} is in quarantine on {{ $labels.instance }}",
        "It crashed, hung or failed again and again, or cannot be loaded. Its tasks wait, 24 hours at most; then they "
        "are skipped. Others are not concerned.",
        "`tollway eval list` has the reason and the last traceback. It is tried again by itself, ever more rarely; a "
        "changed plugin or setting at once.",
    ),
    Alert(
        "TollwayEvaluationBacklog",
        TICKET,
        "15m",
        "tollway_eval_queue_items > 0\n"
        "and on (job, instance, evaluator)"
        ' sum by (job, instance, evaluator) (increase(tollway_eval_funnel_total{step="run"}[15m])) == 0\n'
        "unless on (job, instance, evaluator) tollway_eval_quarantined == 1",
        "{{ $value | humanize }} tasks of {{ $labels.evaluator }} wait on {{ $labels.instance }}, and none is run",
        "The evaluator has work and does not do it: its plugin hangs, its judge does not answer, or all places are "
        "taken by others.",
        "`tollway eval list`, and the evaluator's lines in the log of `tollway serve`. More places: `[evaluation] "
        "workers`.",
    ),
    Alert(
        "TollwayEvaluationWithoutScores",
        TICKET,
        "15m",
        "time() - tollway_eval_last_success_timestamp_seconds > 3600\n"
        "and on (job, instance, evaluator)"
        ' sum by (job, instance, evaluator) (increase(tollway_eval_funnel_total{step="error"}[1h])) > 0\n'
        "unless on (job, instance, evaluator) tollway_eval_quarantined == 1",
        "{{ $labels.evaluator }} fails on {{ $labels.instance }} and has given no score for {{ $value | "
        "humanizeDuration }}",
        "All that it does comes to nothing: its judge answers nonsense or not at all, or the plugin fails on what it "
        "is given. There is too little of it for quarantine.",
        "`tollway logs --scores` has the reason of each; of a judge, `tollway logs --team evaluation` has its calls.",
    ),
    Alert(
        "TollwayEvaluationDropped",
        TICKET,
        "0m",
        risen('tollway_eval_funnel_total{step="dropped"}', "1h", "instance, evaluator"),
        "{{ $labels.evaluator }} lost sampled exchanges on {{ $labels.instance }}",
        "More was sampled than could be done, and the queue was full. Means stay right where what was dropped is like "
        "what was not, and are less certain.",
        "A lower `sample` or a `max_per_minute` for the evaluator, more `[evaluation] workers`, or a larger "
        "`max_backlog` where it is only a burst.",
    ),
)

GROUPS = {
    "tollway-reach": REACH,
    "tollway-books": BOOKS,
    "tollway-money": MONEY,
    "tollway-providers": PROVIDERS,
    "tollway-configuration": CONFIGURATION,
    "tollway-evaluation": EVALUATION,
}
