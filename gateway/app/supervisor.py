"""The parent of all processes: listening sockets, respawn, signals, reload. Carries no traffic itself."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import gateway
from gateway.app.aside import Aside
from gateway.app.channel import Message, State
from gateway.app.child import Child
from gateway.app.live import Live
from gateway.app.log import configure
from gateway.app.startup import REBIND_PATIENCE_S, DataDir, StartError, address_of, bind, raise_file_limit
from gateway.metrics import board
from gateway.metrics.board import Board, Slot
from gateway.policies.snapshot import Address

log = logging.getLogger("tollway.supervisor")

SLOW_START_S = 10.0
RECORDER_PATIENCE_S = 30.0  # the recorder empties the journals; what it leaves, the next start finds
HURRIED_RECORDER_S = 5.0
_DIED = {"crash": board.DIED_CRASH, "killed": board.DIED_KILLED, "watchdog": board.DIED_WATCHDOG}


class Commands(NamedTuple):
    """The command lines of the children; each names its role."""

    worker: Callable[[int], Sequence[str]]
    recorder: Sequence[str]
    evaluator: Sequence[str]


def our_commands() -> Commands:
    """Return the command lines of the gateway's own children."""
    # Without -P Python looks for modules in the current directory first: a user's folder named `gateway` would win.
    from_checkout = Path(gateway.__file__).resolve().parents[1] == Path.cwd()
    python = (sys.executable, *(() if from_checkout else ("-P",)), "-m")
    return Commands(
        lambda slot: (*python, "gateway.app.worker", str(slot)),
        (*python, "gateway.app.recorder"),
        (*python, "gateway.app.evaluator"),
    )


class Supervisor:
    """Serve one config until a signal. `listen`, `admin`: where it really listens, once `run` announced it."""

    def __init__(self, live: Live, commands: Commands) -> None:
        self.live = live
        self.listen: Address
        self.admin: Address
        self._commands = commands
        self._workers: list[Child] = []
        self._recorder: Child
        self._aside = Aside(commands.evaluator, self._tell_state, lambda _: self._row.add(board.EVALUATOR_DIED))
        self._row: Slot  # once the data directory is ours
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, announce: Callable[["Supervisor"], None]) -> None:
        """Start everything, announce it, serve, drain; raise StartError if the start fails."""
        server = self.live.snapshot.server
        raise_file_limit()
        folder = DataDir.take(server.data_dir)
        self._row = Board(Path(server.data_dir) / "board").slot(board.SUPERVISOR)
        self._row.set(board.RELOADED_AT_MS, time.time_ns() // 1_000_000)
        patience_s = REBIND_PATIENCE_S if folder.was_killed else 0.0
        with ExitStack() as sockets:
            sockets.callback(folder.release)
            data = sockets.enter_context(bind(server.listen, "listen", patience_s=patience_s))
            admin = sockets.enter_context(bind(server.admin, "admin", patience_s=patience_s))
            self.listen, self.admin = address_of(data), address_of(admin)
            self._handle_signals()
            try:
                await self._start(server.workers, data, admin)
                if not self._stop.is_set():
                    announce(self)
                    await self._serve()
            except BaseException:
                await asyncio.gather(*(child.kill() for child in self._children), self._aside.kill())
                raise
            data.close()  # from here on the kernel refuses new connections, as soon as the workers let go too
            await self._drain()
        if self._failure is not None:
            raise self._failure

    @property
    def _children(self) -> list[Child]:
        return [*self._workers, self._recorder]

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._reload, True)

    def _end(self) -> None:
        if self._stop.is_set():
            log.warning("second signal: ending without waiting for what still runs")
            self._hurry.set()
        else:
            log.info("draining: no new connections, what runs may end; a second signal ends it at once")
            self._stop.set()

    async def _start(self, workers: int, data: socket.socket, admin: socket.socket) -> None:
        self._recorder = Child("recorder", self._commands.recorder, admin, self._tell_state)
        self._workers = [
            Child(
                f"worker {slot}",
                self._commands.worker(slot),
                data,
                self._tell_state,
                lambda reason: self._row.add(_DIED[reason]),
            )
            for slot in range(workers)
        ]
        lives = [child.begin(self.live.message()) for child in self._children]
        self._lead_evaluator()
        for life in lives:
            life.add_done_callback(self._on_life_end)
        stop = asyncio.create_task(self._stopped(), name="stop")
        all_ready = asyncio.create_task(self._all_ready(), name="all ready")
        try:
            while not all_ready.done() and not stop.done():
                waited_for = [*lives, stop, all_ready]
                done, _ = await asyncio.wait(waited_for, timeout=SLOW_START_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # raises StartError
                if not done:
                    absent = [child.name for child in self._children if not child.ready.is_set()]
                    log.warning("still waiting for children to be ready", extra={"children": absent})
        finally:
            stop.cancel()
            all_ready.cancel()

    async def _stopped(self) -> None:
        await self._stop.wait()

    def _on_life_end(self, life: asyncio.Task[None]) -> None:
        """Stop rather than go on with a child that nobody looks after."""
        if not self._stop.is_set() and (error := life.exception()) is not None and not isinstance(error, StartError):
            log.critical(
                "nobody looks after a child any more, ending it all", extra={"child": life.get_name()}, exc_info=error
            )
            self._failure = error
            self._stop.set()

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.ready.wait()

    async def _serve(self) -> None:
        """Follow the config until a signal ends it all."""
        async for _ in self.live.changes(self._stop):
            self._reload()

    def _reload(self, force: bool = False) -> None:
        before = self.live.generation
        if not self.live.reload(force=force):
            return
        self._row.add(board.RELOADS_FAILED if self.live.problems else board.RELOADS_OK)
        if not self.live.problems:
            self._row.set(board.RELOADED_AT_MS, time.time_ns() // 1_000_000)
        if self.live.generation != before:
            configure("supervisor", self.live.snapshot)
            for child in self._children:
                child.configure(self.live.message())
            self._lead_evaluator()
        self._tell_state()

    def _lead_evaluator(self) -> None:
        """Nobody waits for it: agents are served while it starts, and if it cannot."""
        told: list[Message] = [self.live.judges(self.listen), self.live.message()]
        self._aside.follow(told, is_on=self.live.snapshot.evaluating.is_on)

    def _tell_state(self) -> None:
        everybody = [*self._children, *self._aside.children]
        self._recorder.send(
            State(
                generation=self.live.generation,
                reload_ok=not self.live.problems,
                problems=list(self.live.problems),
                workers=len(self._workers),
                running=[child.name for child in everybody if child.ready.is_set()],
                restarts={child.name: child.restarts for child in everybody},
            )
        )

    async def _drain(self) -> None:
        """End the workers and the evaluator, then the recorder: it must see the end of their journals."""
        patience_s = self.live.snapshot.server.drain_timeout_s
        stops = [worker.stop(patience_s, self._hurry) for worker in self._workers]
        await asyncio.gather(*stops, self._aside.stop(self._hurry))
        if self._hurry.is_set():
            await self._recorder.stop(HURRIED_RECORDER_S, asyncio.Event())
        else:
            await self._recorder.stop(RECORDER_PATIENCE_S, self._hurry)
        log.info("stopped", extra={"pid": os.getpid()})
