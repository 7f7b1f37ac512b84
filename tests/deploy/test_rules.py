"""The rules are valid, and each alert fires when it should, resolves, and stays quiet when it should."""

import re
from pathlib import Path

import pytest

from deploy.source.alerts import GROUPS
from deploy.source.cases.burn import BURN
from deploy.source.cases.causes import CAUSES
from deploy.source.cases.files import files
from deploy.source.promql import rehearsed, shortened
from deploy.source.rules import alerting, recording
from deploy.source.scrape import configuration
from deploy.source.slo import BURNS, OBJECTIVES
from deploy.source.yaml import dumped
from gateway.metrics.catalogue import CATALOGUE
from tests.deploy.tools import ROOT, promtool

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = [alert for group in GROUPS.values() for alert in group]
NAMES = sorted({*(alert.name for alert in ALERTS), *(objective.alert for objective in OBJECTIVES)})


def test_configuration_is_valid() -> None:
    """Prometheus takes the scrape configuration and the rules that it names, without a complaint of the linter."""
    said = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))

    assert "FAILED" not in said, said
    assert "2 rule files found" in said


def test_configuration_of_several_hosts_is_valid(tmp_path: Path) -> None:
    """Hosts are lines in a list."""
    (tmp_path / "prometheus.yml").write_text(configuration(["a:8081", "b:8081"], []))

    promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_switched_on_comments_are_valid(tmp_path: Path) -> None:
    """What the scrape configuration offers in comments works when it is switched on."""
    text = configuration(["a:8081"], [])
    text = re.sub(r"(?m)^(\s*)# (alerting:|authorization:|  [a-z_-]+:.*|    [ -].*|- .*)$", r"\1\2", text)
    text = text.replace("/etc/prometheus/tollway-token", str(tmp_path / "token"))
    (tmp_path / "token").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(text)

    assert {"authorization:", "alerting:"} <= {line.strip() for line in text.splitlines()}
    promtool("check", "config", str(tmp_path / "prometheus.yml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(files()))
def test_alerts_fire_and_resolve(name: str) -> None:
    """Every case of `deploy/source/cases` holds."""
    promtool("test", "rules", str(PROMETHEUS / "tests" / f"{name}.yml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_case(name: str) -> None:
    """No alert ships that was never seen to fire and to be quiet."""
    cases = [case for case in (*BURN, *CAUSES) if case.alert == name]

    assert any(case.fires for case in cases)
    assert any(case.quiet for case in cases)


@pytest.mark.parametrize("severity", ["page", "ticket"])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_every_burn_rate_has_a_case(objective, severity: str) -> None:  # type: ignore[no-untyped-def]
    """Both severities of every promise are seen to fire."""
    assert any(case.fires for case in BURN if (case.alert, case.severity) == (objective.alert, severity))


def test_alert_says_what_it_is_and_what_to_do() -> None:
    """Whoever is woken reads what happened, what it means, and where more stands."""
    for group in alerting()["groups"]:
        for rule in group["rules"]:
            told = rule["annotations"]

            assert rule["labels"]["severity"] in ("page", "ticket")
            assert {"summary", "description", "runbook_url"} == told.keys()
            assert 2 == len([line for line in told["description"].splitlines() if len(line) > 15]), rule["alert"]
            assert "](" not in told["description"]


@pytest.mark.parametrize("name", NAMES)
def test_runbook_exists(name: str) -> None:
    """The link of an alert leads to a heading of docs/monitoring.md."""
    headings = re.findall(r"(?m)^#+ (.*)$", (ROOT / "docs" / "monitoring.md").read_text())
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    links = {
        rule["annotations"]["runbook_url"]
        for group in alerting()["groups"]
        for rule in group["rules"]
        if rule["alert"] == name
    }

    assert {f"docs/monitoring.md#{name.lower()}"} == links
    assert 1 == anchors.count(name.lower())


def test_thresholds_of_promises_are_edges_of_buckets() -> None:
    """A promise about a time can be counted only where a bucket ends there."""
    asked = re.findall(
        r'(tollway_\w+)_bucket\{[^}]*le="([^"]+)"', " ".join(objective.errors for objective in OBJECTIVES)
    )

    assert 2 == len(asked)
    assert all(edge in CATALOGUE[name].buckets for name, edge in asked)


def test_short_windows_are_a_twelfth_of_long_ones() -> None:
    """As the SRE Workbook has it: the short window ends an alert soon after its cause has ended."""
    minutes = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}

    assert {12} == {minutes[burn.long] // minutes[burn.short] for burn in BURNS}


@pytest.mark.parametrize(
    ("expression", "short"),
    [
        ("rate(a[5m])", "rate(a[5000ms])"),
        ("a[1h] offset 1w", "a[60000ms] offset 10080000ms"),
        ("x:rate5m > 60", "x:rate5m > 60"),
        ("avg_over_time(x:rate5m[3d]) > 5", "avg_over_time(x:rate5m[4320000ms]) > 5"),
    ],
)
def test_rehearsal_shortens_windows_and_nothing_else(expression: str, short: str) -> None:
    """Names of rules and limits stay what they are."""
    assert short == rehearsed(expression, 60)
    assert expression == rehearsed(expression, 1)
    assert "5m" == shortened("5m", 1)


def test_rehearsed_rules_are_valid(tmp_path: Path) -> None:
    """The rules of the end-to-end test are these rules, faster."""
    for name, rules in (("recording", recording(75)), ("alerts", alerting(75))):
        (tmp_path / f"{name}.yml").write_text(dumped(rules))

        assert "FAILED" not in promtool("check", "rules", str(tmp_path / f"{name}.yml"))
