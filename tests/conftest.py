"""Rules for the whole suite: in CI a test that skips has failed."""

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from gateway.app.compiled import advice, stale

# How long an example takes says more about the machine than about the code.
settings.register_profile("tollway", deadline=None)
settings.load_profile("tollway")

IN_CI = os.environ.get("CI") == "true"


def pytest_sessionstart() -> None:
    """Refuse to test what is no longer written."""
    if found := stale():
        pytest.exit(advice(found), 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Turn a skipped test into a failed one: everything that a test needs is installed in CI."""
    outcome = yield
    report = outcome.get_result()
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report, item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    """Turn a skipped module into an error, too."""
    outcome = yield
    _refuse_skip(outcome.get_result(), collector.nodeid)


def _refuse_skip(report: Any, name: str) -> None:
    if IN_CI and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, which CI does not allow: {reason}"
