"""Is everything well? /api/status of the admin port: processes, journal, store and ledger on one page."""

import asyncio
import platform
from collections.abc import Mapping
from typing import Any

from aiohttp import web

import gateway
from gateway.admin.answers import bound, only, shown
from gateway.admin.sources import Sources
from gateway.core.clock import stamp
from gateway.ledger.server import Server
from gateway.metrics import catalogue
from gateway.metrics.catalogue import Metric
from gateway.metrics.render import Samples
from gateway.store.interface import Query


def routes(sources: Sources) -> list[web.RouteDef]:
    """Say what is served where."""
    return [web.get("/api/status", bound(_status, sources))]


async def _status(sources: Sources, request: web.Request) -> web.Response:
    only(request)
    reason = sources.why_not_ready()
    samples = await asyncio.to_thread(sources.samples)  # looks at files
    now_s = sources.now()
    return shown(
        {
            "version": gateway.__version__,
            "python": platform.python_version(),
            "now": stamp(now_s),
            "started_at": stamp(sources.started_s),
            "uptime_s": max(0, int(now_s - sources.started_s)),
            "ready": reason is None,
            "why_not_ready": reason,
            "config": _config(sources),
            "processes": _processes(sources, samples),
            "journal": _journal(samples),
            "store": _store(sources, samples),
            "ledger": _ledger(sources.ledger()),
        }
    )


def _config(sources: Sources) -> dict[str, Any]:
    processes = sources.processes()
    return {
        "generation": sources.snapshot().generation,
        "reload_ok": processes.reload_ok,
        "problems": len(processes.problems),
    }


def _processes(sources: Sources, samples: Samples) -> dict[str, Any]:
    processes = sources.processes()
    up, running = _by_label(samples, catalogue.WORKER_UP), _by_label(samples, catalogue.IN_FLIGHT)
    connections, generations = (
        _by_label(samples, metric) for metric in (catalogue.CONNECTIONS, catalogue.CONFIG_GENERATION)
    )
    workers = [
        {
            "worker": int(worker),
            "up": bool(alive),
            "in_flight": int(running.get(worker, 0)),
            "connections": int(connections.get(worker, 0)),
            "generation": int(generations.get(worker, 0)),
            "restarts": processes.restarts.get(f"worker {worker}", 0),
        }
        for worker, alive in up.items()
    ]
    return {
        "workers": workers,
        "workers_up": sum(worker["up"] for worker in workers),
        "workers_wanted": processes.workers,
        "recorder_restarts": processes.restarts.get("recorder", 0),
    }


def _journal(samples: Samples) -> dict[str, Any]:
    applied_s = _value(samples, catalogue.LAST_APPLY)
    return {
        "lag_s": round(_value(samples, catalogue.JOURNAL_LAG), 3),
        "pending_bytes": int(_value(samples, catalogue.JOURNAL_PENDING)),
        "frames_lost": int(sum(_by_label(samples, catalogue.JOURNAL_DROPPED).values())),
        "records": {what: int(count) for what, count in _by_label(samples, catalogue.JOURNAL_RECORDS).items()},
        "last_apply_at": stamp(applied_s) if applied_s else None,
    }


def _store(sources: Sources, samples: Samples) -> dict[str, Any]:
    days = sources.store.days(Query())
    return {
        "size_bytes": int(_value(samples, catalogue.STORE_SIZE)),
        "days": len(days),
        "oldest_day": days[0] if days else None,
        "newest_day": days[-1] if days else None,
        "errors": int(sum(_by_label(samples, catalogue.STORE_ERRORS).values())),
        "jobs_open": int(_value(samples, catalogue.JOBS_OPEN)),
    }


def _ledger(server: Server | None) -> dict[str, Any] | None:
    if server is None:
        return None
    commits, failed = server.written
    return {
        "holders": server.open_holders(),
        "holders_connected": sum(map(server.is_here, server.holders())),
        "commits": commits,
        "commits_failed": failed,
        "models_barred": len(server.bars.barred()),
    }


def _value(samples: Samples, metric: Metric) -> float:
    return sum(value for _, value in samples.get(metric, ()))


def _by_label(samples: Samples, metric: Metric) -> Mapping[str, float]:
    return {labels[0]: value for labels, value in samples.get(metric, ()) if labels}
