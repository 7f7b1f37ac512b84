"""What Prometheus sees while processes are killed: no counter falls, every view adds up, and in the end all is true."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.metrics.board import EARLIER, RECORDER, Board
from tests.faults.harness import Load, check_books, played, processes, replaced
from tests.gateway import Gateway, standing_before
from tests.provider import providing, until

Scrape = dict[tuple[str, tuple[tuple[str, str], ...]], float]
AGENTS, KILLS = 8, 8
MIX = [(0, 0), (20, 0), (20, 5)]
ACCEPTED, STORED = ("tollway_exchanges_accepted_total", ()), ("tollway_exchanges_stored_total", ())
RUNNING, SPOOLED = ("tollway_exchanges_running", ()), ("tollway_exchanges_spooled", ())


def scrape(run: Gateway) -> Scrape:
    """Read the page; gauges too."""
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in plain(run.metrics())
        for sample in family.samples
    }


def dropped(seen: Scrape) -> float:
    """Add up what is lost."""
    return sum(value for (name, _), value in seen.items() if name == "tollway_exchanges_dropped_total")


class Scraper:
    """Scrapes again and again, while there is somebody who answers."""

    def __init__(self, run: Gateway) -> None:
        self.pages: list[Scrape] = []
        self._run = run
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._go)

    def __enter__(self) -> "Scraper":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _go(self) -> None:
        while not self._done.wait(0.2):
            try:
                self.pages.append(scrape(self._run))
            except OSError:  # the recorder is being replaced
                continue

    def falls(self) -> Iterator[str]:
        """Name every counter that was less than the time before."""
        for before, after in zip(self.pages, self.pages[1:], strict=False):
            for (name, labels), value in before.items():
                if name.endswith(("_total", "_bucket", "_count", "_sum")) and after.get((name, labels), 0) < value:
                    yield f"{name}{labels}: {value} became {after.get((name, labels))}"


@pytest.mark.slow
def test_counters_are_monotone_and_exact_over_kills(tmp_path: Path) -> None:
    """Whichever of worker and recorder is killed: what was accepted runs, is stored, on its way, or told as lost."""
    with (
        providing(played) as provider,
        standing_before(provider, tmp_path, ["openai"], server="workers = 2") as run,
        Scraper(run) as scraper,
    ):
        with Load(run.port, AGENTS, MIX) as load:
            for name in random.choices(["worker 0", "worker 1", "recorder"], k=KILLS):
                load.more(random.randint(50, 300))
                pid = processes(run)[name]
                os.kill(pid, signal.SIGKILL)
                replaced(run, name, pid)
            load.more(100)
            calls = load.stop()
        until(lambda: scrape(run)[RUNNING] == 0 and scrape(run)[SPOOLED] == 0, "everything is accounted for", 20)
        last = scrape(run)
        rows = run.rows()
        assert 0 == run.stop()
    check_books(calls, provider.asked, tmp_path)

    assert 0 == Board(tmp_path / "data" / "board").slot(RECORDER).get(EARLIER), "more was stored than was accepted"
    assert [] == list(scraper.falls())
    for page in scraper.pages:
        assert page[ACCEPTED] == page[RUNNING] + page[STORED] + page[SPOOLED] + dropped(page)
    assert len(rows) == last[STORED] == last[ACCEPTED] - dropped(last)
    assert len(rows) == sum(value for (name, _), value in last.items() if name == "tollway_requests_total")
    print(f"\n{len(scraper.pages)} scrapes, {len(rows)} rows, {dropped(last)} dropped")
