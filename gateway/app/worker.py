"""A worker: the data plane. `python -m gateway.app.worker N` serves agents until it is told to drain."""

import asyncio
import contextlib
import logging
import os
import signal
import ssl
import sys
import time
from pathlib import Path

import uvloop

from gateway.app import log
from gateway.app.channel import Applied, Channel, Config, Drain, Ready, inherited_sockets
from gateway.app.collector import freeze
from gateway.app.snapshots import Snapshots
from gateway.app.vitals import Vitals
from gateway.config.problems import ConfigError
from gateway.core.ids import IdMaker
from gateway.exchange.gate import Gate
from gateway.exchange.lanes import open_lanes
from gateway.exchange.replies import render_bad_request
from gateway.http.door import Door
from gateway.http.guard import BadRequest, Limits
from gateway.http.pool import Pools
from gateway.http.reactor import Reactor
from gateway.http.site import Site
from gateway.journal.losses import Losses
from gateway.journal.writer import Journal
from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.interface import SOCKET
from gateway.metrics.board import (
    ADMISSIONS,
    ADMISSIONS_ASKED,
    CONNECTIONS,
    DROPPED,
    GENERATION,
    HEARTBEAT_MS,
    JOURNAL_LOST,
    LEDGER_ASKS,
    PID,
    Board,
)
from gateway.policies.snapshot import Server, Snapshot
from gateway.proxy import Proxy

logger = logging.getLogger("tollway.worker")

_BEAT_S = 0.5
_LEDGER_WAIT_S = 2.0
# How many connections more than the mean a worker may have before it lets the others accept.
_SPARE_CONNECTIONS = 8
# Left alone by its supervisor a worker ends soon: the next one wants the port and the data.
_ORPHAN_DRAIN_S = 5.0


