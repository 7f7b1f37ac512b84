"""A gateway that is shot at: started with its own config, its children found and killed, its ledger watched."""

import asyncio
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bench.fire.rules import Limits, Place
from bench.processes import command_line, tree

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 60.0
WATCH_S = 0.1
FORGETS_AFTER_S = 300  # a balance that is over so long is dropped from the ledger
# What the authority has decided is in its file a moment later.
LAG_S = 0.2
_CHILD = re.compile(r"gateway\.app\.(recorder|worker \d+)")
_HOLDER = re.compile(r"(.+)-(\d{19,})\Z")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stand:
    """A running gateway on the configuration in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._output = folder / "output"
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--config", str(folder / "config.toml")],
                stdout=output,
                stderr=output,
                env=clean | {"PYTHONPATH": str(ROOT)},
            )
        self.port = int(self._waits_for(r"agents  http://127\.0\.0\.1:(\d+)"))
        self.admin_port = int(self._waits_for(r"admin   http://127\.0\.0\.1:(\d+)"))

    def __enter__(self) -> "Stand":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        if self.process.poll() is None:
            self.process.kill()  # its children follow by themselves
            self.process.wait()

    def _waits_for(self, pattern: str) -> str:
        end_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end_s and self.process.poll() is None:
            if found := re.search(pattern, self.said()):
                return found[1]
            time.sleep(0.02)
        raise RuntimeError(f"the gateway did not start:\n{self.said()}")

    def said(self) -> str:
        """Return what its processes wrote."""
        return self._output.read_text(errors="replace")

    def children(self) -> dict[str, int]:
        """Return the process ids of its children by name: `recorder`, `worker 0`, …"""
        found = {}
        for pid in tree(self.process.pid):
            if name := _CHILD.search(command_line(pid)):
                found[name[1]] = pid
        return found

    def metrics(self) -> str:
        """Return the metrics page; empty while nobody serves it."""
        try:
            with _opener.open(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def stop(self) -> int:
        """Drain it, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def audit(self) -> subprocess.CompletedProcess[str]:
        """Let the gateway's own audit look at what it wrote."""
        words = [sys.executable, "-m", "gateway", "audit", "--config", str(self.folder / "config.toml")]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(words, capture_output=True, text=True, env=environment, check=False, timeout=600)


# ==== kills ===========================================================================================================


class Strike(NamedTuple):
    """One kill. Unix times; `replaced_s`: when the next one was ready."""

    name: str
    at_s: float
    replaced_s: float


class Gun:
    """Kills children at random, and knows when."""

    def __init__(self, stand: Stand, chance: random.Random) -> None:
        self.strikes: list[Strike] = []
        self._stand = stand
        self._chance = chance

    async def fire(self, kills: int, pauses_s: tuple[float, float]) -> None:
        """Kill so many, each time another one at random."""
        while len(self.strikes) < kills:
            await asyncio.sleep(self._chance.uniform(*pauses_s))
            children = await asyncio.to_thread(self._stand.children)
            if not children:
                continue
            # Now and then two at once: the recorder while a worker's death is being cleared up.
            names = self._chance.sample(sorted(children), min(len(children), 1 + (self._chance.random() < 0.15)))
            await asyncio.gather(*(self._strike(name, children[name]) for name in names))

    async def _strike(self, name: str, pid: int) -> None:
        at_s = time.time()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        await self._replaced(name, pid)
        self.strikes.append(Strike(name, at_s, time.time()))

    async def _replaced(self, name: str, before: int) -> None:
        for _ in range(600):
            await asyncio.sleep(0.05)
            pid = (await asyncio.to_thread(self._stand.children)).get(name, before)
            if pid != before and f"child={name} pid={pid}" in self._stand.said().replace('"', ""):
                return
        raise RuntimeError(f"nobody replaced {name}:\n{self._stand.said()[-2000:]}")


# ==== the ledger's file ===============================================================================================


@dataclass(slots=True)
class Charged:
    """What the ledger's file says of a balance. `open`: its leases, of which `settled` is known to be spent."""

    spent: int = 0
    corrected: int = 0
    over_s: int = 0
    open: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All that is charged."""
        return self.spent + self.corrected + sum(self.open.values())

    @property
    def is_quiet(self) -> bool:
        """Whether all that was granted is spent."""
        return self.open == self.settled


Ledger = dict[Place, Charged]


def read_ledger(path: Path) -> Ledger:
    """Read the ledger's file, whoever writes it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)) as sql:
        sql.execute("BEGIN")
        balances = sql.execute("SELECT series, start_s, over_s, spent, corrected FROM balances").fetchall()
        leases = sql.execute("SELECT series, start_s, holder, granted, settled FROM leases").fetchall()
    found = {
        Place(series, start_s): Charged(spent, corrected, over_s)
        for series, start_s, over_s, spent, corrected in balances
    }
    for series, start_s, holder, granted, settled in leases:
        one = found.setdefault(Place(series, start_s), Charged())
        one.open[holder] = granted
        one.settled[holder] = settled
    return found


def slot_and_birth(holder: str) -> tuple[str, int]:
    """Tell from a holder's name which worker it is, and when it began in Unix nanoseconds."""
    found = _HOLDER.match(holder)
    return (found[1].replace("-", " "), int(found[2])) if found else (holder, 0)


class Sample(NamedTuple):
    """One look at the file. `holders`: who has leases."""

    at_s: float
    holders: frozenset[str]


class Watch:
    """Looks at the ledger's file all along, in a thread.

    `highest`: the most that each balance was ever charged. `within_s`: when it was last known to be within its limit.
    `last`: what was last seen of it (a balance whose window is long over is forgotten).
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.samples: list[Sample] = []
        self.highest: dict[Place, int] = {}
        self.within_s: dict[Place, float] = {}
        self.last: dict[Place, Charged] = {}
        self.unreadable = 0
        self._path = path
        self._limits = limits
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.wait(WATCH_S):
            at_s = time.time() - LAG_S
            try:
                self.look(at_s, read_ledger(self._path))
            except sqlite3.Error:
                self.unreadable += 1  # not there yet, or being recovered

    def look(self, at_s: float, ledger: Ledger) -> None:
        """Take in how it stood."""
        self.samples.append(Sample(at_s, frozenset(name for one in ledger.values() for name in one.open)))
        totals = {place: one.total for place, one in ledger.items()}
        for place, counted in self._limits.counted(totals).items():
            limit = self._limits.limit(place.series)
            self.highest[place] = max(self.highest.get(place, counted), counted)
            # Of a window that is long over the ledger forgets part by part.
            whole_until_s = ledger[place].over_s - self._limits.rolls_s(place.series) + FORGETS_AFTER_S
            if (limit is None or counted <= limit) and at_s < whole_until_s:
                self.within_s[place] = at_s
        self.last.update(ledger)

    def clear_after(self, strike: Strike) -> float:
        """Return when nothing of a killed one was to be seen any more."""
        for sample in self.samples:
            if sample.at_s < strike.replaced_s:
                continue
            if not any(self._is_of(holder, strike) for holder in sample.holders):
                return sample.at_s
        return float("inf")

    @staticmethod
    def _is_of(holder: str, strike: Strike) -> bool:
        slot, birth_ns = slot_and_birth(holder)
        return slot == strike.name and birth_ns < strike.at_s * 1e9


def windows_of(strikes: Sequence[Strike], watch: Watch, slack_s: float) -> list[tuple[float, float]]:
    """Return the times in which a kill is not cleared up: a dead worker's lease counts as spent until then."""
    return [(strike.at_s - slack_s, watch.clear_after(strike) + slack_s) for strike in strikes]
