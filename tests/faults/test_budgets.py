"""Budgets hold while processes are killed: a short form of `python -m bench.budgets`; the long one is for releases."""

from pathlib import Path

import pytest

from bench.budgets import Setup, under_fire
from bench.fire.evidence import Findings
from bench.fire.steady import LOCAL_SHARE, steady
from tests.http.uv import uvloop_runner


@pytest.mark.slow
def test_budgets_hold_under_fire(tmp_path: Path) -> None:
    """Strict ones to the nano-dollar, soft ones but for what was in flight, in all three books, which agree."""
    setup = Setup(workers=2, agents=256, seconds=14, kills=8, probes=30)
    with uvloop_runner() as runner:
        report = runner.run(under_fire(setup, tmp_path))
    print("\n" + "\n".join(report.lines()))

    assert {} == report.findings.found
    assert setup.kills <= report.strikes.total()
    assert all(standing.used_up > 10 for standing in report.strict.values()), "nothing ran out: nothing was tested"
    assert report.soft is not None
    assert report.soft.used_up > 10
    assert report.refused[1] > 100, "too few refusals could be judged"


@pytest.mark.slow
def test_admission_asks_nobody_at_steady_load(tmp_path: Path) -> None:
    """Of a hundred requests at most one waits for the ledger; none fails, also while the recorder stands still."""
    findings = Findings()
    with uvloop_runner() as runner:
        found = runner.run(steady(2, 4.0, tmp_path, findings))
    print("\n" + "\n".join(found.lines()))

    assert {} == findings.found
    assert found.admissions > 100
    assert found.local >= LOCAL_SHARE
