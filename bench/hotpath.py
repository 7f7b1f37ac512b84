"""One exchange through the whole data plane without a socket: what our own code costs, apart from the kernel's.

    python bench/hotpath.py [--cases json,stream,paced,large] [--profile]

Prints CPU microseconds of the loop's thread per exchange, the best of several rounds: authentication, routing, both
journal frames (really written), both HTTP sides, metering and pricing. `--profile` prints where they go, by function.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec
import uvloop

from gateway.core.ids import IdMaker
from gateway.exchange.gate import Gate
from gateway.exchange.lanes import open_lanes, origin_of
from gateway.http.client import UpstreamConnection
from gateway.http.guard import Limits
from gateway.http.outbox import Outbox
from gateway.http.pool import Pools
from gateway.http.reactor import Reactor
from gateway.http.server import ServerConnection
from gateway.http.site import Site
from gateway.journal.writer import Journal
from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.interface import SOCKET
from gateway.ledger.server import Server as Authority
from gateway.metrics.board import Board
from gateway.policies.access import Access, Principal
from gateway.policies.budget import Budget, Budgets
from gateway.policies.limit import MINUTE_NS, Quota, Rate
from gateway.policies.limit import Limit as RateLimit
from gateway.policies.limit import Limits as RateLimits
from gateway.policies.patterns import Patterns
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider, Routing
from gateway.policies.snapshot import Server, Snapshot
from gateway.policies.windows import parse
from gateway.proxy import Proxy

KEY = b"sk-bench"
MODEL = "gpt-4o-mini"
PROVIDER = Provider("bench", "openai", "127.0.0.1", tls=False, port=9001, base_path="/v1", api_keys=(b"sk-up",),
                    models=Patterns((MODEL,)))  # fmt: skip
HEAD = b"""POST /v1/chat/completions HTTP/1.1\r
Host: 127.0.0.1:8080\r
Content-Type: application/json\r
Accept: application/json\r
User-Agent: OpenAI/Python 3.54.0\r
Authorization: Bearer sk-bench\r
x-stainless-lang: python\r
x-stainless-package-version: 3.54.0\r
x-stainless-os: Linux\r
x-stainless-arch: x64\r
x-stainless-runtime: CPython\r
x-stainless-runtime-version: 3.11.7\r
x-stainless-retry-count: 0\r
Content-Length: %d\r
\r
"""
START = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini-2024-07-18",'
EVENT = f'data: {START}"choices":[{{"index":0,"delta":{{"content":"word "}},"finish_reason":null}}],"usage":null}}\n\n'
FINISH = EVENT.replace('"finish_reason":null', '"finish_reason":"stop"')
LAST = f'data: {START}"choices":[],"usage":{{"prompt_tokens":312,"completion_tokens":87}}}}\n\ndata: [DONE]\n\n'
ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 500}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 312, "completion_tokens": 87, "prompt_tokens_details": {"cached_tokens": 128}},
}


WARM = 100  # the first lease is what the first request was guessed to cost; it is used up by then
BUDGETS = Budgets(
    [
        Budget("bench/daily", parse("day", "Europe/Paris"), limit_nano_usd=10**14),
        Budget("bench/month", parse("month"), limit_nano_usd=10**15, per=("key",)),
        Budget("bench/loop", parse("rolling:5h"), limit_requests=10**8),
    ]
)

LIMITS = RateLimits(
    [
        RateLimit("bench/fast", (Quota("requests_per_minute", "requests", Rate(10**8, MINUTE_NS, 10**8)),)),
        RateLimit("bench/much", (Quota("tokens_per_minute", "tokens", Rate(10**11, MINUTE_NS, 10**11)),)),
    ]
)
NO_BUDGETS, NO_LIMITS = Budgets(), RateLimits()


class Wire:
    """A transport that takes every write and is never full."""

    def write(self, data: bytes) -> None: ...

    def writelines(self, parts: list[bytes]) -> None: ...

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> "Wire":
        return self

    def setsockopt(self, *arguments: int) -> None: ...


def request(*, stream: bool, repeats: int = 40) -> bytes:
    """Write one request of about 1.4 KB, or more."""
    messages = [{"role": "system", "content": "You are a helpful assistant. " * repeats}]
    body = {"model": MODEL, "messages": messages, "temperature": 0.2, "max_tokens": 256}
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    data = msgspec.json.encode(body | options)
    return HEAD % len(data) + data


def chunk(text: str) -> bytes:
    """Frame one chunk."""
    return b"%x\r\n%b\r\n" % (len(text), text.encode())


def cases() -> dict[str, tuple[bytes, list[bytes]]]:
    """Name what is asked, and the reads in which the answer comes."""
    whole = msgspec.json.encode(ANSWER)
    plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: r\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    finish = chunk(FINISH)
    end = chunk(LAST) + b"0\r\n\r\n"
    return {
        "json": (request(stream=False), [plain % len(whole) + whole]),
        "stream": (request(stream=True), [head + chunk(EVENT) * 49 + finish + end]),
        "paced": (request(stream=True), [head, *[chunk(EVENT)] * 49, finish, end]),
        "large": (request(stream=False, repeats=7_000), [plain % len(whole) + whole]),
    }


async def data_plane(
    folder: Path, budgets: Budgets = NO_BUDGETS, limits: RateLimits = NO_LIMITS
) -> tuple[ServerConnection, UpstreamConnection, Outbox]:
    """Build a worker's data plane with one client and one warm connection to a provider."""
    loop = asyncio.get_running_loop()
    access = Access({sha256(KEY).digest(): Principal("bench", "load")})
    prices = PriceBook({}, (Decimal(5), Decimal(25)), "default_price")
    snapshot = Snapshot(
        1, access, Routing([PROVIDER]), prices, Server(str(folder), str(folder)), budgets=budgets, limits=limits
    )
    reactor = Reactor(loop)
    pools = Pools(reactor)
    journal = Journal(folder / "journal", "bench")
    ledger = Client(folder / SOCKET, journal.name, loop)
    holder = Holder(journal.name, ledger, loop, 1)
    proxy = Proxy(reactor, journal, Board(folder / "board").claim(0), IdMaker(os.urandom), Gate(holder))
    if budgets.all:
        await ledger.reached()
    proxy.use(snapshot, await open_lanes(pools, [PROVIDER], snapshot.server))
    pool = pools[origin_of(PROVIDER)]
    upstream = UpstreamConnection(pool, tls=False)
    upstream.connection_made(Wire())
    pool.free(upstream)
    client = ServerConnection(Site(proxy, reactor, limits=Limits()))
    client.connection_made(Wire())
    return client, upstream, reactor.outbox


