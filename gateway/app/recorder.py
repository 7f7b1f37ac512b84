"""The recorder: `python -m gateway.app.recorder` carries journals into the store and serves the admin port."""

import asyncio
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

from gateway.admin.api import make_app
from gateway.admin.sources import Sources
from gateway.app import log
from gateway.app.apart import Apart
from gateway.app.booking import book
from gateway.app.budget_gauges import BudgetGauges
from gateway.app.budget_watch import BudgetWatch
from gateway.app.burial import settle
from gateway.app.channel import Applied, Channel, Config, Drain, Ready, State, inherited_sockets
from gateway.app.closing import LoopLedger
from gateway.app.collector import freeze
from gateway.app.evaluation_gauges import EvaluationGauges
from gateway.app.gauges import Gauges
from gateway.app.owners import Owners
from gateway.app.price_refresh import Refresher
from gateway.app.reckoning import Reckoning
from gateway.app.recording import Recording, Rules
from gateway.app.snapshots import Snapshots
from gateway.app.sole import sole
from gateway.app.telling import Teller
from gateway.app.unpriced import Unpriced
from gateway.config.problems import ConfigError
from gateway.core.record import Record
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue_reader import QueueReader
from gateway.journal.reader import Finished
from gateway.ledger.file import LedgerRefused
from gateway.ledger.server import Server
from gateway.metrics.board import Board
from gateway.metrics.bounds import Labels
from gateway.metrics.catalogue import Metric
from gateway.metrics.debts import TotalKey
from gateway.metrics.expected import expected
from gateway.metrics.ratchet import Ratchet
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from gateway.policies.snapshot import Snapshot
from gateway.store.jobs import Told
from gateway.store.reader import StoreReader

# A request waits at most 50 ms for money, and an answer to it takes four turns between the threads: they change places
# more often than usual, which costs the recording thread next to nothing.
SWITCH_S = 0.0005

logger = logging.getLogger("tollway.recorder")


class Recorder:
    """The recorder's parts, how they start, take a new config, and end."""

    def __init__(
        self, channel: Channel, snapshots: Snapshots, snapshot: Snapshot, ledger: Server, owners: Owners
    ) -> None:
        server = snapshot.server
        self._channel = channel
        self._snapshots = snapshots
        self._snapshot = snapshot
        self._refresher = Refresher(snapshots.shelf)
        self._tally = Tally(unpriced=Unpriced().tell)
        store_dir = Path(server.store_dir)
        data_dir = Path(server.data_dir)
        self._owners = owners
        self._told = LoopLedger(ledger)
        shared = Board(data_dir / "board")
        reckoning = Reckoning(shared)
        journal_dir = data_dir / "journal"
        rules = Rules(self._settle, self._book, lambda: self._snapshot.retention)
        self._recording = Recording(journal_dir, store_dir, self._tally, rules, self._told, full_text=server.full_text)
        self._recording.quiet = reckoning.look
        self._watch = BudgetWatch(ledger, owners)
        self._gauges = Gauges(
            shared,
            self._recording,
            (journal_dir, store_dir),
            self._refresher,
            [
                BudgetGauges(self._watch, ledger),
                EvaluationGauges(shared, QueueReader(data_dir / "evaluation"), lambda: self._snapshot.evaluating),
            ],
            reckoning,
        )
        self._teller = Teller(journal_dir)
        self._apart = Apart()
        self._ratchet = Ratchet(data_dir / "counters.json")
        self._runner = web.AppRunner(
            make_app(
                Sources(
                    store=StoreReader(store_dir, answering=self._apart),
                    exposition=Exposition(self._totals, self._gauges.samples, self._tally),
                    why_not_ready=self._why_not_ready,
                    token=lambda: self._snapshot.server.admin_token,
                    metrics_token=lambda: self._snapshot.server.metrics_token,
                    ledger=lambda: ledger,
                    config=lambda: snapshots.config,
                    snapshot=lambda: self._snapshot,
                    processes=lambda: self._gauges.state,
                    samples=lambda: self._gauges.samples(self._totals()),
                    tell=self._teller.tell,
                    follow=Follow(store_dir),
                    queue=QueueReader(data_dir / "evaluation"),
                    hosts=frozenset({server.admin.host}),
                )
            ),
            access_log=None,
        )
        self._ending = asyncio.Event()
        self._drain = True

    async def start(self) -> None:
        """Begin to record and to serve the admin port."""
        self._tally.configure(_models(self._snapshot), _expected(self._snapshot))
        self._recording.start()
        await asyncio.to_thread(self._recording.tried.wait)
        if self._recording.refused:
            return
        await self._runner.setup()
        for listener in inherited_sockets(os.environ):
            await web.SockSite(self._runner, listener).start()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        # Ctrl-C reaches every process of the terminal; the supervisor decides what it means.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        freeze()
        self._channel.send(Applied(self._snapshot.generation))
        self._channel.send(Ready())

    async def follow(self) -> int:
        """Do what the supervisor says until the end; return the exit status."""
        self._refresher.follow(self._snapshot.price_source)
        refreshing = asyncio.create_task(self._refresher.run(), name="price refresh")
        watching = asyncio.create_task(self._watch.run(), name="budgets")
        orders = asyncio.create_task(self._take_orders(), name="orders")
        ended = asyncio.create_task(asyncio.to_thread(self._recording.join), name="recording's end")
        ending = asyncio.create_task(self._ending.wait(), name="ending")
        await asyncio.wait({ended, ending}, return_when=asyncio.FIRST_COMPLETED)
        died = ended.done()
        self._teller.close()
        self._recording.stop(drain=self._drain)
        await ended
        await self._told.told()
        self._totals()  # the next one goes on where this one ends
        for task in (refreshing, watching, orders, ending):
            task.cancel()
        await self._apart.close()  # else what is asked now would keep the admin port from closing
        await self._runner.cleanup()
        if died:
            logger.error(
                "recording ended; the journal keeps what happens until it goes on",
                extra={"error": self._recording.refused or "its own words stand above"},
            )
        return int(died)

    async def _take_orders(self) -> None:
        while True:
            message = await self._channel.receive()
            if isinstance(message, Config):
                await self._apply(message)
            elif isinstance(message, State):
                self._gauges.state = message
            elif isinstance(message, Drain):
                break
            elif message is None:
                # Nobody will tell us when the workers are done; what they still write the next recorder finds.
                self._drain = False
                break
        self._ending.set()

    async def _apply(self, message: Config) -> None:
        try:
            self._snapshot = await self._snapshots.of(message)
        except ConfigError as error:
            logger.error(
                "a new config cannot be taken here, the one before it stays in force: correct what the error names",
                extra={"generation": message.generation, "error": error},
            )
            return
        log.configure("recorder", self._snapshot)
        self._tally.configure(_models(self._snapshot), _expected(self._snapshot))
        self._owners.use(self._snapshot.budgets)
        self._refresher.follow(self._snapshot.price_source)
        self._channel.send(Applied(message.generation))

    def _settle(self, finished: Finished) -> Finished:
        return settle(finished, self._snapshot.routing, self._snapshot.prices)

    def _book(self, record: Record, told: Told, state: str) -> None:
        book(record, told, state, self._snapshot.routing, self._snapshot.prices)

    def _totals(self) -> Mapping[TotalKey, int]:
        """Give what is committed, and what this process and those before it have counted."""
        counters = self._ratchet.shown(self._gauges.counters())
        return {**self._recording.totals(), **counters, **self._gauges.appends()}

    def _why_not_ready(self) -> str | None:
        if not self._gauges.worker_is_up():
            return "no worker has shown a heartbeat lately"
        return None


