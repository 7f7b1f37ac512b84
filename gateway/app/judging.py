"""The judges of the evaluator's process: where they are reached, by which key, at which price, as config says now."""

import time
from pathlib import Path

from gateway.app.channel import Judges
from gateway.config.judges import judging
from gateway.evaluation.judge import Bench, JudgeDesk
from gateway.evaluation.judge_bench import benches, pricing
from gateway.evaluation.judge_cache import JudgeCache
from gateway.evaluation.protocol import Answered, Asking
from gateway.policies.snapshot import Snapshot


class Judging:
    """Asks for plugins. `told`: what the supervisor said last; it is in force from the next config on."""

    def __init__(self, folder: Path, told: Judges) -> None:
        self.told = told
        self._snapshot: Snapshot | None = None
        self._cache = JudgeCache(folder / "judge.db", time.time)
        self._desk = JudgeDesk(self._cache, self._price)

    async def follow(self, snapshot: Snapshot) -> None:
        """Take a config over."""
        self._snapshot = snapshot
        plugins = judging(snapshot.evaluating)
        await self._desk.use(
            self.told.url, benches(plugins, self.told.keys, snapshot.routing), ca_file=self.told.ca_file
        )

    async def ask(self, asking: Asking, team: str) -> Answered:
        """Get a verdict for an exchange of `team`."""
        return await self._desk.ask(asking, team)

    async def end(self) -> None:
        """Let go of connections and files."""
        await self._desk.close()
        self._cache.close()

    def _price(self, bench: Bench, provider: str | None, answer: bytes) -> int:
        if self._snapshot is None:
            return 0
        return pricing(self._snapshot.routing, self._snapshot.prices, time.time)(bench, provider, answer)
