"""Do questions to the log, or retention, slow traffic down? A gateway over a large store, one steady load.

    python -m bench.store --rows 1000000 --folder DIR --parts write
    python -m bench.beside --folder DIR [--rate 100] [--seconds 20] [--rounds 3]

Requests come at random instants, so many in a second, whether or not earlier ones were answered. Prints p50 and p99 of
their latency alone, beside another program of the lowest priority, beside questions at the admin port (one a second,
and one after the other without a pause), and, behind all rounds and started anew, while retention removes bodies, rows
and days; and the ratios to the first. DIR loses what retention removes.
"""

import argparse
import asyncio
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from bench.busy import busy
from bench.cases import write_bodies
from bench.contenders import CHAT
from bench.gateway_config import KEY, Setup, write
from bench.processes import stop
from bench.provider import Provider, free_port
from bench.rows import TEAMS
from gateway.store.retention import FIRST_S

QUESTIONS = (
    "exchanges", f"exchanges?team={TEAMS[3]}", "exchanges?session=nobody", "exchanges?min_cost=1000",
    "exchanges?text=a%20secret&since=1d", "spend?by=model&since=30d", "spend?by=session&since=30d",
    "series?step=day&since=30d",
)  # fmt: skip
SETTLE_S = 3.0
# Does something at the admin port until an event, and returns how much.
Beside = Callable[[str, asyncio.Event], Awaitable[int]]


class Load(NamedTuple):
    """How many requests a second, how long each time, and how often."""

    rate: float
    seconds: float
    rounds: int


