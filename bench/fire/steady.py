"""What does admission cost where nothing is in the way? How many ask nobody, and what does a stopped recorder delay?"""

import asyncio
import re
import signal
import statistics
import time
from collections.abc import Iterator
from os import kill
from pathlib import Path
from typing import NamedTuple

from bench.fire.agents import Load
from bench.fire.asking import Call
from bench.fire.billing import billing
from bench.fire.evidence import Findings
from bench.fire.fleet import SteadyFleet
from bench.fire.stand import Stand

# Counters of the gateway: requests that came to the gate, and those of them that waited for the ledger's answer.
ADMISSIONS = "tollway_admissions_total"
ADMISSIONS_ASKED = "tollway_admissions_asked_total"
LOCAL_SHARE = 0.99
STOPPED_MS = 50.0
_AGENTS = 16


class Steadiness(NamedTuple):
    """`admissions`, `asked`: as the gateway counts them. Times of calls in ms, beside each other."""

    admissions: int
    asked: int
    failed: int
    usual: list[float]
    stopped: list[float]

    @property
    def local(self) -> float:
        """The share of admissions without a round trip."""
        return 1 - self.asked / self.admissions if self.admissions > 0 else 0.0

    def lines(self) -> Iterator[str]:
        """Write it for people."""
        yield f"steady: {self.admissions} admissions, {100 * self.local:.2f} % without a round trip"
        for name, took in (("with", self.usual), ("without", self.stopped)):
            if took:
                p99 = statistics.quantiles(took, n=100)[98]
                yield f"steady, {name} the recorder: {len(took)} calls, p99 {p99:.1f} ms, longest {max(took):.1f} ms"


async def steady(workers: int, seconds: float, folder: Path, findings: Findings) -> Steadiness:
    """Load a gateway whose budgets have plenty; stop its recorder now and then."""
    fleet = SteadyFleet(seconds, rate=1.0)
    async with billing() as provider:
        fleet.write(folder, provider.urls, workers)
        stand = await asyncio.to_thread(Stand, folder)
        with stand:
            load = Load(stand.port, _AGENTS, fleet.draw, rests_s=0.03)
            load.start()
            await asyncio.sleep(3)
            before = await _counters(stand)
            await asyncio.sleep(seconds)
            after = await _counters(stand)
            spans = await _stops(stand, seconds)
            calls = await load.stop()
    usual, stopped = ([call for call in calls if _within(call, each)] for each in spans)
    failed = [call for call in calls if call.status != 200 or call.end != "whole"]
    for call in failed:
        findings.add("at steady load: failed", f"{call.nonce}: {call.end} {call.status} {call.told[:300]}")
    admissions, asked = (after[name] - before[name] for name in (ADMISSIONS, ADMISSIONS_ASKED))
    found = Steadiness(admissions, asked, len(failed), list(map(_took_ms, usual)), list(map(_took_ms, stopped)))
    if found.local < LOCAL_SHARE:
        findings.add("at steady load: admissions take round trips", f"{100 * found.local:.2f} % do not")
    return found


def check_stops(found: Steadiness, findings: Findings) -> None:
    """A stopped recorder delays nobody by more than 50 ms, beyond twice what this machine delays somebody by itself."""
    longest = max(found.stopped, default=0.0) - 2 * max(found.usual, default=0.0)
    if longest > STOPPED_MS:
        findings.add("a stopped recorder delays requests", f"by {longest:.0f} ms")


async def _stops(stand: Stand, seconds: float) -> list[list[tuple[float, float]]]:
    """Stop the recorder every other second; return when it ran and when it did not."""
    spans: list[list[tuple[float, float]]] = [[], []]
    pid = stand.children()["recorder"]
    for turn in range(max(2, round(seconds))):
        if turn % 2:
            kill(pid, signal.SIGSTOP)
        began_s = time.time()
        try:
            await asyncio.sleep(1.0)
        finally:
            kill(pid, signal.SIGCONT)
        spans[turn % 2].append((began_s, time.time()))
        await asyncio.sleep(0.2)
    return spans


def _within(call: Call, spans: list[tuple[float, float]]) -> bool:
    return any(begin_s <= call.began_s and call.ended_s <= end_s for begin_s, end_s in spans)


def _took_ms(call: Call) -> float:
    return (call.ended_s - call.began_s) * 1000


async def _counters(stand: Stand) -> dict[str, int]:
    """Read the gateway's counters, those of all processes together."""
    await asyncio.sleep(1.0)  # they are told twice a second
    page = await asyncio.to_thread(stand.metrics)
    found = {}
    for name in (ADMISSIONS, ADMISSIONS_ASKED):
        value = re.search(rf"(?m)^{name} ([0-9.e+]+)$", page)
        found[name] = round(float(value[1])) if value else 0
    return found
