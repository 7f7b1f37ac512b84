"""The store is not in the path of a request: while another process locks it nothing fails, and nothing is lost."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path

import pytest

from tests.faults.harness import Load, check_books, played
from tests.gateway import standing_before
from tests.provider import providing, until

# The long form for a release: TOLLWAY_LOCKED_S=30
LOCKED_S = float(os.environ.get("TOLLWAY_LOCKED_S", "5"))
AGENTS = 16
MIX = [(0, 0), (0, 0), (0, 0), (8, 0)]


@pytest.mark.slow
def test_a_locked_store_is_lag_and_nothing_else(tmp_path: Path) -> None:
    """While the lock is held all requests are answered and no row comes; then every row comes, in about no time."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"]) as run,
        Load(run.port, AGENTS, MIX) as load,
    ):
        run.wait_rows(1)
        load.more(1000)
        (file,) = (tmp_path / "data" / "store").glob("*.db")
        before_ms, since = load.p99_ms(), len(load.calls)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as sql:
            sql.execute("BEGIN EXCLUSIVE")
            (written,) = sql.execute("SELECT count(*) FROM exchanges").fetchone()
            time.sleep(LOCKED_S)
            (still,) = sql.execute("SELECT count(*) FROM exchanges").fetchone()
            during_ms, until_now = load.p99_ms(since), len(load.calls)
            # A line of the metrics says so.
            until(lambda: lag_s(run.metrics()) > LOCKED_S / 2, "the lag shows")
            sql.execute("ROLLBACK")
        freed_s = time.monotonic()
        until(lambda: lag_s(run.metrics()) < 1, "the recorder has caught up")
        caught_up_s = time.monotonic() - freed_s
        calls = load.stop()
        assert 0 == run.stop()

    assert written == still, "the lock was not one"
    assert until_now - since > 100, "there was no load"
    assert [] == [call for call in calls if call.fault]
    assert len(calls) == len(check_books(calls, provider.asked, tmp_path))
    print(
        f"\nlocked for {LOCKED_S:g} s: {until_now - since} requests meanwhile, p99 {during_ms:.1f} ms"
        f" (before: {before_ms:.1f} ms), caught up after {caught_up_s:.1f} s"
    )


def lag_s(metrics: str) -> float:
    """Return the age of the oldest exchange that is not in the store."""
    (line,) = (line for line in metrics.splitlines() if line.startswith("tollway_journal_lag_seconds "))
    return float(line.split()[1])