@dataclass
class Latency:
    """What requests took, in milliseconds, and how much else was done meanwhile, in all rounds."""

    took_ms: list[float] = field(default_factory=list)
    beside: int = 0

    def share(self, percent: int) -> float:
        """Return what so many of a hundred requests took at most."""
        return sorted(self.took_ms)[len(self.took_ms) * percent // 100]


async def load(url: str, body: bytes, rate: float, seconds: float, failed: list[int] | None = None) -> list[float]:
    """Send requests at random instants; return the milliseconds that each took. `failed`: gets the statuses of those
    that fail; without it none may."""
    took_ms: list[float] = []
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    chance = random.Random(1)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask() -> None:
            begun_s = time.perf_counter()
            async with session.post(url, data=body) as answer:
                await answer.read()
                if answer.status != 200 and failed is not None:
                    failed.append(answer.status)
                    return
                assert answer.status == 200, answer.status
            took_ms.append((time.perf_counter() - begun_s) * 1000)

        end_s = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            while time.perf_counter() < end_s:
                group.create_task(ask())
                await asyncio.sleep(chance.expovariate(rate))
    return took_ms


async def questions(admin: str, until: asyncio.Event, pause_s: float = 0.0) -> int:
    """Ask one after the other; return how many were answered."""
    answered = 0
    async with aiohttp.ClientSession() as session:
        while not until.is_set():
            async with session.get(f"{admin}/api/{QUESTIONS[answered % len(QUESTIONS)]}") as answer:
                await answer.read()
                assert answer.status in (200, 503, 504), (QUESTIONS[answered % len(QUESTIONS)], answer.status)
            answered += 1
            await asyncio.sleep(pause_s)
    return answered


async def removed(admin: str) -> int:
    """Return how much retention has removed so far."""
    async with aiohttp.ClientSession() as session, session.get(f"{admin}/metrics") as answer:
        text = await answer.text()
    return sum(int(float(value)) for value in re.findall(r"tollway_retention_removed_total\{.*\} (\S+)", text))


async def retention(admin: str, until: asyncio.Event) -> int:
    """Return how much is removed meanwhile: it begins by itself."""
    before = await removed(admin)
    await until.wait()
    return await removed(admin) - before


async def nothing(_admin: str, until: asyncio.Event) -> int:
    """Do nothing."""
    await until.wait()
    return 0


async def background(_admin: str, until: asyncio.Event) -> int:
    """Have another program run in the background."""
    with busy(1):
        await until.wait()
    return 1


async def phase(address: tuple[str, str], body: bytes, load_of: Load, beside: Beside, all_of: Latency) -> None:
    """Load the gateway while something else is done."""
    over = asyncio.Event()
    other = asyncio.ensure_future(beside(address[1], over))
    all_of.took_ms += await load(address[0] + CHAT, body, load_of.rate, load_of.seconds)
    over.set()
    all_of.beside += await other


async def rounds_of(address: tuple[str, str], body: bytes, load_of: Load, found: dict[str, Latency]) -> None:
    """Measure what is done in rounds."""
    await ready(address[1])
    await load(address[0] + CHAT, body, load_of.rate, SETTLE_S)
    for _ in range(load_of.rounds):
        for name, beside in BESIDE.items():
            await phase(address, body, load_of, beside, found[name])


async def while_removing(address: tuple[str, str], body: bytes, load_of: Load, found: dict[str, Latency]) -> None:
    """Measure beside retention, once: it begins by itself, some time after the start."""
    await ready(address[1])
    begun_s = time.monotonic()
    await load(address[0] + CHAT, body, load_of.rate, SETTLE_S)
    await asyncio.sleep(max(0.0, begun_s + FIRST_S + SETTLE_S - time.monotonic()))
    await phase(address, body, load_of, retention, found["retention"])


# What is done in each round.
BESIDE: Final[dict[str, Beside]] = {
    "alone": nothing,
    "background": background,
    "one a second": partial(questions, pause_s=1.0),
    "questions": questions,
}


def shown(found: dict[str, Latency]) -> Iterator[str]:
    """Say what came out."""
    alone = found["alone"]
    for name, one in found.items():
        ratios = f"{one.share(50) / alone.share(50):.2f} and {one.share(99) / alone.share(99):.2f} times"
        yield f"{name:12} p50 {one.share(50):6.2f} ms, p99 {one.share(99):6.2f} ms: {ratios}; {one.beside:,} {name}"


@contextmanager
def served(store: Path, provider: Provider, *, removes: bool) -> Iterator[tuple[str, str]]:
    """Run a gateway over a store; say where agents and people connect. `removes`: it keeps only the newest days."""
    agents, people = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write(folder, Setup(upstream=f"{provider.url}/v1", listen=agents, admin=people))
        kept = "retention_days = 20\nbody_retention_days = 5\n" if removes else ""
        config.write_text(f'{config.read_text()}[store]\nurl = "sqlite:{store.resolve()}"\n{kept}')
        if removes:
            (folder / "teams" / f"{TEAMS[0]}.toml").write_text("[logging]\nretention_days = 10\n")
        words = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        with (folder / "gateway.log").open("wb") as log:
            gateway = subprocess.Popen(words, process_group=0, stdout=log, stderr=log)
        try:
            yield f"http://{agents}", f"http://{people}"
        finally:
            stop(gateway)


async def ready(admin: str, patience_s: float = 60.0) -> None:
    """Wait until the gateway serves."""
    end_s = time.monotonic() + patience_s
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end_s:
            try:
                async with session.get(f"{admin}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise TimeoutError("the gateway does not become ready")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    load_of = Load(arguments.rate, arguments.seconds, arguments.rounds)
    found = {name: Latency() for name in (*BESIDE, "retention")}
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        write_bodies(folder)
        provider = Provider.start(folder, tls=False)
        cleanup.callback(provider.stop)
        body = (folder / "json.json").read_bytes()
        with served(arguments.folder, provider, removes=False) as address:
            asyncio.run(rounds_of(address, body, load_of, found))
        with served(arguments.folder, provider, removes=True) as address:
            asyncio.run(while_removing(address, body, load_of, found))
    print(*shown(found), sep="\n")


if __name__ == "__main__":
    main()
