"""Commands that read the log, run as a person runs them: over a config, with or without a store."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.record import Record
from gateway.core.score import Evaluation
from gateway.journal.reader import Finished
from gateway.metrics.totals import Tally
from gateway.policies.retention import Keep, Retention
from gateway.store.retention import Keeper, Knowledge
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished
from tests.scores import evaluated

ROOT = Path(__file__).parents[2]


class Result:
    """What a command printed."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def text(self) -> str:
        """What it printed, as text."""
        return self.out.decode()

    @property
    def lines(self) -> list[Any]:
        """What it printed, as one JSON object a line."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


def command(folder: Path, *arguments: str) -> list[str]:
    """Return the command line over the config of a folder."""
    config = folder / "config.toml"
    if not config.exists():
        config.write_text('[server]\ndata_dir = "data"\n')
    name, *rest = arguments
    return [sys.executable, "-m", "gateway", name, "--config", str(config), *rest]


def run(folder: Path, *arguments: str) -> Result:
    """Run a command to its end."""
    done = subprocess.run(command(folder, *arguments), capture_output=True, cwd=ROOT, timeout=60, check=False)
    return Result(done.returncode, done.stdout, done.stderr.decode())


def store(folder: Path, exchanges: Sequence[Record | Finished], evaluations: Sequence[Evaluation] = ()) -> None:
    """Put exchanges and evaluations into the store of a folder, as a recorder that has ended."""
    day_files = SqliteStore(folder / "data" / "store", Tally().count)
    batch = [one if isinstance(one, Finished) else finished(one) for one in exchanges]
    day_files.commit(batch, {}, [evaluated(one) for one in evaluations])
    day_files.close()


def remove(folder: Path, rules: Retention, after_days: int) -> None:
    """Let retention do its work in the store of a folder, so many days after the day of records."""
    day_files = SqliteStore(folder / "data" / "store", Tally().count)
    knowledge = Knowledge(lambda: rules, lambda: None, list, list, lambda balance: False)
    Keeper(day_files, knowledge, now_s=lambda: (NOON_MS + after_days * DAY_MS) / 1000).finish()
    day_files.close()


def remove_bodies(folder: Path) -> None:
    """Let retention remove all bodies."""
    remove(folder, Retention(Keep(None, 1)), 2)
