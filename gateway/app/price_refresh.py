"""How does a newer price list come in? The recorder fetches it, checks all of it, and then replaces the old one."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

import gateway
from gateway.app.price_shelf import Shelf
from gateway.policies.price_file import MAX_BYTES, BadPrices, check, digest, header_of, kept
from gateway.policies.snapshot import PriceSource

FETCH_S = 30.0
RETRY_S = 300.0  # after a failure, where the schedule is slower

log = logging.getLogger("tollway.prices")


class Refresher:
    """Follow the source that config names. `succeeded`: how the last look at it went; None: there was none."""

    def __init__(self, shelf: Shelf, *, fetch_s: float = FETCH_S, clock: Callable[[], float] = time.time) -> None:
        self.succeeded: bool | None = None
        self._shelf = shelf
        self._fetch_s = fetch_s
        self._clock = clock
        self._source: PriceSource | None = None
        self._changed = asyncio.Event()
        self._complaint = ""

    @property
    def obtained_at_s(self) -> float | None:
        """When the list in force was obtained; None: it is the bundled one."""
        header = self._shelf.header
        return None if header is None else header.obtained_at

    def follow(self, source: PriceSource | None) -> None:
        """Follow another source from now on, or none."""
        if source != self._source:
            self._source = source
            self.succeeded = None
            self._changed.set()

    async def run(self) -> None:
        """Look at the source, again and again, until cancelled."""
        while True:
            self._changed.clear()
            source = self._source
            pause_s = None if source is None else await self._look(source)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()

    async def _look(self, source: PriceSource) -> float:
        """Look once; return when to look again."""
        try:
            await self.refresh(source)
        except Exception as error:  # whatever a source is up to, the books go on with the prices that they have
            self.succeeded = False
            pause_s = min(source.refresh_s, RETRY_S)
            self._complain(source, _why(error), pause_s)
            return pause_s
        self.succeeded = True
        if self._complaint:
            self._complaint = ""
            log.info("prices are refreshed from %s again: %s is in force", source, self._shelf.prices.version)
        return source.refresh_s

    async def refresh(self, source: PriceSource) -> None:
        """Obtain the list, and replace the kept one if it is another and a good one."""
        raw = await (_fetched(source.location, self._fetch_s) if source.is_url else asyncio.to_thread(read, source))
        header = self._shelf.header
        if header is not None and header.sha256 == digest(raw):
            return
        checked = await asyncio.to_thread(check, raw, self._shelf.prices.size)
        header = header_of(checked, str(source), self._clock())
        await asyncio.to_thread(_replace, self._shelf.path, kept(header, checked))
        before = self._shelf.prices
        await self._shelf.take(refreshed=True)  # every process does so on the supervisor's word
        log.info(
            "new prices from %s: %s with %d models takes the place of %s with %d",
            *(source, header.version, header.models, before.version, before.size),
        )

    def _complain(self, source: PriceSource, why: str, pause_s: float) -> None:
        """Say once what is wrong: the schedule would make a flood of it."""
        if why != self._complaint:
            self._complaint = why
            log.warning(
                "prices were not refreshed from %s: %s. %s stays in force, next look in %g s. Correct the source or "
                "[prices] source; single prices can be named under [providers.NAME] prices",
                *(source, why, self._shelf.prices.version, pause_s),
            )


async def _fetched(url: str, limit_s: float) -> bytes:
    timeout = aiohttp.ClientTimeout(total=limit_s)
    agent = {"User-Agent": f"tollway/{gateway.__version__}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=agent) as session, session.get(url) as answer:
        if answer.status != 200:
            raise BadPrices(f"it was answered with status {answer.status}")
        body = bytearray()
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > MAX_BYTES:
                break  # `check` says so
    return bytes(body)


def read(source: PriceSource) -> bytes:
    """Read a source that is a file; raise OSError."""
    path = Path(source.location)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another, so that whoever looks sees the one or the other, whole."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return str(error) or type(error).__name__
