"""When must each alert fire, and when not? Cases for `promtool test rules`, one or more for every alert.

Time is told in minutes, one sample each. Nothing depends on the edge of a window: Prometheus 2 and 3 differ by a sample
there.
"""

from typing import Any, NamedTuple

from deploy.source.alerts import GROUPS, PAGE, TICKET
from deploy.source.slo import OBJECTIVES

HOST = 'job="tollway",instance="a"'
_LONG_MINUTES = 400
# Counters count as newly born only where the host was watched before.
WATCHED = (f"tollway_build_info{{{HOST}}}", "1x3200")


class Case(NamedTuple):
    """Under these series an alert is quiet at some minutes and fires, with these labels, at others.

    `severity`: of the alerts that burn error budgets only this one is looked at.
    """

    alert: str
    about: str
    series: tuple[tuple[str, str], ...]
    fires: tuple[int, ...]
    quiet: tuple[int, ...]
    labels: str = HOST
    severity: str = ""


def series(name: str, labels: str = "") -> str:
    """Name a series of the one host."""
    return f"{name}{{{HOST}{',' if labels else ''}{labels}}}"


def gauge(alert: str, name: str, good: float, bad: float, labels: str = "") -> Case:
    """A gauge is bad for twenty minutes."""
    shown = ((series(name, labels), f"{good}x9 {bad}x19 {good}x60"),)
    return Case(alert, f"{name} is bad for twenty minutes", shown, (28,), (5, 60), _joined(labels))


def rise(alert: str, name: str, window: int, labels: str = "", shown: str = HOST) -> tuple[Case, ...]:
    """A counter rises once; another is born with its first rise. What was before the watch began says nothing."""
    at = window + 10
    fires, quiet = (at + 2,), (5, at - 3, at + window + 5)
    jump = (WATCHED, (series(name, labels), f"7x{at - 1} 9x{2 * window}"))
    birth = (WATCHED, (series(name, labels), f"_x{at} 1x{2 * window}"))
    return (
        Case(alert, f"{name} rises", jump, fires, quiet, shown),
        Case(alert, f"{name} is born", birth, fires, quiet, shown),
    )


def _joined(*labels: str) -> str:
    return ",".join(label for label in (HOST, *labels) if label)


def _requests(ok: str, failed: str, mistaken: str = "0+9x4500") -> tuple[tuple[str, str], ...]:
    name = "tollway_requests_total"
    return (
        (series(name, 'outcome="ok"'), ok),
        (series(name, 'outcome="upstream_error"'), failed),
        (series(name, 'outcome="client_error"'), mistaken),
    )


def _above(name: str, edge: str, within: str, everything: str, labels: str = "") -> tuple[tuple[str, str], ...]:
    split = f"{labels}," if labels else ""
    return ((series(f"{name}_bucket", f'{split}le="{edge}"'), within), (series(f"{name}_count", labels), everything))


def _slo(name: str) -> str:
    return f'job="tollway",slo="{name}"'


_FAILING, _SLOW, _OVERHEAD = (objective.alert for objective in OBJECTIVES)
_SUCCESS_LABELS, _SLOW_LABELS, _OVERHEAD_LABELS = (_slo(objective.name) for objective in OBJECTIVES)

