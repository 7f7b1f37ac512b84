"""Lanes for tests: plugins that are files here, jobs for them, and what is left over of their processes."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core import record as records
from gateway.core.record import Record
from gateway.evaluation.lane import Lane
from gateway.evaluation.protocol import Answered, Asking, Job, Kept
from gateway.policies.evaluating import Plugin

FOLDER = Path(__file__).parent / "hostile"
RECORD = records.encode(Record(id="e1", started_at="2026-01-01T00:00:00Z", team="t", key="k"))

linux = pytest.mark.skipif(sys.platform != "linux", reason="the measures are Linux's")


def plugin(file: str, name: str | None = None, **settings: Any) -> Plugin:
    """Configure one of the files; `params` as a dict."""
    cls = "Good" if file == "good" else "Hostile"
    params = msgspec.json.encode(settings.pop("params", {})).decode()
    return Plugin(name=name or file, use=f"file:{FOLDER / file}.py:{cls}", params=params, **settings)


def job(number: int, *evaluators: str, kept: int = 1, **fields: Any) -> Job:
    """Have an empty exchange looked at."""
    fields = {"unit": "exchange", "kept": [Kept(record=RECORD)] * kept} | fields
    return Job(number=number, evaluators=list(evaluators), **fields)


async def nobody(_: Asking) -> Answered:
    """Stand for a judge that must not be asked."""
    raise AssertionError("nobody may ask")


@asynccontextmanager
async def lane(*plugins: Plugin, processes: int = 1, ask: Any = nobody) -> AsyncIterator[Lane]:
    """Open a lane that has loaded; close it, and see that nothing of it is left."""
    opened = Lane(plugins, processes=processes, ask=ask)
    try:
        await opened.load()
        yield opened
    finally:
        await opened.close()
    assert [] == processes_of({each.name for each in plugins})


def processes_of(names: set[str]) -> list[str]:
    """Return the processes that hold these evaluators, and whatever they started, also if it lost its parent."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            environment = (place / "environ").read_bytes()
        except OSError:
            continue
        ours = f"tollway-plugin-{os.getpid()}-".encode() in environment and b"gateway.evaluation.host" in words
        if ours and names & set(words[-1].decode().split(",")):
            found.append(place.name)
    return found
