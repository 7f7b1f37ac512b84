"""What a scrape costs, and for how long it holds the recorder's event loop up.

    python -m bench.scrape [--series 10000] [--rounds 5]

Fills the metrics with so many samples as diverse traffic would, serves them as the recorder does, and scrapes from
another process, while a thread goes on counting records. Prints the CPU of making a page, its size, how long the
scraper waited, and how late a loop that turns every millisecond was; beside it the same without scrapes, and with the
page made on the loop, in one go.
"""

import argparse
import asyncio
import itertools
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from statistics import median

from aiohttp import web

from gateway.admin.scrape import PATH, scrape
from gateway.app.recorder import SWITCH_S
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.metrics.bounds import Bounds
from gateway.metrics.debts import TotalKey
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally

_FETCH = """
import sys, time, urllib.request
begun = time.perf_counter()
urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})).read()
print(time.perf_counter() - begun)
"""
TEAMS, ROUTES, PROVIDERS, MODELS = 40, 20, 8, 150
TICK_S = 0.001
PAUSE_S = 1.1  # a page is kept for a second


def traffic() -> Iterator[Record]:
    """Give records of a large company, without end."""
    chance = random.Random(7)
    for number in itertools.count():
        yield Record(
            id=f"{number:036x}", started_at="2026-11-23T12:00:00.000000Z", team=f"team{chance.randrange(TEAMS)}",
            key="ci", route=f"route{chance.randrange(ROUTES)}", provider=f"provider{chance.randrange(PROVIDERS)}",
            endpoint="chat", model_requested="m", model_served=f"model-{chance.randrange(MODELS)}",
            stream=chance.random() < 0.5, status=200, outcome=chance.choice(("ok", "ok", "ok", "timeout", "cancelled")),
            usage=Usage(input_total=chance.randrange(9_000), output_total=chance.randrange(900)), cost_nano_usd=7,
            usage_source="provider", price_source="config", first_token_ms=chance.random() * 900,
            duration_ms=900 + chance.random() * 9_000, overhead_us=chance.randrange(2_000),
        )  # fmt: skip


class Recorder:
    """What is counted, and a thread that goes on counting."""

    def __init__(self, samples: int) -> None:
        self.tally = Tally(bounds=Bounds(most_label_sets=sys.maxsize, most_samples=samples))
        self._totals: Counter[TotalKey] = Counter()
        self._lock = threading.Lock()
        self._traffic = traffic()
        self._done = threading.Event()
        while self.samples < samples - 20:
            self._count(500)
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    @property
    def samples(self) -> int:
        """How many there are."""
        page = Exposition(self.totals, lambda _: {}, self.tally).render("").body
        return sum(not line.startswith(b"#") for line in page.splitlines())

    def totals(self) -> dict[TotalKey, int]:
        """Return a copy, as the store does."""
        with self._lock:
            return dict(self._totals)

    def stop(self) -> None:
        """End the thread."""
        self._done.set()
        self._thread.join()

    def _count(self, records: int) -> None:
        counted = self.tally.count(itertools.islice(self._traffic, records))
        with self._lock:
            self._totals.update(counted)

    def _go(self) -> None:
        while not self._done.wait(0.2):
            self._count(100)


async def late_at_most_ms(work: Awaitable[object]) -> float:
    """Turn the loop until `work` is done; return how late a turn was because of this process.

    That is the CPU that other threads took meanwhile, or the loop itself: what other processes take says nothing.
    """
    task = asyncio.ensure_future(work)
    worst = 0.0
    while not task.done():
        begun, spent = time.perf_counter(), time.process_time()
        await asyncio.sleep(TICK_S)
        worst = max(worst, min(time.perf_counter() - begun - TICK_S, time.process_time() - spent))
    await task
    return worst * 1000


async def fetch(port: int) -> float:
    """Scrape from another process; return how long that took in milliseconds."""
    command = (sys.executable, "-c", _FETCH, f"http://127.0.0.1:{port}{PATH}")
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    return float(said) * 1000


async def measure(samples: int, rounds: int) -> None:
    """Do it, and print what comes out."""
    recorder = Recorder(samples)
    exposition = Exposition(recorder.totals, lambda _: {}, recorder.tally)
    app = web.Application()
    app.add_routes([web.get(PATH, scrape(exposition))])
    runner = web.AppRunner(app)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    quiet_ms = [await late_at_most_ms(asyncio.sleep(PAUSE_S)) for _ in range(rounds)]
    waited_ms, scraped_ms = [], []
    for _ in range(rounds):
        scraping = asyncio.ensure_future(fetch(port))
        scraped_ms.append(await late_at_most_ms(scraping))
        waited_ms.append(scraping.result())
        await asyncio.sleep(PAUSE_S)
    await runner.cleanup()
    await _print_page(recorder, exposition)
    for name, found in (
        ("scraper waited", waited_ms),
        ("loop late, scraped", scraped_ms),
        ("loop late, without", quiet_ms),
    ):
        print(f"{name:20}{median(found):8.1f} ms usually, {max(found):.1f} ms at most")
    recorder.stop()


async def _print_page(recorder: Recorder, exposition: Exposition) -> None:
    fresh = Exposition(recorder.totals, lambda _: {}, recorder.tally, fresh_s=0)
    fresh.render("")

    async def in_one_go(render: Callable[[str], object]) -> None:
        await asyncio.sleep(0.01)
        render("")

    began_s = time.thread_time()
    page = fresh.render("")
    cpu_ms = (time.thread_time() - began_s) * 1000
    on_loop_ms = await late_at_most_ms(in_one_go(fresh.render))
    packed = exposition.render("", packed=True).body
    print(f"samples             {recorder.samples:8,}")
    print(f"page                {len(page.body) / 1024:8.0f} KiB, {len(packed) / 1024:.0f} KiB by gzip")
    print(f"CPU                 {cpu_ms:8.1f} ms")
    print(f"made on the loop    {on_loop_ms:8.1f} ms late")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000, help="how many samples")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    asyncio.run(measure(arguments.series, arguments.rounds))


if __name__ == "__main__":
    main()
