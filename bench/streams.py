"""What many streams and many idle connections cost one worker: `python -m bench.streams`.

Provider and clients run in this process and share a clock: each event carries the time at which it was written, so that
its way is known to the microsecond. The same streams are measured without the gateway first; what the gateway adds is
the difference. Memory is the worker's resident set, divided by what it holds.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from bench.gateway_config import KEY, MODEL, Setup, write
from bench.processes import command_line, stop, tree
from bench.provider import Missing, free_port

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 30
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"chatcmpl-B9xT1nqPZkYw","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o-mini",'
    b'"choices":[{"index":0,"delta":{"content":" gateway"},"finish_reason":null}],"usage":null,"at":%020d}\n\n'
)
LAST = (
    b'data: {"id":"chatcmpl-B9xT1nqPZkYw","model":"gpt-4o-mini","choices":[],'
    b'"usage":{"prompt_tokens":312,"completion_tokens":87,"total_tokens":399}}\n\ndata: [DONE]\n\n'
)
END = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST)
TICK_S = 0.002
PATIENCE = 3000  # hundredths of a second


class Way(NamedTuple):
    """What one measurement saw: how long events took, in microseconds, sorted."""

    took_us: list[float]
    broken: int

    def at(self, share: float) -> float:
        """Return the time that this share of the events did not exceed."""
        return self.took_us[min(len(self.took_us) - 1, int(len(self.took_us) * share))]


class Provider(asyncio.Protocol):
    """One stream: it waits for a request and then writes an event whenever it is told to; or ends, if `at_once`."""

    streams: set["Provider"]
    at_once = False

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole (its body is known to end in a brace)."""
        self._data += data
        if self._data.endswith(b"}") and b"\r\n\r\n" in self._data:
            self._data = b""
            self._transport.write(STREAM_HEAD)
            if self.at_once:
                self.end()
            else:
                self.streams.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.streams.discard(self)

    def event(self) -> None:
        """Write one event, with the time."""
        event = EVENT % time.perf_counter_ns()
        self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))

    def end(self) -> None:
        """Write the last one."""
        self._transport.write(END)
        self.streams.discard(self)


