"""When must each cause alarm, and when not? One case or more for every alert of `alerts.py`."""

from deploy.source.cases.case import WATCHED, Case, gauge, joined, rise, series


def _contract(stored: str, *, dropped: bool) -> tuple[tuple[str, str], ...]:
    shown = {
        "tollway_exchanges_accepted_total": "100x100",
        "tollway_exchanges_running": "3x100",
        "tollway_exchanges_stored_total": stored,
        "tollway_exchanges_spooled": "2x100",
    }
    lost = ((series("tollway_exchanges_dropped_total", 'reason="append_failed"'), "1x100"),) if dropped else ()
    return (*((series(name), values) for name, values in shown.items()), *lost)


_ATTEMPTS = "tollway_upstream_attempts_total"
_LAST_SUCCESS = "tollway_eval_last_success_timestamp_seconds"
_OPENAI = 'provider="openai"'

CAUSES = (
    gauge("TollwayDown", "up", 1, 0),
    Case(
        "TollwayAbsent",
        "the last host is taken out of the scrape config",
        ((series("tollway_build_info"), "1x9 _x20 1x60"),),
        (28,),
        (5, 60),
        "",
    ),
    Case(
        "TollwayNoWorker",
        "both workers are gone",
        tuple((series("tollway_worker_up", f'worker="{number}"'), "1x9 0x19 1x60") for number in (0, 1)),
        (28,),
        (5, 60),
    ),
    Case(
        "TollwayNoWorker",
        "one of two workers is left",
        (
            (series("tollway_worker_up", 'worker="0"'), "0x90"),
            (series("tollway_worker_up", 'worker="1"'), "1x90"),
        ),
        (),
        (28, 60),
    ),
    gauge("TollwayWorkerDown", "tollway_worker_up", 1, 0, 'worker="1"'),
    Case(
        "TollwayWorkersRestarting",
        "a worker dies every minute; before that one had died",
        ((series("tollway_worker_restarts_total", 'reason="crash"'), "1x9 1+1x20 21x60"),),
        (28,),
        (5, 60),
    ),
    gauge("TollwayEventLoopLag", "tollway_event_loop_lag_seconds", 0.01, 0.8, 'worker="1"'),
    *rise("TollwayJournalDropped", "tollway_journal_dropped_total", 10, 'reason="append_failed"'),
    *rise(
        "TollwayExchangesLost",
        "tollway_exchanges_dropped_total",
        10,
        'reason="append_failed"',
        joined('reason="append_failed"'),
    ),
    Case(
        "TollwayLossContractBroken",
        "five exchanges are nowhere for twenty minutes",
        _contract("94x9 89x19 94x60", dropped=True),
        (28,),
        (5, 60),
    ),
    Case(
        "TollwayLossContractBroken",
        "the same where nothing was ever dropped",
        _contract("95x9 89x19 95x60", dropped=False),
        (28,),
        (5, 60),
    ),
    gauge("TollwayJournalLag", "tollway_journal_lag_seconds", 0.2, 90),
    *rise("TollwayJournalCorrupt", "tollway_journal_records_total", 10, 'result="corrupt"'),
    Case(
        "TollwayJournalCorrupt",
        "torn ends are normal",
        ((series("tollway_journal_records_total", 'result="torn"'), "0+1x100"), WATCHED),
        (),
        (30, 60),
    ),
    Case(
        "TollwayStoreErrors",
        "commits fail for twenty minutes",
        ((series("tollway_store_errors_total", 'op="commit"'), "0x9 0+4x20 80x60"),),
        (28,),
        (5, 60),
        joined('op="commit"'),
    ),
    gauge("TollwayDiskLow", "tollway_journal_disk_free_bytes", 9e9, 1e9),
    Case(
        "TollwayDiskFilling",
        "a gigabyte goes every ten minutes, then room is made",
        ((series("tollway_journal_disk_free_bytes"), "200000000000x9 200000000000-100000000x300 500000000000x900"),),
        (250,),
        (5, 1100),
    ),
    *rise("TollwayLedgerErrors", "tollway_ledger_errors_total", 5),
    *rise("TollwayBoundExceeded", "tollway_bound_exceeded_total", 60, 'model="gpt-x"', 'job="tollway",model="gpt-x"'),
    Case(
        "TollwayBudgetNearLimit",
        "two hosts show the same budget: it is used to 95 %, not to 190",
        tuple(
            (f'tollway_budget_{what}_usd{{job="tollway",instance="{host}",budget="search/day"}}', values)
            for host in "ab"
            for what, values in (("limit", "100x90"), ("spent", "50x9 95x19 0x60"))
        ),
        (28,),
        (5, 60),
        'job="tollway",budget="search/day"',
    ),
    Case(
        "TollwayBudgetNearLimit",
        "a budget of requests is nearly used up, and half of its money",
        (
            (series("tollway_budget_limit_usd", 'budget="search/day"'), "100x90"),
            (series("tollway_budget_spent_usd", 'budget="search/day"'), "50x90"),
            (series("tollway_budget_limit_requests", 'budget="search/day"'), "1000x90"),
            (series("tollway_budget_spent_requests", 'budget="search/day"'), "100x9 990x19 0x60"),
        ),
        (28,),
        (5, 60),
        'job="tollway",budget="search/day"',
    ),
    Case(
        "TollwayBudgetNearLimit",
        "a budget whose limit is zero is not infinitely used",
        (
            (series("tollway_budget_limit_usd", 'budget="search/day"'), "0x90"),
            (series("tollway_budget_spent_usd", 'budget="search/day"'), "0x90"),
        ),
        (),
        (28,),
    ),
    *rise(
        "TollwayBudgetThreshold",
        "tollway_budget_thresholds_total",
        15,
        'budget="search/day",percent="80"',
        'job="tollway",budget="search/day",percent="80"',
    ),
    Case(
        "TollwayBudgetThreshold",
        "half of a budget is nothing to tell",
        (WATCHED, (series("tollway_budget_thresholds_total", 'budget="search/day",percent="50"'), "0x20 1x60")),
        (),
        (25, 30),
    ),
    *rise(
        "TollwayBudgetRefusing",
        "tollway_team_requests_total",
        15,
        'team="search",outcome="budget_blocked"',
        'job="tollway",team="search"',
    ),
    Case(
        "TollwaySpendAnomaly",
        "a team spends ten times what it did a week before, for two hours",
        # A week of 0.5 USD an hour, then 6 USD an hour.
        ((series("tollway_cost_usd_total", 'team="search"'), "0+0.00833x10200 85+0.1x120 97+0.00833x300"),),
        (10_300,),
        (10_100, 10_550),
        'job="tollway",team="search"',
    ),
    Case(
        "TollwaySpendAnomaly",
        "cents are no anomaly",
        ((series("tollway_cost_usd_total", 'team="search"'), "0+0.0001x10200 1.02+0.01x120 2.22+0.0001x300"),),
        (),
        (10_300,),
    ),
    *rise(
        "TollwayUnpriced",
        "tollway_unpriced_requests_total",
        60,
        'provider="openai",model="mine"',
        'job="tollway",provider="openai",model="mine"',
    ),
    Case(
        "TollwayUsageMissing",
        "a provider tells no usage for an hour; streams that are cut do not count",
        (
            (series("tollway_requests_total", _OPENAI), "0+10x400"),
            (series("tollway_usage_missing_total", f'{_OPENAI},reason="no_usage_field"'), "0x99 0+5x60 300x300"),
            (series("tollway_usage_missing_total", f'{_OPENAI},reason="stream_cut"'), "0+9x400"),
        ),
        (150,),
        (90, 300),
        f'job="tollway",{_OPENAI}',
    ),
    *rise("TollwayJobsLapsed", "tollway_jobs_total", 1440, 'state="lapsed"'),
    Case(
        "TollwayPricesStale",
        "prices cannot be fetched for two hours",
        ((series("tollway_prices_last_refresh_successful"), "1x9 0x120 1x60"),),
        (100,),
        (5, 50, 180),
    ),
    Case(
        "TollwayProviderFailing",
        "half of all attempts end with 5xx or nothing for twenty minutes",
        (
            (series(_ATTEMPTS, f'{_OPENAI},result="ok"'), "0+20x10 200+10x20 400+20x60"),
            (series(_ATTEMPTS, f'{_OPENAI},result="5xx"'), "0x9 0+5x20 100x60"),
            (series(_ATTEMPTS, f'{_OPENAI},result="connect"'), "0x9 0+5x20 100x60"),
            (series(_ATTEMPTS, 'provider="anthropic",result="ok"'), "0+20x100"),
        ),
        (28,),
        (5, 60),
        f'job="tollway",{_OPENAI}',
    ),
    Case(
        "TollwayProviderFailing",
        "requests of ours that are wrong are not the provider's fault",
        (
            (series(_ATTEMPTS, f'{_OPENAI},result="ok"'), "0+10x90"),
            (series(_ATTEMPTS, f'{_OPENAI},result="4xx"'), "0+50x90"),
        ),
        (),
        (28, 60),
    ),
    Case(
        "TollwayProviderLimiting",
        "a third of all attempts is answered with 429 for half an hour",
        (
            (series(_ATTEMPTS, f'{_OPENAI},result="ok"'), "0+20x100"),
            (series(_ATTEMPTS, f'{_OPENAI},result="429"'), "0x9 0+10x30 300x60"),
        ),
        (35,),
        (5, 60),
        f'job="tollway",{_OPENAI}',
    ),
    Case(
        "TollwayProviderQuotaLow",
        "tokens run out, down to 0, for twenty minutes",
        (
            (series("tollway_provider_ratelimit_remaining", f'{_OPENAI},kind="tokens"'), "100000x9 0x19 90000x60"),
            (series("tollway_provider_ratelimit_remaining", f'{_OPENAI},kind="requests"'), "500x90"),
            (series(_ATTEMPTS, f'{_OPENAI},result="ok"'), "0+20x100"),
        ),
        (28,),
        (5, 60),
        f'job="tollway",{_OPENAI},kind="tokens"',
    ),
    Case(
        "TollwayProviderQuotaLow",
        "what was left when the last request was made is no news without requests",
        (
            (series("tollway_provider_ratelimit_remaining", f'{_OPENAI},kind="tokens"'), "100000x9 0x80"),
            (series(_ATTEMPTS, f'{_OPENAI},result="ok"'), "0+20x9 180x90"),
        ),
        (),
        (28, 60),
    ),
    gauge("TollwayReloadFailed", "tollway_config_last_reload_successful", 1, 0),
    Case(
        "TollwayConfigSkew",
        "one of two workers stays behind",
        (
            (series("tollway_config_generation", 'worker="0"'), "1x9 2x80"),
            (series("tollway_config_generation", 'worker="1"'), "1x29 2x60"),
        ),
        (28,),
        (5, 60),
    ),
    Case(
        "TollwayLabelOverflow",
        "somebody makes names of models up for twenty minutes",
        (
            (
                series("tollway_metrics_label_overflow_total", 'metric="tollway_requests",label="model"'),
                "3x9 3+50x20 1003x120",
            ),
        ),
        (28,),
        (5, 110),
        joined('metric="tollway_requests",label="model"'),
    ),
    gauge("TollwayTooManySeries", "scrape_samples_scraped", 3000, 17_000),
    gauge("TollwayEvaluatorDown", "tollway_evaluator_up", 1, 0),
    gauge("TollwayEvaluatorQuarantined", "tollway_eval_quarantined", 0, 1, 'evaluator="refusal"'),
    Case(
        "TollwayEvaluationBacklog",
        "nothing is run for forty minutes, though tasks wait",
        (
            (series("tollway_eval_queue_items", 'evaluator="judge"'), "5x90"),
            (series("tollway_eval_funnel_total", 'evaluator="judge",step="run",reason=""'), "0+10x9 90x39 90+10x41"),
        ),
        (45,),
        (5, 80),
        joined('evaluator="judge"'),
    ),
    Case(
        "TollwayEvaluationBacklog",
        "the same in quarantine, which has an alert of its own",
        (
            (series("tollway_eval_queue_items", 'evaluator="judge"'), "5x90"),
            (series("tollway_eval_funnel_total", 'evaluator="judge",step="run",reason=""'), "90x90"),
            (series("tollway_eval_quarantined", 'evaluator="judge"'), "1x90"),
        ),
        (),
        (45, 80),
    ),
    Case(
        "TollwayEvaluationWithoutScores",
        "from the tenth minute on there are only errors, until the hundredth",
        (
            (series(_LAST_SUCCESS, 'evaluator="judge"'), "0+60x9 540x89 6000+60x40"),
            (series("tollway_eval_funnel_total", 'evaluator="judge",step="error",reason="judge"'), "0+1x130"),
        ),
        (90,),
        (5, 65, 120),
        joined('evaluator="judge"'),
    ),
    Case(
        "TollwayEvaluationWithoutScores",
        "one skips all that it is given, another is in quarantine",
        (
            (series(_LAST_SUCCESS, 'evaluator="tools"'), "0x130"),
            (series("tollway_eval_funnel_total", 'evaluator="tools",step="error",reason="crash"'), "1x130"),
            (series("tollway_eval_funnel_total", 'evaluator="tools",step="skipped",reason="no_tools"'), "0+1x130"),
            (series(_LAST_SUCCESS, 'evaluator="judge"'), "0x130"),
            (series("tollway_eval_funnel_total", 'evaluator="judge",step="error",reason="judge"'), "0+1x130"),
            (series("tollway_eval_quarantined", 'evaluator="judge"'), "1x130"),
        ),
        (),
        (70, 90, 120),
    ),
    *rise(
        "TollwayEvaluationDropped",
        "tollway_eval_funnel_total",
        60,
        'evaluator="judge",step="dropped",reason="backlog"',
        joined('evaluator="judge"'),
    ),
)
