"""How many exchanges a second does one core evaluate, and what do evaluators cost those who ask?

    python -m bench.evaluation [--exchanges N] [--core N] [--profile]
    python -m bench.evaluation --hostile [--seconds N] [--rounds N]

Without `--hostile`: a worker's data plane and a recorder's conveyor fill a log with answers of 2 KB, unmeasured. Then
everything that evaluates (follower, sampling, queue, lane, the isolated plugin process, journal) is pinned to one core
and looks at each of them with five evaluators. Prints exchanges a second of wall clock, and where the CPU time went.

With `--hostile`: a gateway under load, in turns without evaluation and with plugins that hang, allocate without end,
die and shout at 100 % sampling beside the good ones; and beside other programs in the background. Prints each p99.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench.evaluation_hostile import compare
from bench.hotpath import ANSWER, data_plane
from bench.recording import Line, Shape, prose, shapes
from gateway.evaluation.engine import Engine, Places
from gateway.evaluation.protocol import Answered, Asking
from gateway.evaluation.queue import Queue
from gateway.policies.evaluating import Evaluating, Plugin, Rule

EVALUATORS: Final = ("json_valid", "truncated", "empty_answer", "refusal", "slo")
PARAMS: Final = {"slo": '{"latency_ms": 2000, "cost_usd": 0.01}'}
ANSWER_BYTES: Final = 2_000
TEAM: Final = "bench"


class Measured(NamedTuple):
    """What came of it. CPU seconds of the evaluator, and of its plugins' processes."""

    exchanges: int
    wall_s: float
    own_s: float
    plugins_s: float

    def __str__(self) -> str:
        """Say it."""
        each = 1e6 / self.exchanges
        return (
            f"{self.exchanges / self.wall_s:8.0f} exchanges/s through {len(EVALUATORS)} evaluators "
            f"({self.own_s * each:.0f} us of the evaluator and {self.plugins_s * each:.0f} us of plugins each)"
        )


def evaluating() -> Evaluating:
    """Have every exchange looked at by all of them."""
    plugins = {name: Plugin(name, name, params=PARAMS.get(name, "{}")) for name in EVALUATORS}
    rules = tuple(Rule(team=TEAM, evaluator=name) for name in EVALUATORS)
    return Evaluating(plugins, {TEAM: rules}, workers=1)


def shape() -> Shape:
    """Answer a chat with 2 KB of prose."""
    choice = {"index": 0, "message": {"role": "assistant", "content": prose(ANSWER_BYTES)}, "finish_reason": "stop"}
    answer = msgspec.json.encode(ANSWER | {"choices": [choice]})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)
    return shapes()["json"]._replace(reads=[head + answer])


async def fill(folder: Path, exchanges: int) -> None:
    """Write a log."""
    client, upstream, outbox = await data_plane(folder)
    line, one = Line(folder, None), shape()
    for number in range(1, exchanges + 1):
        client.data_received(one.asked)
        for read in one.reads:
            upstream.data_received(read)
        outbox.flush()
        if number % one.company == 0:
            line.turn()
    written = line.end()
    if written != exchanges:
        raise RuntimeError(f"{exchanges} exchanges were to be written, {written} were")


async def measure(folder: Path, exchanges: int) -> Measured:
    """Evaluate a whole log."""
    places = Places(folder / "store", folder / "scores", folder / "queue")
    queue = Queue(places.queue)
    queue.begin({}, {}, 0)  # at the beginning of the log
    queue.close()
    engine = Engine(places, "process", _nobody)
    began_s, own_s, plugins_s = 0.0, _cpu_s(resource.RUSAGE_SELF), 0.0
    try:
        await engine.apply(evaluating(), 0)
        began_s, own_s = time.perf_counter(), _cpu_s(resource.RUSAGE_SELF)
        is_behind = True
        while is_behind or engine.waiting:
            is_behind = engine.turn()
            await asyncio.sleep(0 if is_behind and engine.waiting < 1_000 else 0.02)
            if engine.failure.done():
                engine.failure.result()
        wall_s, own_s = time.perf_counter() - began_s, _cpu_s(resource.RUSAGE_SELF) - own_s
    finally:
        await engine.end()
    plugins_s = _cpu_s(resource.RUSAGE_CHILDREN)
    return Measured(exchanges, wall_s, own_s, plugins_s)


async def report(exchanges: int, core: int | None, *, profile: bool) -> None:
    """Fill, evaluate, print."""
    with tempfile.TemporaryDirectory(prefix="evaluation") as name:
        folder = Path(name)
        await fill(folder, exchanges)
        if core is not None:
            os.sched_setaffinity(0, {core})
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        measured = await measure(folder, exchanges)
        profiler.disable()
        evaluations = sum(path.stat().st_size for path in (folder / "scores").glob("*.seg"))
    print(measured, flush=True)
    print(f"         {evaluations / exchanges:.0f} bytes of journal for each exchange", flush=True)
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def _cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def _nobody(asking: Asking, _: str) -> Answered:
    return Answered(number=asking.number, call=asking.call, failure="error", reason="no_judge")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=20_000)
    parser.add_argument("--core", type=int, default=0, help="-1: all")
    parser.add_argument("--profile", action="store_true", help="print where the evaluator's own time goes")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a round with --hostile")
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args(arguments)
    if parsed.hostile:
        compare(parsed.rounds, parsed.seconds)
        return
    if not hasattr(os, "sched_setaffinity"):
        sys.exit("this system pins no process to a core: run it with --core -1")
    core = None if parsed.core < 0 else parsed.core
    asyncio.run(report(parsed.exchanges, core, profile=parsed.profile))


if __name__ == "__main__":
    main()
