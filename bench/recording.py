"""What the recorder pays for an exchange: from the journal, as a worker writes it, into the store, as people read it.

    python -m bench.recording [--cases json,stream,large] [--rounds N] [--exchanges N] [--profile]

A worker's data plane without sockets (that of hotpath.py) fills a journal, unmeasured; in between the conveyor takes
its turns, as it does under load. Prints CPU microseconds of the conveyor's turns per exchange, the best of several
rounds, with the share of a checkpoint. `--profile` prints where they go, by function.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from bench.hotpath import ANSWER, EVENT, HEAD, LAST, MODEL, chunk, data_plane
from gateway.app.conveyor import POLL_S, Complaints, Conveyor
from gateway.journal.reader import Reader
from gateway.metrics.totals import Tally
from gateway.store.jobs import Jobs
from gateway.store.sqlite import SqliteStore

EVENTS = 50


class Shape(NamedTuple):
    """One kind of exchange, and how many of them come in a second."""

    asked: bytes
    reads: list[bytes]
    rate: int

    @property
    def company(self) -> int:
        """How many come between two turns of the conveyor."""
        return int(self.rate * POLL_S)


class Line:
    """A recorder's writing thread without the thread, and what it has spent."""

    def __init__(self, folder: Path, profiler: cProfile.Profile | None) -> None:
        self.spent_s = 0.0
        self._profiler = profiler
        self._store = SqliteStore(folder / "store", Tally([MODEL]).count)
        self._reader = Reader(folder / "journal")
        jobs = Jobs(folder / "store", lambda *_: None)
        self._conveyor = Conveyor(self._reader, self._store, settle=lambda one: one, jobs=jobs, complaints=Complaints())

    def turn(self) -> None:
        """Take a turn as in the middle of a load."""
        self._measured(self._conveyor.turn)

    def end(self) -> int:
        """Write down what is left, fold the store's log in, and return how many exchanges were written in all."""
        self._measured(self._empty)
        self._reader.close()
        self._store.close()
        return self._conveyor.counts()["applied"]

    def _empty(self) -> None:
        self._conveyor.turn(thorough=True)
        while not self._conveyor.is_empty():
            self._conveyor.turn(thorough=True)
        self._store.sync()

    def _measured(self, work: Callable[[], object]) -> None:
        if self._profiler is not None:
            self._profiler.runcall(work)
            return
        before_s = time.thread_time()
        work()
        self.spent_s += time.thread_time() - before_s


def prose(length: int) -> str:
    """Write text that compresses as text does: neither noise nor one sentence again and again."""
    chance = random.Random(7)
    letters = "etaoinshrdlucmfwygpbvk"
    words = ["".join(chance.choices(letters, range(22, 0, -1), k=chance.randint(2, 9))) for _ in range(2_000)]
    ranks = [1 / (rank + 5) for rank in range(len(words))]
    return " ".join(chance.choices(words, ranks, k=length // 4))[:length]


def shapes() -> dict[str, Shape]:
    """Name the exchanges: a chat, its answer streamed at once, and an agent's request of 200 KB."""
    answer = msgspec.json.encode(ANSWER | {"choices": [{"index": 0, "message": {"content": prose(700)}}]})
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    events = [chunk(EVENT.replace("word ", f"{word} ")) for word in prose(1_000).split()[:EVENTS]]
    streamed = b"".join([head, *events, chunk(LAST), b"0\r\n\r\n"])
    return {
        "json": Shape(_request(1_250), [whole], 2_000),
        "stream": Shape(_request(1_200, stream=True, stream_options={"include_usage": True}), [streamed], 2_000),
        "large": Shape(_request(200_000), [whole], 250),
    }


def _request(length: int, **options: object) -> bytes:
    messages = [{"role": "system", "content": prose(length)}]
    body = msgspec.json.encode({"model": MODEL, "messages": messages, "max_tokens": 256, **options})
    return HEAD % len(body) + body


async def measure(shape: Shape, exchanges: int, profiler: cProfile.Profile | None = None) -> float:
    """Carry some exchanges from a new journal into a new store; return the CPU microseconds for one."""
    with tempfile.TemporaryDirectory(prefix="recording") as folder:
        client, upstream, outbox = await data_plane(Path(folder))
        line = Line(Path(folder), profiler)
        for number in range(1, exchanges + 1):
            client.data_received(shape.asked)
            for read in shape.reads:
                upstream.data_received(read)
            outbox.flush()
            if number % shape.company == 0:
                line.turn()
        written = line.end()
    if written != exchanges:
        raise RuntimeError(f"{exchanges} exchanges were to be written, {written} were")
    return line.spent_s / exchanges * 1e6


async def report(names: list[str], rounds: int, exchanges: int, *, profile: bool) -> None:
    """Measure some cases and print what comes out."""
    for name in names:
        shape = shapes()[name]
        count = exchanges * shape.rate // 2_000
        if profile:
            profiler = cProfile.Profile()
            await measure(shape, count, profiler)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
            continue
        best = min([await measure(shape, count) for _ in range(rounds)])
        print(f"{name:8} {best:8.1f} us per exchange", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="json,stream,large")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exchanges", type=int, default=8_000, help="of a small case; large: an eighth of it")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as in the recorder
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(report(arguments.cases.split(","), arguments.rounds, arguments.exchanges, profile=arguments.profile))


if __name__ == "__main__":
    main()
