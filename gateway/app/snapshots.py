"""What does the supervisor's message mean here? Texts and the price list in force, compiled for this process."""

from collections.abc import Mapping

from gateway.app import channel
from gateway.app.price_shelf import Shelf
from gateway.config import compile
from gateway.config.load import Config, parse
from gateway.policies.snapshot import Snapshot


class Snapshots:
    """Make the snapshots of one process. `shelf` lies in the data directory of the first of them.

    `config`: the newest that was made a snapshot of, as it is written.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.shelf: Shelf
        self.config: Config
        self._env = env

    async def first(self, message: channel.Config) -> Snapshot:
        """Make the one to begin with; raise ConfigError."""
        self.shelf = Shelf(parse(message.sources, self._env, message.root).data_dir)
        return await self.of(message)

    async def of(self, message: channel.Config) -> Snapshot:
        """Make the one of a generation; raise ConfigError."""
        config = parse(message.sources, self._env, message.root)
        listed = await self.shelf.take(refreshed=config.company.prices.source is not None)
        snapshot = compile.snapshot(config, self._env, message.generation, listed, message.judge_keys)
        self.config = config
        return snapshot
