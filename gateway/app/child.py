"""One process below the supervisor: start it, talk to it, replace it when it dies, end it."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence

from gateway.app.channel import CONTROL_FD, LISTEN_FDS, Applied, Channel, Drain, Message, Ready
from gateway.app.startup import StartError

log = logging.getLogger("tollway.supervisor")

YOUNG_S = 1.0  # who dies younger is replaced at once the first time, then ever more slowly
BACKOFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
SILENT_S = 10.0  # a child whose channel is gone cannot be led any more: it has this long to end by itself
TERM_S = 5.0  # from SIGTERM to SIGKILL
_DEATHS = {
    True: "a child died and is replaced; what it was serving ended with it",
    False: "a child died and is replaced; traffic does not need it",
}


class Child:
    """One slot of the process table. `changed` is called whenever `running`, `restarts` or `generation` moved.

    `died` is told why a process must be replaced: crash, killed (by somebody else), watchdog (by us). `vital`: without
    it there is no start.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        listener: socket.socket | None,
        changed: Callable[[], None],
        died: Callable[[str], None] = lambda _: None,
        *,
        vital: bool = True,
    ) -> None:
        self.name = name
        self.pid: int | None = None
        self.restarts = 0
        self.generation = 0
        self.ready = asyncio.Event()
        self._command = command
        # The supervisor closes its own at the start of a drain.
        self._listener = None if listener is None else listener.dup()
        self._vital = vital
        self._changed = changed
        self._died = died
        self._was_silent = False
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._greeting: Sequence[Message] = ()
        self._stopping = asyncio.Event()
        self._killed = False
        self._was_ready = False
        self.life: asyncio.Task[None] | None = None

    def begin(self, *greeting: Message) -> asyncio.Task[None]:
        """Start, and replace the process whenever it ends, until `stop`. `greeting`: its config.

        The task fails with StartError if the very first process ends before it is ready, and is vital.
        """
        self._greeting = greeting
        self.life = asyncio.create_task(self._live(), name=self.name)
        return self.life

    def configure(self, *greeting: Message) -> None:
        """Give the child its config, now and whenever it is replaced."""
        self._greeting = greeting
        for message in greeting:
            self.send(message)

    def send(self, message: Message) -> None:
        """Send a message, if there is anybody to hear it."""
        if self._channel is not None:
            self._channel.send(message)

    async def stop(self, patience_s: float, hurry: asyncio.Event) -> None:
        """Drain: the child ends by itself, at the latest after `patience_s`, at once when `hurry` is set."""
        self._stopping.set()
        self._close_listener()
        self.send(Drain())
        if await self._ends_within(patience_s, hurry):
            return
        if not hurry.is_set():
            log.warning("a child took too long to drain, ending it", extra=self._who)
            self._signal(signal.SIGTERM)
            if await self._ends_within(TERM_S, hurry):
                return
        await self.kill()

    async def kill(self) -> None:
        """End the process without asking."""
        self._stopping.set()
        self._killed = True
        self._close_listener()
        self._signal(signal.SIGKILL)
        if self.life is not None:
            await asyncio.wait({self.life})

    async def _live(self) -> None:
        quick_deaths = 0
        while not self._stopping.is_set():
            born_s = asyncio.get_running_loop().time()
            status = await self._one_life()
            if self._stopping.is_set():
                return
            if not self._was_ready and self._vital:
                raise StartError(f"the {self.name} ended before it was ready ({status}); its own words stand above")
            age_s = asyncio.get_running_loop().time() - born_s
            quick_deaths = quick_deaths + 1 if age_s < YOUNG_S else 0
            delay_s = BACKOFF_S[min(quick_deaths, len(BACKOFF_S)) - 1] if quick_deaths else 0.0
            told = {"child": self.name, "status": status, "age_s": round(age_s, 1), "replaced_in_s": delay_s}
            log.error(_DEATHS[self._vital], extra=told)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            self.restarts += 1
            self._died(self._reason(status))

    def _reason(self, status: str) -> str:
        if self._was_silent:
            return "watchdog"
        return "killed" if status == "signal SIGKILL" else "crash"

    async def _one_life(self) -> str:
        """Run one process from start to end and say how it ended."""
        self._was_silent = False
        ours, theirs = socket.socketpair()
        try:
            process = await self._spawn(theirs)
        except OSError as error:
            ours.close()
            return f"could not be started: {error}"
        finally:
            theirs.close()
        self._process, self.pid = process, process.pid
        self._channel = await Channel.open(ours)
        self._greet()
        try:
            await self._talk(self._channel)
            code = await self._end_of(process)
        finally:
            self._channel.close()
            self._channel = self._process = self.pid = None
            self.ready.clear()
            self._changed()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    async def _spawn(self, theirs: socket.socket) -> Process:
        fds = [theirs.fileno()]
        env = {**os.environ, CONTROL_FD: str(theirs.fileno())}
        if self._listener is not None:
            fds.append(self._listener.fileno())
            env[LISTEN_FDS] = str(self._listener.fileno())
        # A group of its own: Ctrl-C in a terminal reaches the supervisor only, which then drains.
        return await asyncio.create_subprocess_exec(
            *self._command, stdin=DEVNULL, env=env, pass_fds=fds, process_group=0
        )

    def _greet(self) -> None:
        """Send what a new process must know, also if the end was ordered while it was being started."""
        for message in self._greeting:
            self.send(message)
        if self._stopping.is_set():
            self.send(Drain())
        if self._killed:
            self._signal(signal.SIGKILL)

    async def _talk(self, channel: Channel) -> None:
        """Read what the child says until it closes the channel, by its end at the latest."""
        while (message := await channel.receive()) is not None:
            if isinstance(message, Applied):
                self.generation = message.generation
            elif isinstance(message, Ready):
                self._was_ready = True
                self.ready.set()
                log.info("a child is ready", extra=self._who)
            self._changed()

    async def _end_of(self, process: Process) -> int:
        if not self._stopping.is_set():
            try:
                return await asyncio.wait_for(process.wait(), SILENT_S)
            except TimeoutError:
                self._was_silent = True
                log.error("a child closed its channel but goes on, killing it", extra=self._who)
                self._signal(signal.SIGKILL)
        return await process.wait()

    async def _ends_within(self, timeout_s: float, hurry: asyncio.Event) -> bool:
        if self.life is None or self.life.done():
            return True
        haste = asyncio.create_task(hurry.wait(), name=f"{self.name} hurry")
        await asyncio.wait({self.life, haste}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        haste.cancel()
        return self.life.done()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()

    @property
    def _who(self) -> dict[str, object]:
        return {"child": self.name, "pid": self.pid}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