class Worker:
    """One data-plane process: the parts, how they start, take a new config, and end."""

    def __init__(self, index: int, channel: Channel, snapshots: Snapshots, snapshot: Snapshot) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._channel = channel
        self._snapshots = snapshots
        self._index = index
        self._server = snapshot.server
        data_dir = Path(snapshot.server.data_dir)
        self._board = Board(data_dir / "board")
        self._slot = self._board.claim(index)
        self._slot.set(PID, os.getpid())
        self._journal = Journal(data_dir / "journal", f"worker-{index}", durability=snapshot.server.durability)
        self._journal.losing = Losses(lambda count: self._slot.add(DROPPED, count)).note
        self._vitals = Vitals(self._slot, _BEAT_S)
        self._journal.timing = self._vitals.appended
        self._reactor = reactor = Reactor(loop)
        self._pools = Pools(reactor)
        name = self._journal.name
        self._ledger = Client(data_dir / SOCKET, name, loop)
        self._ledger.first = self._journal.flush
        self._gate = Gate(Holder(name, self._ledger, loop, snapshot.server.workers))
        self._proxy = Proxy(reactor, self._journal, self._slot, IdMaker(os.urandom), self._gate)
        self._site = Site(self._proxy, reactor, limits=Limits(), render_bad_request=self._say_no)
        self._site.on_count = self._counted
        (listener,) = inherited_sockets(os.environ)
        self._door = Door(listener, self._site, self._may_take)
        self._beat_timer: asyncio.TimerHandle | None = None
        self._shown: dict[int, int] = {}
        self._draining = asyncio.Event()
        self._empty = asyncio.Event()  # while draining: the last connection has gone
        self._drain_limit_s = float("inf")

    async def start(self, snapshot: Snapshot) -> None:
        """Begin to serve."""
        await self.apply(snapshot)
        server = snapshot.server
        if server.tls_cert:
            self._door.tls = await asyncio.to_thread(_downstream_tls, server)
        if self._gate.guards:
            # Else the first requests would find nobody to ask for money: recorder and workers start together.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ledger.reached(), _LEDGER_WAIT_S)
        self._reactor.start()
        self._beat()
        await self._door.open()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled, number)
        freeze()
        self._channel.send(Ready())

    async def apply(self, snapshot: Snapshot) -> None:
        """Serve by this config from the next request on."""
        log.configure(f"worker {self._index}", snapshot)
        server = snapshot.server
        lanes = await open_lanes(self._pools, snapshot.routing.providers(), server)
        site = self._site
        site.header_timeout_s = server.header_timeout_s
        site.body_timeout_s = server.body_timeout_s
        site.keepalive_timeout_s = server.keepalive_timeout_s
        self._proxy.use(snapshot, lanes)
        self._server = server
        self._slot.set(GENERATION, snapshot.generation)
        self._channel.send(Applied(snapshot.generation))

    async def follow(self) -> None:
        """Do what the supervisor says until it says drain, or is gone."""
        orders = self._loop.create_task(self._take_orders(), name="orders")
        await self._draining.wait()
        orders.cancel()

    async def _take_orders(self) -> None:
        while True:
            message = await self._channel.receive()
            if message is None:
                self._drain_limit_s = _ORPHAN_DRAIN_S
                break
            if isinstance(message, Drain):
                break
            if isinstance(message, Config):
                await self._reload(message)
        self._draining.set()

    async def _reload(self, message: Config) -> None:
        try:
            await self.apply(await self._snapshots.of(message))
        except (ConfigError, OSError) as error:
            logger.error(
                "a new config cannot be taken here, the one before it stays in force: correct what the error names",
                extra={"generation": message.generation, "error": error},
            )

    async def drain(self) -> None:
        """Take no more, let what runs come to its end, cut what takes too long, and leave the journal in order."""
        await self._door.close()
        self._site.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self._server.drain_timeout_s, self._drain_limit_s)):
                while self._site.connections:
                    self._empty.clear()
                    await self._empty.wait()
        for connection in list(self._site.connections):
            connection.cut()
        await asyncio.sleep(0)  # let the last connections say goodbye
        self._reactor.stop()
        self._pools.close()
        self._gate.holder.stop()
        self._journal.close()
        self._slot.set(HEARTBEAT_MS, 0)

    def _signalled(self, number: int) -> None:
        # Ctrl-C reaches every process of the terminal; the supervisor decides what it means.
        if number == signal.SIGTERM:
            self._draining.set()

    def _counted(self, count: int) -> None:
        self._slot.set(CONNECTIONS, count)
        if self._draining.is_set():
            if not count:
                self._empty.set()
            return
        if self._server.workers > 1:
            self._door.balance()

    def _say_no(self, bad: BadRequest) -> tuple[bytes, bytes]:
        return render_bad_request(bad, self._proxy.ids.new(time.time_ns()))

    def _may_take(self, count: int) -> bool:
        workers = self._server.workers
        total = sum(self._board.slot(index).get(CONNECTIONS) for index in range(workers))
        return count <= total / workers + _SPARE_CONNECTIONS

    def _beat(self) -> None:
        self._slot.set(HEARTBEAT_MS, time.time_ns() // 1_000_000)
        self._vitals.beat()
        gate = self._gate
        counts = {
            JOURNAL_LOST: self._journal.lost,
            ADMISSIONS: gate.at_once + gate.asked,
            ADMISSIONS_ASKED: gate.asked,
            LEDGER_ASKS: gate.holder.asks,
        }
        for cell, count in counts.items():
            self._slot.add(cell, count - self._shown.get(cell, 0))
        self._shown = counts
        self._beat_timer = self._loop.call_later(_BEAT_S, self._beat)
        if self._server.workers > 1 and not self._draining.is_set():
            self._door.balance()


def _downstream_tls(server: Server) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(str(server.tls_cert), server.tls_key)
    return context


async def run(index: int) -> None:
    """Live a worker's life."""
    channel = await Channel.from_environment(os.environ)
    first = await channel.receive()
    if not isinstance(first, Config):
        return  # the supervisor died first
    snapshots = Snapshots(os.environ)
    snapshot = await snapshots.first(first)
    worker = Worker(index, channel, snapshots, snapshot)
    await worker.start(snapshot)
    await worker.follow()
    await worker.drain()
    channel.close()


def main() -> None:
    """Run worker N, as the supervisor starts it."""
    index = int(sys.argv[1])
    log.begin(f"worker {index}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(index))


if __name__ == "__main__":
    main()
