"""What does the store cost at size, and how soon does it answer? Rows are made up and written by the store itself.

    python -m bench.store --rows 1000000 --folder DIR [--days 30] [--bodies 0.05] [--parts write,ask,remove]

Prints how fast rows go in, what they take on the disk (without bodies, and with), how long typical questions take (the
first time, and the median of several), and what retention takes: bodies of all teams, rows of one team, whole days;
with the longest of its steps, during which nothing else is recorded. A folder that has rows is used as it is.
"""

import argparse
import asyncio
import resource
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.rows import DAY_S, MODELS, TEAMS, Rows
from gateway.metrics.totals import Tally
from gateway.policies.retention import Keep, Retention
from gateway.store.interface import Query
from gateway.store.reader import StoreReader
from gateway.store.retention import Keeper, Knowledge
from gateway.store.sqlite import SqliteStore

BATCH = 1_000  # what a busy gateway's recorder commits at once
SAMPLE = 20_000  # rows that all have their bodies
ROUNDS = 5
PROGRESS_S = 5.0
DAY_MS = DAY_S * 1000


class Progress:
    """Says now and then how far it is."""

    def __init__(self) -> None:
        self._said_s = time.monotonic()

    def say(self, text: str) -> None:
        """Say it, unless something was said a moment ago."""
        if time.monotonic() - self._said_s >= PROGRESS_S:
            self._said_s = time.monotonic()
            print(f"    … {text}", flush=True)


def fill(folder: Path, rows: Rows, days: range) -> tuple[int, float]:
    """Write days; return how many rows, and the seconds that the store took of it."""
    store = SqliteStore(folder, Tally([model for *_, model in MODELS]).count)
    progress = Progress()
    written, spent_s = 0, 0.0
    for day in days:
        for batch in rows.of_day(day, BATCH):
            begun_s = time.perf_counter()
            store.commit(batch, {})
            spent_s += time.perf_counter() - begun_s
            written += len(batch)
            progress.say(f"{written:,} rows, {written / spent_s:,.0f} rows/s")
        begun_s = time.perf_counter()
        store.sync()
        spent_s += time.perf_counter() - begun_s
    store.close()
    return written, spent_s


def size(folder: Path) -> int:
    """Return the bytes of all files."""
    return sum(path.stat().st_size for path in folder.glob("*.db*"))


def report_writing(folder: Path, rows: int, days: int, share: float) -> None:
    """Fill a folder, and another one with nothing but whole exchanges."""
    today = int(time.time()) // DAY_S
    per_day = rows // days
    written, spent_s = fill(folder, Rows(per_day, share), range(today - days + 1, today + 1))
    _say("rows", f"{written:,} in {days} days, {share:.0%} of them with bodies")
    _say("written", f"{written / spent_s:,.0f} rows/s, {spent_s / written * 1e6:.1f} us a row")
    _say("size", f"{size(folder) / 1e9:.2f} GB, {size(folder) / written:,.0f} bytes a row")
    for name, of_sample in (("without bodies", 0.0), ("with bodies", 1.0)):
        sample = folder / "sample"
        written, spent_s = fill(sample, Rows(SAMPLE, of_sample), range(today, today + 1))
        each = f"{spent_s / written * 1e6:.1f} us and {size(sample) / written:,.0f} bytes a row"
        _say(name, f"{each} ({written:,} rows in a file of their own)")
        shutil.rmtree(sample)


class Question(NamedTuple):
    """What somebody asks."""

    name: str
    ask: Callable[[StoreReader], Awaitable[object]]


