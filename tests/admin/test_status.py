"""One page says whether everything is well: processes, journal, store and ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.metrics import catalogue
from tests.admin.parts import COMPANY, ENV, Port, serving
from tests.records import NOON_MS, finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path, COMPANY, ENV) as port:
        yield port


async def test_how_everything_is(port: Port) -> None:
    """As the metrics have it at this moment."""
    port.samples = {
        catalogue.WORKER_UP: [(("0",), 1.0), (("1",), 0.0)],
        catalogue.IN_FLIGHT: [(("0",), 3)],
        catalogue.CONNECTIONS: [(("0",), 5)],
        catalogue.CONFIG_GENERATION: [(("0",), 1)],
        catalogue.JOURNAL_LAG: [((), 0.25)],
        catalogue.JOURNAL_PENDING: [((), 12)],
        catalogue.JOURNAL_RECORDS: [(("applied",), 7)],
        catalogue.JOURNAL_DROPPED: [(("append_failed",), 2)],
        catalogue.LAST_APPLY: [((), NOON_MS / 1000)],
        catalogue.STORE_SIZE: [((), 4096)],
        catalogue.STORE_ERRORS: [(("commit",), 1), (("sync",), 2)],
        catalogue.JOBS_OPEN: [((), 1)],
    }
    port.store.commit([finished(record())], {})
    answer = await port.json("/api/status")

    assert (True, None, 60) == (answer["ready"], answer["why_not_ready"], answer["uptime_s"])
    processes = answer["processes"]
    assert (1, 2, 0) == tuple(processes[name] for name in ("workers_up", "workers_wanted", "recorder_restarts"))
    assert [
        {"worker": 0, "up": True, "in_flight": 3, "connections": 5, "generation": 1, "restarts": 3},
        {"worker": 1, "up": False, "in_flight": 0, "connections": 0, "generation": 0, "restarts": 0},
    ] == processes["workers"]
    assert {
        "lag_s": 0.25,
        "pending_bytes": 12,
        "frames_lost": 2,
        "records": {"applied": 7},
        "last_apply_at": "2026-11-23T12:00:00Z",
    } == answer["journal"]
    assert (4096, 1, "2026-11-23", 3, 1) == tuple(
        answer["store"][name] for name in ("size_bytes", "days", "newest_day", "errors", "jobs_open")
    )
    assert 0 == answer["ledger"]["models_barred"]


async def test_what_is_not_well_is_said(port: Port) -> None:
    """Also before anything has begun."""
    ledger, port.ledger = port.ledger, None
    port.why_not_ready = "no worker"
    answer = await port.json("/api/status")
    port.ledger = ledger

    assert (False, "no worker", None) == (answer["ready"], answer["why_not_ready"], answer["ledger"])
    assert ([], None, None) == (
        answer["processes"]["workers"],
        answer["journal"]["last_apply_at"],
        answer["store"]["oldest_day"],
    )