BURN = (
    Case(
        _FAILING,
        "a tenth fails for 90 minutes; mistakes of callers change nothing",
        _requests("0+54x90 4860+60x200", "0+6x90 540+0x200", "0+500x290"),
        (80,),
        (150,),
        _SUCCESS_LABELS,
        PAGE,
    ),
    Case(
        _FAILING,
        "a fiftieth fails: a ticket, and nobody is woken",
        _requests("0+98x400", "0+2x400"),
        (200,),
        (),
        _SUCCESS_LABELS,
        TICKET,
    ),
    Case(_FAILING, "a fiftieth fails", _requests("0+98x400", "0+2x400"), (), (200, 300), severity=PAGE),
    Case(
        _FAILING,
        "an outage long over opens no ticket: the short window is clean",
        _requests("0+54x60 3240+60x400", "0+6x60 360+0x400"),
        (50,),
        (440,),
        _SUCCESS_LABELS,
        TICKET,
    ),
    *(
        Case(
            _FAILING, "only callers are mistaken", _requests("0+10x400", "0x400", "0+500x400"), (), (100, 200), "", each
        )
        for each in (PAGE, TICKET)
    ),
    *(
        Case(
            _FAILING,
            "counters fall to zero with a new data directory",
            _requests("90000+50x100 0+50x300", "700x100 0x300"),
            (),
            (100, 101, 103, 105, 110, 200),
            "",
            each,
        )
        for each in (PAGE, TICKET)
    ),
    *(
        Case(_FAILING, "there is no traffic", _requests("5000x400", "4000x400", "0x400"), (), (50, 150), "", each)
        for each in (PAGE, TICKET)
    ),
    Case(
        _FAILING,
        "one of three fails at night",
        _requests("5000x100 5002x200", "10x100 11x200"),
        (),
        (102, 104, 110, 150),
        severity=PAGE,
    ),
    Case(
        _SLOW,
        "four of five answers begin late",
        _above("tollway_time_to_first_token_seconds", "2.0", "0+20x90 1800+100x200", "0+100x290"),
        (80,),
        (150,),
        _SLOW_LABELS,
        PAGE,
    ),
    Case(
        _SLOW,
        "a quarter begins late",
        _above("tollway_time_to_first_token_seconds", "2.0", "0+75x400", "0+100x400"),
        (200,),
        (),
        _SLOW_LABELS,
        TICKET,
    ),
    Case(
        _OVERHEAD,
        "a fifth waits for the gateway",
        _above("tollway_overhead_seconds", "0.01", "0+80x90 7200+100x200", "0+100x290", 'phase="total"'),
        (80,),
        (150,),
        _OVERHEAD_LABELS,
        PAGE,
    ),
    Case(
        _OVERHEAD,
        "a twentieth waits for the gateway",
        _above("tollway_overhead_seconds", "0.01", "0+95x400", "0+100x400", 'phase="total"'),
        (200,),
        (),
        _OVERHEAD_LABELS,
        TICKET,
    ),
)


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
        _joined('reason="append_failed"'),
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
        _joined('op="commit"'),
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
        _joined('metric="tollway_requests",label="model"'),
    ),
    gauge("TollwayTooManySeries", "scrape_samples_scraped", 3000, 17_000),
)


def files() -> dict[str, dict[str, Any]]:
    """Give the files of tests for promtool; what takes days is evaluated less often, to be done in seconds."""
    brief = tuple(case for case in CAUSES if max(*case.fires, *case.quiet, 0) <= _LONG_MINUTES)
    return {
        "burn": _tests(BURN, "1m"),
        "causes": _tests(brief, "1m"),
        "causes-of-days": _tests(tuple(case for case in CAUSES if case not in brief), "10m"),
    }


def _tests(cases: tuple[Case, ...], interval: str) -> dict[str, Any]:
    severities = {alert.name: alert.severity for group in GROUPS.values() for alert in group}
    return {
        "rule_files": ["../rules/recording.yml", "../rules/alerts.yml"],
        "evaluation_interval": interval,
        "tests": [_test(case, case.severity or severities[case.alert]) for case in cases],
    }


def _test(case: Case, severity: str) -> dict[str, Any]:
    asked = f'ALERTS{{alertname="{case.alert}",alertstate="firing",severity="{severity}"'
    labels = f",{case.labels}" if case.labels else ""
    fired = [{"labels": f"{asked}{labels}}}", "value": 1}]
    checks = [
        {"expr": f"{asked}}}", "eval_time": f"{minute}m", **({"exp_samples": fired} if minute in case.fires else {})}
        for minute in sorted({*case.fires, *case.quiet})
    ]
    return {
        "interval": "1m",
        "name": f"{case.alert} ({severity}): {case.about}",
        "input_series": [{"series": name, "values": values} for name, values in case.series],
        "promql_expr_test": checks,
    }
