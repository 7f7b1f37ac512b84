"""The config in force: loaded once, replaced only by a better one, watched for changes."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from watchfiles import awatch

from gateway.app import channel
from gateway.app.judge_keys import JudgeKeys
from gateway.app.price_shelf import Seen, fingerprint, kept_file
from gateway.config import compile
from gateway.config.judges import judging
from gateway.config.load import TEAMS, Config, Sources, parse, read, team_files
from gateway.config.problems import ConfigError
from gateway.policies.snapshot import Address, Server, Snapshot

log = logging.getLogger("tollway.config")

# The kernel tells of changes in the two folders. Looking twice a second finds the others: links, network file systems.
POLL_MS = 500
TOLD_MOST = 9  # problems of one config that are told one by one: with the one that counts the others, no flood
SETTLE_MS = 50  # an editor's several writes are one change
NEEDS_RESTART = ("listen", "admin", "workers", "data_dir", "store_dir", "full_text", "tls_cert", "tls_key")


class Live:
    """The newest config that was sound. `problems`: why the last reload failed; empty when it went well."""

    def __init__(self, file: Path, env: Mapping[str, str], *, required: bool) -> None:
        """Load for the first time; raise ConfigError."""
        self.file = file.absolute()
        self.root = self.file.parent
        self.generation = 0
        self.problems: tuple[str, ...] = ()
        self.sources: Sources
        self.config: Config
        self.snapshot: Snapshot
        self._env = env
        self._judge_keys = JudgeKeys()
        self._required = required
        self._seen: dict[Path, Seen]
        self._prices: Path | None = None  # the kept price list, where config names a source of newer ones
        self._started_with: Server
        while not self._load():
            continue

    def message(self) -> channel.Config:
        """Return what children are told."""
        return channel.Config(
            generation=self.generation,
            sources=self.sources,
            root=str(self.root),
            judge_keys=self._judge_keys.digests(self._judging),
        )

    def judges(self, address: Address) -> channel.Judges:
        """Return what the evaluator is told besides. `address`: where agents connect."""
        server = self.snapshot.server
        scheme = "https" if server.tls_cert else "http"
        return channel.Judges(
            f"{scheme}://{_reachable(address)}", self._judge_keys.of(self._judging), ca_file=server.tls_cert
        )

    @property
    def _judging(self) -> list[str]:
        return [plugin.name for plugin in judging(self.snapshot.evaluating)]

    def reload(self, *, force: bool = False) -> bool:
        """Look for a change and take it over if it is sound; tell whether there was anything to look at."""
        seen = _seen(self._watched())
        if seen == self._seen and not force:
            return False
        try:
            if not self._load():
                return False
        except ConfigError as error:
            if self._prices and seen.get(self._prices) != self._seen.get(self._prices):
                self.generation += 1  # the same texts, and yet new prices
            self._seen = seen
            self.problems = tuple(map(str, error.problems))
            for problem in self.problems[:TOLD_MOST]:
                log.error("config refused, the one before it stays in force: %s", problem)
            if (more := len(self.problems) - TOLD_MOST) > 0:
                log.error("config refused for more problems: `tollway check` lists all", extra={"more": more})
            return True
        self.problems = ()
        self._report()
        return True

    async def changes(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Yield whenever something may have changed, until `stop`."""
        while not stop.is_set():
            folders = self._folders()
            watch = awatch(
                *folders,
                watch_filter=None,
                recursive=False,
                stop_event=stop,
                debounce=4 * SETTLE_MS,
                step=SETTLE_MS,
                rust_timeout=POLL_MS,
                yield_on_timeout=True,
            )
            try:
                async with contextlib.aclosing(watch):
                    async for _ in watch:
                        yield
                        if self._folders() != folders:
                            break
            except OSError as error:
                log.warning("cannot watch the config's folders, looking twice a second instead", extra={"error": error})
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_MS / 1000)
                yield

    def _load(self) -> bool:
        """Take the files over; False: one was being written, and half a file can be a sound config, too."""
        seen = _seen(self._texts())
        sources = read(self.file, required=self._required)
        config = parse(sources, self._env, self.root)
        snapshot = compile.snapshot(config, self._env, self.generation + 1)
        if _seen(self._texts()) != seen:
            return False
        self.sources, self.config, self.snapshot = sources, config, snapshot
        if self.generation == 0:
            self._started_with = snapshot.server
        self._prices = kept_file(Path(self._started_with.data_dir)) if snapshot.price_source else None
        self._seen = seen | _seen([self._prices] if self._prices else [])
        self.generation += 1
        # A file that was there and is gone is a mistake, not a wish for the built-in defaults.
        self._required = self._required or self.file.name in sources
        return True

    def _report(self) -> None:
        company = self.config.company
        sizes = {"teams": len(self.config.teams), "providers": len(company.providers), "routes": len(company.routes)}
        log.info("config reloaded", extra={"generation": self.generation, **sizes})
        for warning in compile.warnings(self.config, self._env, self.snapshot):
            log.warning("config: %s", warning)
        for name in NEEDS_RESTART:
            if getattr(self.snapshot.server, name) != getattr(self._started_with, name):
                log.warning("config: a changed %s takes effect at the next start", name)

    def _folders(self) -> list[Path]:
        wanted = [self.root, self.root / TEAMS, *([self._prices.parent] if self._prices else [])]
        return [folder for folder in dict.fromkeys(wanted) if folder.is_dir()]

    def _texts(self) -> list[Path]:
        return [self.file, *team_files(self.root)]

    def _watched(self) -> list[Path]:
        return [*self._texts(), *([self._prices] if self._prices else [])]


def _seen(paths: Iterable[Path]) -> dict[Path, Seen]:
    return {path: seen for path in paths if (seen := fingerprint(path)) is not None}


def _reachable(address: Address) -> Address:
    """Return where this machine reaches itself: who listens on all addresses listens on loopback, too."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host), address.port)  # noqa: S104
