"""A newer list comes in whole, or the old one stays and somebody is told why."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from gateway.app.price_refresh import RETRY_S, Refresher
from gateway.app.price_shelf import Shelf
from gateway.policies import price_file
from gateway.policies.price_table import bundled
from gateway.policies.snapshot import PriceSource
from tests.app.test_price_shelf import keep, price
from tests.prices import SMALL, source
from tests.provider import LIMIT_S, Answer, Provider, answer, providing

AT_S = 1_795_600_000.0
BUNDLED = 2_500_000
GOOD = source(model="gpt-4o", input_mtok=7)


@pytest.fixture
def server() -> Iterator[Provider]:
    """An HTTP server."""
    with providing() as server:
        yield server


class Run:
    """A refresher that runs, and what it says."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.shelf = Shelf(folder)
        self.refresher = Refresher(self.shelf, fetch_s=0.5, clock=lambda: AT_S)
        self._caplog = caplog
        caplog.set_level(logging.INFO)

    def said(self, level: int = logging.WARNING) -> list[str]:
        """Return its lines."""
        return [each.getMessage() for each in self._caplog.records if each.levelno == level]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + LIMIT_S
        while True:
            if holds():
                return
            assert time.monotonic() < end, self.said()
            await asyncio.sleep(0.005)


@pytest.fixture
async def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Run]:
    """Start it without a source."""
    run = Run(tmp_path, caplog)
    running = asyncio.create_task(run.refresher.run())
    yield run
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def at(server: Provider, refresh_s: float = 600.0) -> PriceSource:
    """Name a source on the server."""
    return PriceSource(f"{server.url}/data.json?token=secret", refresh_s)


async def test_a_good_list_is_kept_and_in_force(run: Run, server: Provider) -> None:
    """Checked, written, read back; a restart finds it. The URL's secrets stand nowhere."""
    server.play(answer(GOOD))
    run.refresher.follow(at(server))
    await run.until(lambda: run.refresher.succeeded)
    later = Shelf(run.shelf.path.parent)
    await later.take(refreshed=True)

    version = f"prices.json {price_file.digest(GOOD)[:8]} 2026-11-25T09:46Z"
    assert [(7_000_000, version)] * 2 == [(price(each), each.prices.version) for each in (run.shelf, later)]
    assert AT_S == run.refresher.obtained_at_s
    (said,) = run.said(logging.INFO)
    assert version in said
    assert "secret" not in said
    assert b"secret" not in run.shelf.path.read_bytes()
    assert [run.shelf.path] == list(run.shelf.path.parent.iterdir())


async def test_the_same_list_again_changes_nothing(run: Run, server: Provider) -> None:
    """No new version, no new file: nobody has to load anything."""
    server.otherwise = lambda _: answer(GOOD)
    run.refresher.follow(at(server, 0.05))
    await run.until(lambda: run.refresher.succeeded)
    written = run.shelf.path.stat()
    await run.until(lambda: len(server.asked) > 3)

    assert written == run.shelf.path.stat()
    assert 1 == len(run.said(logging.INFO))


