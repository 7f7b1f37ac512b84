"""How do cases become files for `promtool test rules`?"""

from typing import Any

from deploy.source.alerts import GROUPS
from deploy.source.cases.burn import BURN
from deploy.source.cases.case import Case
from deploy.source.cases.causes import CAUSES

_LONG_MINUTES = 400


def files() -> dict[str, dict[str, Any]]:
    """Give the files of tests for promtool; what takes longer is evaluated less often, to be done in seconds."""
    brief = tuple(case for case in CAUSES if max(*case.fires, *case.quiet, 0) <= _LONG_MINUTES)
    return {
        "burn": _tests(BURN, "2m"),
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