def _models(snapshot: Snapshot) -> list[str]:
    """List the models that config names: routes, and models without wildcards."""
    exact = [model for provider in snapshot.routing.providers() for model in provider.models.exact()]
    routes = snapshot.routing.routes()
    targets = [each.target.model for route in routes for each in snapshot.routing.targets(route) if each.target.model]
    return [*routes, *targets, *exact]


def _expected(snapshot: Snapshot) -> Mapping[Metric, Sequence[Labels]]:
    teams = dict.fromkeys(principal.team for principal in snapshot.access.principals())
    return expected(snapshot.routing, list(teams))


async def run() -> int:
    """Live the recorder's life; return the exit status."""
    channel = await Channel.from_environment(os.environ)
    first = await channel.receive()
    if not isinstance(first, Config):
        return 0  # the supervisor died first
    snapshots = Snapshots(os.environ)
    snapshot = await snapshots.first(first)
    log.configure("recorder", snapshot)
    data_dir = Path(snapshot.server.data_dir)
    # The one before may still be emptying the journals.
    with await sole(data_dir / "recorder.lock"):
        owners = Owners(snapshot.budgets)
        ledger = await _ledger(data_dir, owners)
        if ledger is None:
            return 1
        recorder = Recorder(channel, snapshots, snapshot, ledger, owners)
        await recorder.start()
        status = await recorder.follow()
        await ledger.stop()
    channel.close()
    return status


async def _ledger(data_dir: Path, owners: Owners) -> Server | None:
    """Open the ledger, before anything else: money is granted from what it says. None: it cannot be."""
    try:
        return await Server.open(data_dir, over=owners.over_s)
    except (LedgerRefused, OSError, sqlite3.Error) as error:
        logger.error("the ledger cannot be opened, so no budget can be kept", extra={"error": error})
        return None


def main() -> None:
    """Run the recorder, as the supervisor starts it."""
    log.begin("recorder")
    sys.setswitchinterval(SWITCH_S)
    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
