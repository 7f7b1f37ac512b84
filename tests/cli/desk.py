"""A person's desk beside a host with evaluators: commands over real files, as evaluator and recorder leave them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.evaluation.follow import Follow
from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import Queue
from gateway.evaluation.sampler import Sampler
from gateway.evaluation.watch import Watch
from gateway.policies.evaluating import Evaluating
from tests.cli.commands import store
from tests.evaluation.looking import evaluating, rule
from tests.records import NOON_MS, record

COMPANY = '[server]\ndata_dir = "data"\n'
TEAM = '[evaluation]\nevaluators = ["refusal", "slo"]\n[evaluation.of.slo]\nsample = 0\n'
UNITS = {"refusal": "exchange", "slo": "exchange"}


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """What it printed, one JSON object a line."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]

    @property
    def words(self) -> list[list[str]]:
        """What it printed, cut into words."""
        return [line.split() for line in self.out.splitlines()]


class Desk:
    """A folder with a config, and what its host has done so far."""

    def __init__(self, folder: Path, company: str = COMPANY, team: str = TEAM) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.queue_folder = folder / "data" / "evaluation"
        (folder / "teams").mkdir(exist_ok=True)
        self.write(company, team)

    def write(self, company: str = COMPANY, team: str = TEAM) -> None:
        """Write the config."""
        self.config.write_text(company)
        (self.folder / "teams" / "search.toml").write_text(team)

    def run(self, *words: str, stdin: str | None = None) -> Said:
        """Run a command of `tollway eval`."""
        line = ["eval", words[0], "--config", str(self.config), *words[1:]]
        done = CliRunner().invoke(app, line, input=stdin, prog_name="tollway")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def keep(self, *records: Record, evaluations: tuple[Evaluation, ...] = ()) -> None:
        """Let a recorder store them."""
        store(self.folder, records, evaluations)

    def evaluator(
        self,
        work: Callable[[Queue, Callable[[], None]], None] | None = None,
        units: Mapping[str, str] = UNITS,
        config: Evaluating | None = None,
    ) -> None:
        """Let an evaluator that has loaded `units` read on in the log, and do some work."""
        queue = Queue(self.queue_folder)
        for name, unit in units.items():
            queue.define(f"{name}-1", Loaded(evaluator=name, version="1.0", unit=unit), None, NOON_MS)
        used = config or evaluating(rule(), rule("slo", sample=0.0))
        sampler = Sampler(used, units, frozenset(), queue.cost)
        watch = Watch(Follow(self.folder / "data" / "store"), queue, sampler, used)

        def look() -> None:
            while watch.look(NOON_MS).is_behind:
                pass

        look()
        if work is not None:
            work(queue, look)
        queue.close()


def traffic(number: int, **fields: Any) -> list[Record]:
    """Make exchanges that end after the evaluator began."""
    return [record(NOON_MS + at, **fields) for at in range(1, number + 1)]
