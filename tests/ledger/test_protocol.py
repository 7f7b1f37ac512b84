"""The promises of the lease protocol (test_lease.py) hold for the real authority, on its socket and from its file."""

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import uvloop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from gateway.ledger.client import Client
from gateway.ledger.file import By
from gateway.ledger.holder import SWEEP_S, Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import SOCKET, WAIT_S, Hello, Message
from gateway.ledger.lease import Place
from gateway.ledger.peer import Peer, frame
from gateway.ledger.server import Server
from tests.http.uv import until
from tests.ledger.parts import Clock, terms

BUDGETS = ("team", "user")
# What happens next must not depend on when a thread or a socket was ready, or nothing that fails could be repeated. So
# every choice is a number of one range, whatever there is to choose from.
CHOICE = st.integers(0, 999)
AMOUNT = st.integers(1, 100)
REQUESTS = st.lists(st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=4)


class End(Peer):
    """One end of the network between a worker and the authority: what comes is held, a hello passes."""

    def __init__(self, network: "Network", name: str, to_server: bool) -> None:
        super().__init__()
        self.other: End | None = None
        self.hello: Hello | None = None
        self._network = network
        self._name = name
        self._to_server = to_server

    def take(self, message: Message) -> None:
        """Hold it; nothing passes by itself but the first word."""
        if isinstance(message, Hello):
            self.hello = message
        else:
            self._network.wire.append((self._name, self._to_server, message))

    def ended(self) -> None:
        """A connection ends at both ends."""
        if self.other is not None:
            self.other.abort()

    def complain(self, what: str) -> None:
        """Both ends are ours."""
        raise AssertionError(what)


class Network:
    """Connections between workers and the authority, whose messages go when and as often as somebody says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server_socket = Path()
        self.wire: list[tuple[str, bool, Message]] = []
        self.lines: dict[str, tuple[End, End]] = {}
        self._servers: dict[str, asyncio.AbstractServer] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    async def open(self, name: str) -> Path:
        """Make the path at which a worker finds the authority."""
        path = self.folder / f"{name}.sock"
        loop = asyncio.get_running_loop()
        self._servers[name] = await loop.create_unix_server(lambda: self._accept(name), str(path))
        return path

    def pass_on(self, name: str, to_server: bool, message: Message) -> None:
        """Bring a message to its end, by the connection that there is now."""
        if name in self.lines:
            self.lines[name][0 if to_server else 1].send(frame(message))

    def cut(self, name: str) -> None:
        """End a worker's connection."""
        for end in self.lines.pop(name, ()):
            end.abort()

    def close(self) -> None:
        """End everything."""
        for name in list(self.lines):
            self.cut(name)
        for server in self._servers.values():
            server.close()

    def _accept(self, name: str) -> End:
        worker_end = End(self, name, True)
        task = asyncio.get_running_loop().create_task(self._join(name, worker_end))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return worker_end

    async def _join(self, name: str, worker_end: End) -> None:
        server_end = End(self, name, False)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: server_end, str(self.server_socket))
        except OSError:
            worker_end.abort()
            return
        await until(lambda: worker_end.hello or not worker_end.alive)
        if worker_end.hello is None:
            server_end.abort()
            return
        server_end.send(frame(worker_end.hello))
        worker_end.other, server_end.other = server_end, worker_end
        self.lines[name] = (server_end, worker_end)


class Worker:
    """A worker process: what it holds, and what its journal says that it has spent."""

    def __init__(self, name: str, path: Path, clock: Clock) -> None:
        self.client = Client(path, name, asyncio.get_running_loop())
        self.client._retry_s = 0.001
        self.holder = Holder(name, self.client, clock, workers=2)
        self.held: list[Held] = []
        self.recorded: Counter[Place] = Counter()

    def came(self, result: Held | Short) -> None:
        """A request that waited is admitted, or refused."""
        if isinstance(result, Held):
            self.held.append(result)


