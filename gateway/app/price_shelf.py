"""Which public price list is in force in this process? The newest good one that was kept, else the bundled one."""

import asyncio
import logging
from pathlib import Path

from gateway.policies.price_file import BadPrices, Header, Reading, prepare
from gateway.policies.price_table import PriceList, bundled

FILE = "prices.json"  # in data_dir: written by the recorder, read by every process

log = logging.getLogger("tollway.prices")

Seen = tuple[int, int, int]


def kept_file(data_dir: Path) -> Path:
    """Return where the newest good list is kept."""
    return data_dir / FILE


def fingerprint(path: Path) -> Seen | None:
    """Tell one version of a file from another; None: there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Shelf:
    """The list in force. `header`: what is known of it; None: it is the bundled one."""

    def __init__(self, data_dir: Path) -> None:
        self.path = kept_file(data_dir)
        self.prices = bundled()
        self.header: Header | None = None
        self._seen: Seen | None = None
        prepare()

    async def take(self, *, refreshed: bool) -> PriceList:
        """Look what is in force now. `refreshed`: config names a source, so that a kept list counts."""
        seen = fingerprint(self.path) if refreshed else None
        if seen is None:
            self.prices, self.header = bundled(), None
        elif seen != self._seen:
            await self._load()
        self._seen = seen
        return self.prices

    async def _load(self) -> None:
        """Load the kept list in steps of a millisecond: a worker goes on serving meanwhile."""
        try:
            reading = Reading(await asyncio.to_thread(self.path.read_bytes))
            for _ in reading.steps():
                await asyncio.sleep(0)
            self.prices, self.header = reading.prices(), reading.header
        except (OSError, BadPrices) as error:
            log.error(
                "%s cannot be used: %s. %s stays in force; the next refresh writes the file anew",
                *(self.path, error, self.prices.version),
            )