async def questions(reader: StoreReader) -> list[Question]:
    """Think of what people ask, about what there is."""
    (newest,) = (await reader.exchanges(Query(limit=1))).records
    now_ms = int(time.time() * 1000)
    month_ms, day_ms = now_ms - 30 * DAY_MS, now_ms - DAY_MS
    page = {
        "newest 50": Query(),
        "… of a team": Query(team=TEAMS[3]),
        "… of a model": Query(model=MODELS[7][3]),
        "… of a session": Query(session=newest.session),
        "… of a session that is not there": Query(session="nobody's"),
        "… of a user": Query(user=newest.user),
        "… that failed": Query(outcome="upstream_error"),
        "… of a team that timed out": Query(team=TEAMS[5], outcome="timeout"),
        "… slower than nearly all": Query(min_duration_ms=90_000.0),
        "… dearer than there is any": Query(min_cost_nano_usd=10**12),
        "… of two weeks ago": Query(until_ms=now_ms - 14 * DAY_MS),
    }
    asked = [Question(name, lambda reader, query=query: reader.exchanges(query)) for name, query in page.items()]
    slow = Query(min_duration_ms=29_000.0)
    asked.append(Question("how many are as slow as 1 in 2,000", lambda reader: reader.count(slow)))
    asked.append(Question("one exchange", lambda reader: reader.exchange(newest.id)))
    month = Query(since_ms=month_ms)
    for by in ("team", "model", "user", "session", "tag", "day"):
        asked.append(Question(f"spend of 30 days by {by}", lambda reader, by=by: reader.spend(by, month, limit=50)))
    last = Query(since_ms=day_ms)
    asked.append(Question("series of a day by hour", lambda reader: reader.series(last, "hour", "team")))
    asked.append(Question("series of 30 days by day", lambda reader: reader.series(Query(since_ms=month_ms), "day")))
    return asked


async def report_questions(folder: Path) -> None:
    """Ask them; the first time of each is shown apart, since files may have to be read from the disk then."""
    reader = StoreReader(folder, deadline_s=600)
    for question in await questions(reader):
        took_ms = []
        for _ in range(ROUNDS):
            begun_s = time.perf_counter()
            await question.ask(reader)
            took_ms.append((time.perf_counter() - begun_s) * 1000)
        _say(question.name, f"{statistics.median(took_ms):8.1f} ms, the first time {took_ms[0]:8.1f} ms")


def report_retention(folder: Path, days: int) -> None:
    """Let it remove bodies of all teams, rows of one team, and most of the days, each in a pass of its own."""
    third = max(1, days // 3)
    for name, rules in (
        (f"bodies older than {third} days", Retention(Keep(None, third))),
        (f"one team's rows older than {third} days", Retention(Keep(None, third), {TEAMS[0]: Keep(third, third)})),
        (f"days older than {third} days", Retention(Keep(third, third))),
    ):
        before = size(folder)
        store = SqliteStore(folder, Tally().count)
        knowledge = Knowledge(lambda rules=rules: rules, lambda: None, list, list, lambda balance: False)
        keeper = Keeper(store, knowledge)
        steps_ms = list(_steps(keeper))
        removed = {labels[0]: value for (name, labels, _), value in store.totals().items() if "retention" in name}
        store.close()
        freed = (before - size(folder)) / 1e9
        _say(name, f"{sum(steps_ms) / 1000:.1f} s in {len(steps_ms):,} steps, {freed:.2f} GB freed; so far {removed}")
        _say("  a step", f"{statistics.median(steps_ms):.1f} ms, p99 {_p99(steps_ms):.1f}, longest {max(steps_ms):.1f}")
        longest_ms = 1000 * max(keeper.rows.longest_s, keeper.pages.longest_s)
        _say("  of them transactions of a day file", f"longest {longest_ms:.1f} ms")


def _steps(keeper: Keeper) -> Iterator[float]:
    progress = Progress()
    keeper.hurry()
    more = True
    while more:
        begun_s = time.perf_counter()
        more = keeper.step()
        yield (time.perf_counter() - begun_s) * 1000
        progress.say("removing")


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def _say(what: str, said: str) -> None:
    print(f"{what:40} {said}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--bodies", type=float, default=0.05, help="share of rows with bodies (default: %(default)s)")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--parts", default="write,ask,remove", help="what to do (default: %(default)s)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    parts = arguments.parts.split(",")
    if "write" in parts and not list(folder.glob("*.db")):
        report_writing(folder, arguments.rows, arguments.days, arguments.bodies)
    if "ask" in parts:
        asyncio.run(report_questions(folder))
    if "remove" in parts:
        report_retention(folder, arguments.days)
    _say("memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