class RealProtocol(RuleBasedStateMachine):
    """Workers with two budgets each, an authority that is killed, and a network that does what it likes."""

    workers = Bundle("workers")
    excess_most = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = uvloop.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger"))
        self.clock = Clock()
        self.network = Network(self.folder)
        self.lives = 0
        self.alive: dict[str, Worker] = {}
        self.dead: list[tuple[str, Counter[Place]]] = []
        self.provider: Counter[Place] = Counter()
        self.excess: Counter[Place] = Counter()
        self.born = 0
        self.jobs: list[tuple[str, Place, int]] = []  # work that goes on, with what was held for it
        self.late: Counter[tuple[str, Place]] = Counter()  # as the store adds it up

    @initialize(target=workers, limits=st.tuples(st.integers(100, 1500), st.integers(100, 1500)))
    def begin(self, limits: tuple[int, int]) -> MultipleResults[str]:
        """Set the budgets, and start the authority and two workers."""
        self.terms = [terms(name, limit) for name, limit in zip(BUDGETS, limits, strict=True)]
        self.terms[1].partial = True
        self.limits = {one.place: one.limit for one in self.terms}
        self.run(self.start_authority(None))
        return multiple(self.start_worker(), self.start_worker())

    # ==== what happens ================================================================================================

    @precondition(lambda self: len(self.alive) < 3)
    @rule(target=workers)
    def another_worker(self) -> str:
        """A worker process begins."""
        return self.start_worker()

    @rule(name=workers, requests=REQUESTS)
    def requests(self, name: str, requests: list[tuple[int, int]]) -> None:
        """Requests come; whatever they ask for is still on its way."""
        self.run(self.hold(name, requests))

    @rule(name=workers, requests=REQUESTS)
    def prompt_requests(self, name: str, requests: list[tuple[int, int]]) -> None:
        """Requests come; what they ask for is brought and answered at once."""
        self.run(self.hold(name, requests))
        self.run(self.deliver_everything())

    @rule(name=workers, requests=REQUESTS, choices=st.tuples(CHOICE, CHOICE))
    def quick_requests(self, name: str, requests: list[tuple[int, int]], choices: tuple[int, int]) -> None:
        """The same, and one of them comes to its end."""
        self.prompt_requests(name, requests)
        self.answer(name, choices)

    @rule(name=workers, choices=st.tuples(CHOICE, CHOICE))
    def answers(self, name: str, choices: tuple[int, int]) -> None:
        """An answer comes to its end."""
        self.answer(name, choices)

    def answer(self, name: str, choices: tuple[int, int]) -> None:
        """The provider bills, the journal has it, the hold is settled."""
        worker = self.alive[name]
        if not worker.held:
            return
        held = worker.held.pop()
        costs = []
        for (series, start_s, amount), choice in zip(held.places(), choices, strict=True):
            cost = choice % (amount + self.excess_most + 1)
            place = Place(series, start_s)
            self.excess[place] += max(0, cost - amount)
            self.provider[place] += cost
            worker.recorded[place] += cost
            costs.append(cost)
        worker.holder.settle(held, costs)
        self.run(self.quiet())

    @rule(seconds=st.sampled_from([WAIT_S / 2, WAIT_S, SWEEP_S, 4 * SWEEP_S]))
    def time_passes(self, seconds: float) -> None:
        """Requests have waited long enough, what is idle goes back, accounts are dropped."""
        self.clock.run(seconds)
        self.run(self.quiet())

    @rule(choice=CHOICE, keep=st.booleans())
    def deliver(self, choice: int, keep: bool) -> None:
        """Any message arrives, in any order, once or (kept) again later."""
        self.run(self.deliver_one(choice, keep))

    @rule()
    def deliver_all(self) -> None:
        """All that is on its way arrives, and what that causes."""
        self.run(self.deliver_everything())

    @rule(name=consumes(workers), choices=st.tuples(CHOICE, CHOICE))
    def kill_worker(self, name: str, choices: tuple[int, int]) -> None:
        """Kill -9: what was in flight the provider may bill, the journal books it at its hold."""
        worker = self.alive.pop(name)
        spent = Counter(worker.recorded)
        for held in worker.held:
            for (series, start_s, amount), choice in zip(held.places(), choices, strict=True):
                self.provider[Place(series, start_s)] += choice % (amount + 1)
                spent[Place(series, start_s)] += amount
        self.dead.append((name, spent))
        worker.holder._sweeping.cancel()
        worker.client._listener = None
        self.network.cut(name)
        self.run(self.quiet())

    @rule(name=workers)
    def work_goes_on(self, name: str) -> None:
        """An exchange ends before its cost is known: what was held is charged."""
        worker = self.alive[name]
        if not worker.held:
            return
        held = worker.held.pop()
        for series, start_s, amount in held.places():
            worker.recorded[Place(series, start_s)] += amount
            self.jobs.append((name, Place(series, start_s), amount))
        worker.holder.settle(held, [amount for _, _, amount in held.places()])
        self.run(self.quiet())

    @rule(
        kind=st.sampled_from(["lose", "cut", "kill", "raise", "reconcile", "work ends", "late"]),
        choice=CHOICE,
        turns=st.integers(0, 4),
    )
    def trouble(self, kind: str, choice: int, turns: int) -> None:
        """Something happens that is rarer than requests."""
        {
            "lose": self.lose,
            "cut": self.cut,
            "kill": self.kill_authority,
            "raise": self.raise_limit,
            "reconcile": self.reconcile,
            "work ends": self.work_ends,
            "late": self.tell_late,
        }[kind](choice, turns)

    def lose(self, choice: int, _: int) -> None:
        """A message never arrives."""
        if self.network.wire:
            self.network.wire.pop(choice % len(self.network.wire))

    def cut(self, choice: int, _: int) -> None:
        """A connection breaks; the worker makes a new one and says again what has no answer."""
        if self.alive:
            self.network.cut(sorted(self.alive)[choice % len(self.alive)])
            self.run(self.quiet())

    def reconcile(self, _: int, __: int) -> None:
        """The recorder has read a dead worker's journal to its end."""
        if self.dead:
            self.run(self.server.close(*self.dead.pop(0)))

    def work_ends(self, choice: int, _: int) -> None:
        """The provider bills it, whether its worker still lives or not, and the store has the difference."""
        if self.jobs:
            name, place, held = self.jobs.pop(choice % len(self.jobs))
            cost = choice % (held + self.excess_most + 1)
            self.excess[place] += max(0, cost - held)
            self.provider[place] += cost
            self.late[name, place] += cost - held

    def tell_late(self, _: int, __: int) -> None:
        """The recorder tells what became known late; all of it, as after a restart."""
        for (name, place), total in self.late.items():
            self.server.late(name, place, total)

    def raise_limit(self, choice: int, _: int) -> None:
        """Somebody lets more be spent."""
        place = self.terms[choice % len(self.terms)].place
        self.limits[place] += choice
        self.run(self.server.raise_limit(place.series, choice, By("ann", "it is needed")))

    def kill_authority(self, choice: int, turns: int) -> None:
        """It comes back with what was on the disk in that moment, here a moment after it took a message."""

        async def kill() -> None:
            if self.network.wire:
                self.network.pass_on(*self.network.wire.pop(choice % len(self.network.wire)))
                for _ in range(turns):
                    await asyncio.sleep(0)
            left = self.disk()
            for name in list(self.network.lines):
                self.network.cut(name)
            await self.server.stop()
            await self.start_authority(left)

        self.run(kill())

    # ==== what must be ================================================================================================

    @invariant()
    def the_provider_bills_no_more_than_the_limit(self) -> None:
        """But for what costs had more than was held for them."""
        for place, limit in getattr(self, "limits", {}).items():
            assert self.provider[place] <= limit + self.excess[place]

    @invariant()
    def what_a_holder_may_spend_is_charged(self) -> None:
        """So nobody else can be granted it."""
        for name, worker in self.alive.items():
            for place, account in worker.holder._accounts.items():
                balance = self.server._books.balance(place)
                lease = balance.leases.get(name) if balance is not None else None
                held = sum(part[2] for held in worker.held for part in held.places() if Place(*part[:2]) == place)
                assert held == account.held
                assert account.granted - account.owed <= (lease.granted if lease is not None else 0)

    def teardown(self) -> None:
        """When all is quiet the books are what was recorded, and everything else can be spent again."""
        try:
            if hasattr(self, "limits"):
                self.run(self.check_the_end())
        finally:
            self.network.close()
            self.loop.run_until_complete(asyncio.sleep(0.01))
            self.loop.close()
            shutil.rmtree(self.folder)

    async def check_the_end(self) -> None:
        """Close everybody, and add up."""
        for name, worker in self.alive.items():
            spent = Counter(worker.recorded)
            for held in worker.held:
                spent.update({Place(series, start_s): amount for series, start_s, amount in held.places()})
            self.dead.append((name, spent))
            worker.holder._sweeping.cancel()
            worker.client.close()
        for name, spent in self.dead:
            await self.server.close(name, spent)
        self.tell_late(0, 0)
        recorded = {place: self.server._books.balance(place) for place in self.limits}
        await self.server.stop()
        for place, limit in self.limits.items():
            balance = recorded[place]
            if balance is None:
                assert not self.provider[place]
                continue
            assert not balance.leases
            assert self.provider[place] <= balance.settled == balance.charged <= limit + self.excess[place]

    # ==== how it is done ==============================================================================================

    def start_worker(self) -> str:
        """Start a worker, with a connection to the authority."""
        self.born += 1
        name = f"w{self.born}"

        async def start() -> None:
            path = await self.network.open(name)
            self.alive[name] = Worker(name, path, self.clock)
            await self.quiet()

        self.run(start())
        return name

    async def hold(self, name: str, requests: list[tuple[int, int]]) -> None:
        """Let requests hold what they need, or wait for it."""
        worker = self.alive[name]
        for amounts in requests:
            found = worker.holder.hold(list(zip(self.terms, amounts, strict=True)))
            if isinstance(found, Held):
                worker.held.append(found)
            else:
                worker.holder.more(found, worker.came)
        await self.quiet()

    def run(self, what: object) -> None:
        """Let the loop run until that is done, or it takes too long."""
        self.loop.run_until_complete(asyncio.wait_for(what, 10))  # type: ignore[arg-type]

    async def start_authority(self, left: Path | None) -> None:
        """Start one on what another has left."""
        self.lives += 1
        folder = self.folder / f"life-{self.lives}"
        folder.mkdir()
        if left is not None:
            shutil.copytree(left, folder, dirs_exist_ok=True)
        self.server = await Server.open(folder)
        self.server._desk._timers = self.clock
        self.network.server_socket = folder / SOCKET
        await self.quiet()

    def disk(self) -> Path:
        """Copy the file as it is: what a killed process leaves."""
        copy = self.folder / f"left-{self.lives}"
        copy.mkdir()
        for suffix in ("", "-wal"):
            path = self.folder / f"life-{self.lives}" / f"ledger.db{suffix}"
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path, copy / path.name)
        return copy

    async def quiet(self) -> None:
        """Wait until everybody is connected and nothing happens any more."""
        await until(
            lambda: all(name in self.network.lines and one.client.connected for name, one in self.alive.items())
        )
        for worker in self.alive.values():
            worker.client._retry_s = 0.001  # however often the network has failed
        idle = 0
        while idle < 6:
            self.clock.run()
            await asyncio.sleep(0 if self.server._commits.idle else 0.0002)
            idle = idle + 1 if self.server._commits.idle else 0

    async def deliver_one(self, choice: int, keep: bool) -> None:
        """Bring one message, and wait for what it causes."""
        wire = self.network.wire
        if wire:
            at = choice % len(wire)
            self.network.pass_on(*(wire[at] if keep else wire.pop(at)))
            await self.quiet()

    async def deliver_everything(self) -> None:
        """Bring one after the other until there is nothing left."""
        while self.network.wire:
            await self.deliver_one(0, False)


class OverrunningRealProtocol(RealProtocol):
    """The same where costs can be larger than what was held for them."""

    excess_most = 100


TestRealProtocol = RealProtocol.TestCase
TestRealProtocol.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestOverrunningRealProtocol = OverrunningRealProtocol.TestCase
TestOverrunningRealProtocol.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
