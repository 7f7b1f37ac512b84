"""Kill an evaluator at every statement that it makes, let it begin again, and see that the end is the same.

A process of its own, as it forks: `python -m tests.evaluation.cut FOLDER [STRIDE]` prints what it saw as JSON.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from gateway.evaluation.queue_reader import QueueReader, StrataQuery
from gateway.evaluation.task import Done
from gateway.policies.evaluating import Always
from tests.evaluation.looking import MINUTE_MS, Place, evaluating, rule
from tests.records import NOON_MS, record

CONFIG = evaluating(
    rule("all"),
    rule("some", sample=0.6, per_minute=2, always=(Always("error"),), always_per_minute=1),
    rule("talk"),
    idle_s=60.0,
    backlog=9,
)
UNITS = {"all": "exchange", "some": "exchange", "talk": "conversation"}
_random = Random(1)
STEPS = [
    [
        record(
            NOON_MS + step * MINUTE_MS + number,
            session=f"s{number % 2}" if step < 3 else None,
            outcome=_random.choice(("ok", "ok", "timeout")),
        )
        for number in range(6)
    ]
    for step in range(4)
] + [[], []]


def work(folder: Path, statement: Callable[[str], None] | None = None) -> None:
    """Store, look, evaluate; begin with the step that was begun last."""
    place = Place(folder, CONFIG, UNITS)
    if statement is not None:
        place.queue._sql.set_trace_callback(statement)
    clock, journal = folder / "clock", folder / "journal"
    first = int(clock.read_text()) if clock.exists() else 0
    if not place.queue.has_begun:
        place.queue.begin({}, {}, NOON_MS)
    for step in range(first, len(STEPS)):
        clock.write_text(str(step))
        now_ms = NOON_MS + step * MINUTE_MS
        place.store_all(*STEPS[step])
        place.look(now_ms)
        while tasks := place.queue.due(4, now_ms, ()):
            with journal.open("a") as file:
                file.writelines(
                    f"{task.sampled.evaluator} {task.sampled.target} {task.sampled.probability}\n" for task in tasks
                )
            place.queue.finish([Done(task, "ok", None, 1, 5) for task in tasks])
    place.close()


def end(folder: Path) -> list[object]:
    """Say what came of it all."""
    reader = QueueReader(folder / "evaluation")
    strata = {
        " ".join(map(str, key)): [count.seen, count.sampled, count.dropped]
        for key, count in reader.strata(StrataQuery()).items()
    }
    funnel = {" ".join(key): count for key, count in reader.funnel().items()}
    return [
        sorted(set((folder / "journal").read_text().splitlines())),
        strata,
        funnel,
        reader.waiting(),
        reader.costs(),
    ]


def cut(folder: Path, at: int) -> bool:
    """Let a child work until its statement number `at`; False: it came to the end before."""
    child = os.fork()
    if child == 0:
        left = [at]

        def statement(_: str) -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        work(folder, statement)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(root: Path, stride: int) -> None:
    """Cut at each statement once, or at each so many."""
    work(root / "clean")
    clean = end(root / "clean")
    cuts, wrong, at = 0, [], 1
    while cut(folder := root / str(at), at):
        work(folder)
        cuts += 1
        if end(folder) != clean:
            wrong.append(at)
        shutil.rmtree(folder)
        at += stride
    print(msgspec.json.encode({"cuts": cuts, "wrong": wrong, "clean": clean}).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
