"""A store with exchanges, and an evaluator's parts that look at it, for tests."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.core.record import Record
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue import Queue
from gateway.evaluation.queue_reader import QueueReader
from gateway.evaluation.sampler import Sampler
from gateway.evaluation.task import Done, Sampled
from gateway.evaluation.watch import Watch
from gateway.metrics.totals import Tally
from gateway.policies.evaluating import Evaluating, Plugin, Rule
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished

MINUTE_MS = 60_000


def rule(evaluator: str = "refusal", team: str = "search", **fields: Any) -> Rule:
    """Make a rule that takes everything, unless it says otherwise."""
    return Rule(**{"team": team, "evaluator": evaluator, **fields})


def evaluating(*rules: Rule, plugins: Mapping[str, Plugin] | None = None, **fields: Any) -> Evaluating:
    """Make what a config with these rules says."""
    by_team: dict[str, tuple[Rule, ...]] = {}
    for each in rules:
        by_team[each.team] = (*by_team.get(each.team, ()), each)
    known = {each.evaluator: Plugin(each.evaluator, each.evaluator) for each in rules}
    return Evaluating(plugins={**known, **(plugins or {})}, rules=by_team, **fields)


def sampled(number: int = 1, evaluator: str = "refusal", **fields: Any) -> Sampled:
    """Make a target."""
    exchange = f"{NOON_MS:012x}"
    name = f"{exchange[:8]}-{exchange[8:]}-7000-8000-{number:012x}"
    usual = {
        "run": "online", "evaluator": evaluator, "team": "search", "target_type": "exchange", "target": name,
        "exchange": name, "day": "2026-11-23", "seq": number, "probability": 1.0, "reasons": ["rate"], "model": "m",
        "route": "", "outcome": "ok",
    }  # fmt: skip
    return Sampled(**{**usual, **fields})  # type: ignore[arg-type]


class Place:
    """A folder with a store, and what looks at it."""

    def __init__(
        self, folder: Path, config: Evaluating, units: Mapping[str, str] | None = None, judged: Iterable[str] = ()
    ) -> None:
        self.folder = folder
        self.store = SqliteStore(folder / "store", Tally().count)
        self.follow = Follow(folder / "store")
        self.queue = Queue(folder / "evaluation")
        self.reader = QueueReader(folder / "evaluation")
        self.units = units or {name: "exchange" for name in config.plugins}
        self.use(config, judged)

    def use(self, config: Evaluating, judged: Iterable[str] = ()) -> None:
        """Go on with another config."""
        self.config = config
        sampler = Sampler(config, self.units, frozenset(judged), self.queue.cost)
        self.watch = Watch(self.follow, self.queue, sampler, config)

    def store_all(self, *records: Record) -> None:
        """Let the recorder store some exchanges."""
        self.store.commit([finished(each) for each in records], {})

    def look(self, now_ms: int = NOON_MS) -> None:
        """Look until there is nothing more."""
        while self.watch.look(now_ms).is_behind:
            pass

    def targets(self, now_ms: int = NOON_MS, limit: int = 10_000) -> list[Sampled]:
        """Take all tasks, and finish them."""
        tasks = self.queue.due(limit, now_ms, ())
        self.queue.finish([Done(task, "ok", None, 1) for task in tasks])
        return [task.sampled for task in tasks]

    def close(self) -> None:
        """Close all files."""
        self.store.close()
        self.queue.close()