class Client(asyncio.Protocol):
    """One agent: it asks for a stream and notes how long each event took."""

    def __init__(self, request: bytes, took_ns: list[int]) -> None:
        self._request = request
        self._took_ns = took_ns
        self.events = 0
        self.ended = asyncio.Event()
        self._tail = b""

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the time of every event."""
        now_ns = time.perf_counter_ns()
        data = self._tail + data
        at = 0
        while (found := data.find(b'"at":', at)) >= 0 and len(data) >= found + 25:
            at = found + 25
            self._took_ns.append(now_ns - int(data[found + 5 : at]))
            self.events += 1
        self._tail = data[at:][-40:]
        if data.endswith(b"0\r\n\r\n"):
            self.ended.set()

    def close(self) -> None:
        """Leave."""
        self._transport.close()


def main() -> None:
    """Measure and print."""
    arguments = read_arguments()
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(measure(arguments, folder, cleanup))
        except Missing as missing:
            sys.exit(str(missing))


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000, help="at a time (default: %(default)s)")
    parser.add_argument("--interval-ms", type=int, default=200, help="between two events (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="of streaming (default: %(default)s)")
    parser.add_argument("--idle", type=int, default=2000, help="idle kept connections (default: %(default)s)")
    return parser.parse_args()


async def measure(arguments: argparse.Namespace, folder: Path, cleanup: ExitStack) -> None:
    """Run everything once, each kind of memory on a worker of its own."""
    loop = asyncio.get_running_loop()
    Provider.streams = set()
    server = await loop.create_server(Provider, "127.0.0.1", 0, backlog=4096)
    upstream = server.sockets[0].getsockname()[1]
    direct = await stream(arguments, upstream)
    port, worker = start_gateway(folder / "streams", upstream, cleanup)
    await stream(arguments, port, streams=1, seconds=1)
    fresh_kib = rss_kib(worker)
    held_kib: list[int] = []
    through = await stream(arguments, port, watch=lambda: held_kib.append(rss_kib(worker)))
    print(f"{arguments.streams} streams, an event each {arguments.interval_ms} ms, {len(through.took_us)} events:")
    for share in (0.5, 0.99, 0.999):
        us, alone_us = through.at(share), direct.at(share)
        print(f"  p{share * 100:g}: {us:.0f} us, without gateway {alone_us:.0f} us, added {us - alone_us:.0f} us")
    print(f"  broken streams: {through.broken}")
    grown_kib = held_kib[0] - fresh_kib
    print(f"  per running stream: {grown_kib / arguments.streams:.1f} KiB, above {fresh_kib} KiB of a fresh worker")
    port, worker = start_gateway(folder / "idle", upstream, cleanup)
    await stream(arguments, port, streams=1, seconds=1)
    idle_kib = await held_by_idle(arguments.idle, port, worker)
    print(f"{arguments.idle} idle kept connections: {idle_kib / arguments.idle:.1f} KiB each")
    server.close()


async def held_by_idle(number: int, port: int, worker: int) -> int:
    """Return by how much so many connections, each after one request, make a worker grow."""
    loop = asyncio.get_running_loop()
    before_kib = rss_kib(worker)
    Provider.at_once = True
    idle = []
    for _ in range(number):
        _, client = await loop.create_connection(lambda: Client(question(), []), "127.0.0.1", port)
        await client.ended.wait()
        idle.append(client)
    grown_kib = rss_kib(worker) - before_kib
    for client in idle:
        client.close()
    return grown_kib


def start_gateway(folder: Path, upstream: int, cleanup: ExitStack) -> tuple[int, int]:
    """Start a gateway with one worker; return its port and the worker's process id. Raises Missing."""
    port, admin = free_port(), free_port()
    setup = Setup(f"http://127.0.0.1:{upstream}/v1", f"127.0.0.1:{port}", f"127.0.0.1:{admin}")
    config = write(folder, setup)
    log = cleanup.enter_context((folder / "log").open("wb"))
    words = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, process_group=0)
    cleanup.callback(stop, process)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            opener.open(f"http://127.0.0.1:{admin}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.1)
            continue
        (worker,) = (pid for pid in tree(process.pid) if "gateway.app.worker" in command_line(pid))
        return port, worker
    raise Missing(f"the gateway does not start: {(folder / 'log').read_text()}")


async def stream(
    arguments: argparse.Namespace,
    port: int,
    *,
    streams: int | None = None,
    seconds: int | None = None,
    watch: Callable[[], None] | None = None,
) -> Way:
    """Run so many streams at a time, and look at something in their midst."""
    loop = asyncio.get_running_loop()
    streams = streams or arguments.streams
    took_ns: list[int] = []
    clients = [
        (await loop.create_connection(lambda: Client(question(), took_ns), "127.0.0.1", port))[1]
        for _ in range(streams)
    ]
    await until(lambda: len(Provider.streams) == streams)
    running = list(Provider.streams)
    rounds = max(1, (seconds or arguments.seconds) * 1000 // arguments.interval_ms)
    await pace(running, rounds, arguments.interval_ms / 1000)
    if watch is not None:
        watch()
    for each in running:
        each.end()
    await until(lambda: all(client.ended.is_set() for client in clients))
    broken = sum(not client.ended.is_set() or client.events != rounds for client in clients)
    for client in clients:
        client.close()
    return Way(sorted(each / 1000 for each in took_ns), broken)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, though not for ever."""
    for _ in range(PATIENCE):
        if holds():
            return
        await asyncio.sleep(0.01)


async def pace(running: list[Provider], rounds: int, interval_s: float) -> None:
    """Let every stream write an event in each interval, spread evenly over it."""
    loop = asyncio.get_running_loop()
    due = events(running, rounds)
    began_s = loop.time()
    written, wanted = 0, rounds * len(running)
    while written < wanted:
        now = min(wanted, int((loop.time() - began_s) / interval_s * len(running)))
        while written < now:
            next(due).event()
            written += 1
        await asyncio.sleep(TICK_S)


def events(running: list[Provider], rounds: int) -> Iterator[Provider]:
    """Yield the streams in turns."""
    for _ in range(rounds):
        yield from running


def rss_kib(pid: int) -> int:
    """Return one process's resident memory."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0])


def question() -> bytes:
    """Write a request for a stream."""
    fields = {"model": MODEL, "stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(fields | {"messages": [{"role": "user", "content": "how far?"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
