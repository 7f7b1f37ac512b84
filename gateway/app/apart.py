"""Who finds answers in the log, so that traffic does not feel it? A process of its own, that goes last."""

import asyncio
import logging
import pickle
import socket
import struct
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

from gateway.store.interface import NoAnswer
from gateway.store.opening import QueryTimeout

T = TypeVar("T")

IDLE_S: Final = 300.0  # unasked for so long, it goes, and its memory with it
LATE_S: Final = 5.0  # beyond a deadline: it may have to wait for a processor
LENGTH: Final = struct.Struct("!Q")

logger = logging.getLogger("tollway.recorder")


class Question(NamedTuple, Generic[T]):
    """Call `find` with the folder, a deadline in so many seconds, and what else is given."""

    find: Callable[..., T]
    folder: Path
    allowed_s: float
    given: tuple[Any, ...]


class Reply(NamedTuple):
    """What came of a question: what was returned, or raised."""

    number: int
    found: Any
    error: BaseException | None


class Apart:
    """Has answers found in another process (`answerer`). It comes with a question and goes when there was none for
    `idle_s`. Where it dies of a question, that is asked once more, and then refused with NoAnswer."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._line: _Line | None = None
        self._starting = asyncio.Lock()
        self._again = asyncio.Lock()
        self._going: asyncio.TimerHandle | None = None
        self._asked = 0
        self._is_closed = False

    async def answer(self, find: Callable[..., T], folder: Path, allowed_s: float, *given: Any) -> T:
        """Have the answer found; raise what `find` raises."""
        self._asked += 1
        self._stay()
        question = Question(find, folder, allowed_s, given)
        try:
            with suppress(_Gone):
                return await self._ask(question)
            async with self._again:  # one at a time: who kills it takes others along once, not twice
                return await self._ask(question)
        except _Gone:
            raise NoAnswer(
                "the process that looks for answers has died of this question, twice: ask for less"
            ) from None
        finally:
            self._asked -= 1
            if not self._asked and not self._is_closed:
                self._going = asyncio.get_running_loop().call_later(self._idle_s, self._go)

    async def close(self) -> None:
        """End the process, whatever it is at; there will be no other."""
        self._is_closed = True
        self._stay()
        async with self._starting:
            if self._line is not None:
                await self._line.end()

    async def _ask(self, question: Question[T]) -> T:
        found: T = await (await self._there()).ask(question)
        return found

    async def _there(self) -> "_Line":
        async with self._starting:
            if self._is_closed:
                raise NoAnswer("the gateway ends: ask the next one")
            if self._line is None or self._line.is_gone:
                try:
                    self._line = await _Line.start()
                except OSError as error:
                    raise NoAnswer(f"no process to look for answers can be started: {error}") from error
            return self._line

    def _stay(self) -> None:
        if self._going is not None:
            self._going.cancel()

    def _go(self) -> None:
        if self._line is not None:
            self._line.close()


class _Gone(Exception):
    """The process is no more."""


class _Line(asyncio.Protocol):
    """A process, and the socket by which it is asked."""

    def __init__(self) -> None:
        self.is_gone = False
        self._is_let_go = False
        self._process: Process | None = None
        self._reaping: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._heard = bytearray()

    @classmethod
    async def start(cls) -> "_Line":
        """Start a process; raise OSError."""
        line = cls()
        ours, theirs = socket.socketpair()
        try:
            line._process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno()), stdin=DEVNULL, pass_fds=(theirs.fileno(),)
            )
            line._transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        line._reaping = asyncio.create_task(line._reap(line._process), name="the answerer's end")
        return line

    async def ask(self, question: Question[Any]) -> Any:
        """Ask, and wait for what comes of it. Raise that, or _Gone."""
        if self.is_gone:
            raise _Gone
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send((number, question))
        try:
            async with asyncio.timeout(question.allowed_s + LATE_S):
                return await waiting
        except TimeoutError:
            raise QueryTimeout(
                f"this takes longer than {question.allowed_s:g} s, since traffic goes first: ask for less"
            ) from None
        finally:
            del self._waiting[number]
            if waiting.cancelled():  # nobody waits for it any more
                self._send((number, None))

    def close(self) -> None:
        """Let it go: it ends when nobody can ask it any more."""
        self.is_gone = self._is_let_go = True
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """End it, whatever it is at: it only reads."""
        self.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._reaping is not None:
            await self._reaping

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (reply := taken(self._heard)) is not None:
            waiting = self._waiting.get(reply.number)
            if waiting is None or waiting.done():
                continue
            if reply.error is not None:
                waiting.set_exception(reply.error)
            else:
                waiting.set_result(reply.found)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_gone = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_Gone())

    def _send(self, message: tuple[int, Question[Any] | None]) -> None:
        if self._transport is not None and not self.is_gone:
            self._transport.write(framed(message))

    async def _reap(self, process: Process) -> None:
        status = await process.wait()
        if not self._is_let_go:
            logger.warning("the process that looks for answers has died", extra={"status": status})


def _command(fd: int) -> list[str]:
    safe = ["-P"] if sys.flags.safe_path else []  # where modules are looked for is decided by the supervisor
    return [sys.executable, *safe, "-m", "gateway.app.answerer", str(fd)]


def framed(message: object) -> bytes:
    """Write a message: its length, and the object. Both ends are ours, and nobody else has the socket."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


def taken(heard: bytearray) -> Any:
    """Take the first message off what was heard; None: it is not there wholly."""
    if len(heard) < LENGTH.size:
        return None
    end = LENGTH.size + LENGTH.unpack_from(heard)[0]
    if len(heard) < end:
        return None
    message = pickle.loads(memoryview(heard)[LENGTH.size : end])  # noqa: S301 - see `framed`
    del heard[:end]
    return message