BAD = {
    "cut JSON": (answer(GOOD[:-1000]), "no JSON"),
    "cut answer": (Answer(body=(GOOD,), stop_at=1000), "payload"),
    "empty": (answer(b""), "no JSON"),
    "no providers": (answer(b"[]"), "it has no models"),
    "HTML": (answer(b"<html>Please log in</html>"), "begins with b'<html>"),
    "500": (answer(GOOD, status=500), "status 500"),
    "404": (answer(b"", status=404), "status 404"),
    "slow": (Answer(body=(GOOD[:100], 5.0, GOOD[100:])), "took too long"),
    "silent": (Answer(body=(GOOD,), first=5.0), "took too long"),
    "lost": (answer(source(models=lambda models: models[::3])), "less than half of the"),
    "large": (answer(GOOD + b" " * price_file.MAX_BYTES), "larger than 32 MiB"),
    "negative": (answer(source(model="gpt-4o", input_mtok=-1)), "gpt-4o: input_mtok is not between"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_source_leaves_the_list_before_it(name: str, run: Run, server: Provider) -> None:
    """The good one stays in force, on disk and in memory; one line says why and what to do, then it is tried again."""
    bad, why = BAD[name]
    server.play(answer(GOOD), bad, bad, answer(GOOD))
    run.refresher.follow(at(server, 0.01))
    await run.until(run.said)

    assert False is run.refresher.succeeded
    assert 7_000_000 == price(run.shelf)
    version = run.shelf.prices.version
    for part in (why, f"{server.url}/data.json:", f"{version} stays in force", "[prices] source"):
        assert part in run.said()[0]
    await run.until(lambda: run.refresher.succeeded)
    assert 1 == len(run.said())
    assert "again" in run.said(logging.INFO)[-1]
    assert version == run.shelf.prices.version


async def test_the_first_list_is_measured_by_the_bundled_one(run: Run, tmp_path: Path) -> None:
    """A short list of one's own is no public price list: single prices go into the config, as the line says."""
    (tmp_path / "mine.json").write_bytes(json.dumps(SMALL).encode())
    run.refresher.follow(PriceSource(str(tmp_path / "mine.json"), 600))
    await run.until(run.said)

    assert BUNDLED == price(run.shelf)
    assert f"2 models, less than half of the {bundled().size}" in run.said()[0]
    assert "single prices can be named under [providers.NAME] prices" in run.said()[0]


async def test_a_file_is_read_again_on_schedule(run: Run, tmp_path: Path) -> None:
    """Whoever keeps it fresh need not tell anybody; a file that is gone is a bad source like any other."""
    file = tmp_path / "mine.json"
    run.refresher.follow(PriceSource(str(file), 0.05))
    await run.until(lambda: run.refresher.succeeded is False)
    assert f"there is no file {file}" in run.said()[0]
    for usd in (7, 8):
        file.write_bytes(source(model="gpt-4o", input_mtok=usd))
        await run.until(lambda usd=usd: price(run.shelf) == usd * 10**6)
    file.unlink()
    await run.until(lambda: run.refresher.succeeded is False)

    assert 8_000_000 == price(run.shelf)


async def test_nobody_there_is_a_bad_source_too(run: Run, server: Provider) -> None:
    """Down at the start: the last good list holds, and it is tried again before long, whatever the schedule."""
    keep(run.shelf.path.parent, 9)
    await run.shelf.take(refreshed=True)
    run.refresher.follow(PriceSource("http://127.0.0.1:9/data.json", 86_400))
    await run.until(run.said)

    assert 9_000_000 == price(run.shelf)
    assert f"next look in {RETRY_S:g} s" in run.said()[0]


async def test_another_source_is_looked_at_at_once(run: Run, server: Provider) -> None:
    """A corrected config need not wait for the schedule of the wrong one; without a source nothing is fetched."""
    server.otherwise = lambda _: answer(GOOD)
    run.refresher.follow(PriceSource("http://127.0.0.1:9/data.json", 86_400))
    await run.until(lambda: run.refresher.succeeded is False)
    run.refresher.follow(at(server))
    await run.until(lambda: run.refresher.succeeded)
    asked = len(server.asked)
    for followed in (at(server), None):
        run.refresher.follow(followed)
        await asyncio.sleep(0.1)
        assert asked == len(server.asked)

    assert 7_000_000 == price(run.shelf)
    assert (1, None) == (asked, run.refresher.succeeded)


async def test_a_full_disk_is_told_and_survived(run: Run, server: Provider) -> None:
    """What cannot be kept is not in force either: a restart would lose it."""
    run.shelf.path.with_suffix(".new").mkdir()
    server.play(answer(GOOD))
    run.refresher.follow(at(server))
    await run.until(run.said)

    assert BUNDLED == price(run.shelf)
    assert "Is a directory" in run.said()[0]