async def best_us(once: Callable[[], None], exchanges: int, rounds: int = 7) -> float:
    """Return the thread's CPU time for one exchange in the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        await asyncio.sleep(0.01)  # what the ledger has to say comes between the rounds
        before = time.thread_time()
        for _ in range(exchanges):
            once()
        best = min(best, time.thread_time() - before)
    return best / exchanges * 1e6


async def measure(names: list[str], *, guarded: bool, profile: bool) -> None:
    """Measure some cases."""
    for name in names:
        asked, reads = cases()[name]
        with tempfile.TemporaryDirectory(prefix="hotpath") as folder:
            authority = await Authority.open(Path(folder))
            client, upstream, outbox = await data_plane(
                Path(folder), BUDGETS if guarded else Budgets(), LIMITS if guarded else RateLimits()
            )

            def once() -> None:
                client.data_received(asked)  # noqa: B023
                outbox.flush()  # noqa: B023
                for read in reads:  # noqa: B023
                    upstream.data_received(read)  # noqa: B023
                    outbox.flush()  # noqa: B023

            for _ in range(WARM):
                client.data_received(asked)
                outbox.flush()
                await asyncio.sleep(0.01)  # the first ones wait for money
                if upstream.usable:
                    await asyncio.sleep(0.1)  # on a busy machine for longer, or until they are refused
                for read in [] if upstream.usable else reads:
                    upstream.data_received(read)
                    outbox.flush()
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)  # as workers do
            exchanges = 200 if name == "large" else 2_000
            if profile:
                with cProfile.Profile() as profiler:
                    for _ in range(exchanges):
                        once()
                pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
            print(f"{name:8} {await best_us(once, exchanges):8.1f} us per exchange", flush=True)
            await authority.stop()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="json,stream,paced,large")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--budgets", action="store_true", help="three budgets and two limits hold for every request")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(arguments.cases.split(","), guarded=arguments.budgets, profile=arguments.profile))


if __name__ == "__main__":
    main()
