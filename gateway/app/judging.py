"""Where the evaluator's judges sit, as the config and the supervisor's word have it now."""

import time
from pathlib import Path

from gateway.app.channel import Judges
from gateway.evaluation.judge import Bench, JudgeDesk, Price
from gateway.evaluation.judge_bench import benches, pricing
from gateway.evaluation.judge_cache import JudgeCache
from gateway.evaluation.protocol import Answered, Asking
from gateway.policies.snapshot import Snapshot

FILE = "judge.db"


class Judging:
    """A judge's desk that follows the config. `told`: the last word on how judges are reached, with their keys."""

    def __init__(self, folder: Path) -> None:
        self.told = Judges(url="", keys={})
        self._cache = JudgeCache(folder / FILE, time.time)
        self._desk = JudgeDesk(self._cache, self._price)
        self._price_of: Price = _nothing

    async def use(self, snapshot: Snapshot) -> None:
        """Take a config over, and what was told with it."""
        self._cache.keep(snapshot.retention.shortest_days)
        self._price_of = pricing(snapshot.routing, snapshot.prices, time.time)
        plugins = snapshot.evaluating.plugins.values()
        seats = benches(plugins, self.told.keys, snapshot.routing)
        await self._desk.use(self.told.url, seats, self.told.ca_file)

    def tidy(self) -> None:
        """Remove verdicts whose time is over; to be called all the time."""
        self._cache.tidy()

    async def ask(self, asking: Asking, team: str) -> Answered:
        """Get a verdict about something of a team; never raises."""
        return await self._desk.ask(asking, team)

    async def close(self) -> None:
        """Let go of connections and of the cache."""
        await self._desk.close()
        self._cache.close()

    def _price(self, bench: Bench, provider: str | None, answer: bytes) -> int:
        return self._price_of(bench, provider, answer)


def _nothing(_: Bench, __: str | None, ___: bytes) -> int:
    """Price answers before there is a config."""
    return 0
