"""A scripted provider on a real socket: it records every request, byte for byte, and plays the answers a test wrote."""

import asyncio
import contextlib
import functools
import gzip
import itertools
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import uvloop

LIMIT_S = 20.0
JSON = (("Content-Type", "application/json"),)
EVENTS = (("Content-Type", "text/event-stream; charset=utf-8"),)

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came. `connection`: the number of the connection that it came on, from 0."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def values(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


class Gate:
    """A place in an answer: the provider stops here until the test opens it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()
        self._wake: Callable[[], object] | None = None

    def reached(self) -> None:
        """Wait until the provider stands here."""
        assert self._reached.wait(LIMIT_S), "the provider never came to this place of its answer"

    def open(self) -> None:
        """Let the answer go on."""
        self._opened.set()
        if self._wake is not None:
            self._wake()

    async def passed(self) -> None:
        """Wait, in the provider."""
        go = asyncio.Event()
        self._wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, go.set)
        self._reached.set()
        if not self._opened.is_set():
            await go.wait()


# Bytes: one write (and one chunk, if chunked). A number: a pause in seconds. A gate: wait until the test opens it.
Step = bytes | float | Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One scripted answer.

    `framing`: length | chunked | eof. `trickle`: sizes of the writes that the whole answer, head and framing included,
    is cut into, repeated to its end, instead of one write for each step. `stop_at`: after so many bytes of the body (or
    of the whole, with `raw`) nothing more comes, and the connection ends by `stop_by`: close | reset. `closes`: close
    after the answer, without a word. `early`: answer as soon as the request's head is there. `raw`: these very bytes.
    `first`: what to wait for before anything is sent.
    """

    body: Sequence[Step] = ()
    status: int = 200
    headers: Headers = JSON
    framing: str = "length"
    trickle: Sequence[int] = ()
    stop_at: int | None = None
    stop_by: str = "close"
    closes: bool = False
    early: bool = False
    raw: bytes | None = None
    first: Step | None = None

    def gzipped(self) -> "Answer":
        """Return the same answer with a compressed body."""
        whole = b"".join(step for step in self.body if isinstance(step, bytes))
        return replace(
            self, body=(gzip.compress(whole, mtime=0),), headers=(*self.headers, ("Content-Encoding", "gzip"))
        )

    def writes(self) -> Iterator[Step]:
        """Yield what goes over the wire, in order."""
        if self.first is not None:
            yield self.first
        steps = list(self._framed())
        if not self.trickle:
            yield from steps
            return
        whole = b"".join(step for step in steps if isinstance(step, bytes))
        at = 0
        for size in itertools.cycle(self.trickle):
            yield whole[at : at + size]
            at += size
            if at >= len(whole):
                return

    def _framed(self) -> Iterator[Step]:
        if self.raw is not None:
            yield self.raw[: self.stop_at]
            return
        head = self._head()
        left = self.stop_at
        for step in self.body:
            if not isinstance(step, bytes):
                if head:
                    yield head
                    head = b""
                yield step
                continue
            piece = step if left is None else step[:left]
            # A chunk that is cut keeps the size it promised.
            framed = b"%x\r\n" % len(step) + piece if self.framing == "chunked" and step else piece
            if self.framing == "chunked" and step and len(piece) == len(step):
                framed += b"\r\n"
            yield head + framed
            head = b""
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    return
        end = b"0\r\n\r\n" if self.framing == "chunked" and self.stop_at is None else b""
        if head or end:
            yield head + end

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in self.headers)]
        if self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        elif self.framing == "length":
            lines.append(f"Content-Length: {sum(len(step) for step in self.body if isinstance(step, bytes))}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(body: bytes, **fields: Any) -> Answer:
    """Make an answer of one piece."""
    return Answer(body=(body,), **fields)


def stream(*pieces: Step, **fields: Any) -> Answer:
    """Make a chunked event stream."""
    return Answer(body=pieces, headers=EVENTS, framing="chunked", **fields)


@dataclass
class _Reading:
    """A request on its way in."""

    data: bytearray = field(default_factory=bytearray)
    head: tuple[str, str, list[tuple[str, str]]] | None = None
    body: bytearray = field(default_factory=bytearray)
    left: int | None = None  # None: chunked


class _Connection(asyncio.Protocol):
    """One connection: requests in, scripted answers out, one after the other."""

    def __init__(self, provider: "Provider", number: int) -> None:
        self._provider = provider
        self._number = number
        self._transport: Any = None
        self._reading = _Reading()
        self._playing: asyncio.Task[None] | None = None
        self._early: Answer | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._provider.open_connections.add(self)
        if self._provider.is_paused:
            asyncio.get_running_loop().call_soon(self.pause, True)  # reading begins behind this callback

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.open_connections.discard(self)
        self._provider.ended.append(self._number)
        if self._playing is not None:
            self._playing.cancel()

    def pause(self, paused: bool) -> None:
        """Stop reading requests, or go on."""
        self._transport.pause_reading() if paused else self._transport.resume_reading()

    def abort(self) -> None:
        """Cut it."""
        self._transport.abort()

    def close(self) -> None:
        """Close it in the usual way."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        reading = self._reading
        reading.data += data
        self._provider.received_bytes += len(data)
        if reading.head is None and not self._read_head(reading):
            return
        if self._read_body(reading):
            asked = Asked(*reading.head, bytes(reading.body), self._number)  # type: ignore[misc]
            self._reading = _Reading()
            self._provider.asked.append(asked)
            if self._early is None:
                self._play(self._provider.script(asked))
            self._early = None

    def _read_head(self, reading: _Reading) -> bool:
        head, found, rest = bytes(reading.data).partition(b"\r\n\r\n")
        if not found:
            return False
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = [(name, value.strip()) for name, _, value in (each.partition(":") for each in lines)]
        index = {name.lower(): value for name, value in headers}
        reading.head = (method, target, headers)
        reading.left = None if "transfer-encoding" in index else int(index.get("content-length", "0"))
        reading.data = bytearray(rest)
        self._early = self._provider.early_answer()
        if self._early is not None:
            self._play(self._early)
        return True

    def _read_body(self, reading: _Reading) -> bool:
        data = reading.data
        if reading.left is not None:
            taken = data[: reading.left]
            reading.body += taken
            reading.left -= len(taken)
            del data[: len(taken)]
            return not reading.left
        while (end := data.find(b"\r\n")) >= 0:
            size = int(data[:end], 16)
            if len(data) < end + 2 + size + 2:
                return False
            reading.body += data[end + 2 : end + 2 + size]
            assert b"\r\n" == data[end + 2 + size : end + 4 + size]
            del data[: end + 4 + size]
            if not size:
                return True
        return False

    def _play(self, answer: Answer) -> None:
        self._playing = asyncio.get_running_loop().create_task(self._write(answer))

    async def _write(self, answer: Answer) -> None:
        transport = self._transport
        for step in answer.writes():
            if isinstance(step, Gate):
                await step.passed()
            elif isinstance(step, float):
                await asyncio.sleep(step)
            else:
                transport.write(step)
                await asyncio.sleep(0)  # a write of its own
                await self._writable.wait()
                self._provider.sent_bytes += len(step)
        if answer.stop_at is not None and answer.stop_by == "reset":
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        elif answer.stop_at is not None or answer.framing == "eof" or answer.closes:
            transport.close()


class Provider:
    """The provider: scripts in, requests out. It lives in a thread, so that tests may be synchronous."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.ended: list[int] = []  # numbers of the connections that are closed
        self.received_bytes = 0  # of requests, also of those that are not whole yet
        self.is_paused = False
        self.sent_bytes = 0  # of answers, as far as they left
        self.open_connections: set[_Connection] = set()
        self.otherwise: Callable[[Asked], Answer] = lambda _: answer(b'{"error":"nothing is scripted"}', status=599)
        self._scripts: deque[Answer] = deque()
        self._numbers = itertools.count()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def play(self, *answers: Answer) -> None:
        """Answer the next requests like this, in this order; beyond them `otherwise` is asked."""
        self._scripts.extend(answers)

    def script(self, asked: Asked) -> Answer:
        """Take the answer for a request."""
        return self._scripts.popleft() if self._scripts else self.otherwise(asked)

    def early_answer(self) -> Answer | None:
        """Take the next answer if it does not wait for a request's body."""
        return self._scripts.popleft() if self._scripts and self._scripts[0].early else None

    def forget(self) -> None:
        """Begin anew: nothing asked, nothing scripted. Connections stay."""
        self.asked.clear()
        self.ended.clear()
        self._scripts.clear()
        self.received_bytes = self.sent_bytes = 0

    def pause_reading(self, paused: bool) -> None:
        """Take nothing of any request on new connections, or go on with everything."""
        self.is_paused = paused
        if not paused:
            self._loop.call_soon_threadsafe(
                lambda: [connection.pause(False) for connection in list(self.open_connections)]
            )

    def close_connections(self) -> None:
        """Close every connection, as a provider does that has seen them idle for long."""
        self._loop.call_soon_threadsafe(lambda: [connection.close() for connection in list(self.open_connections)])
        until(lambda: not self.open_connections, "connections close")

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self.port = listening.result(LIMIT_S)

    async def _listen(self) -> int:
        server = await self._loop.create_server(
            lambda: _Connection(self, next(self._numbers)), "127.0.0.1", 0, backlog=1024
        )
        self._server = server
        return int(server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Cut everything and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(LIMIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for connection in list(self.open_connections):
            connection.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def providing(otherwise: Callable[[Asked], Answer] | None = None) -> Iterator[Provider]:
    """Run a provider; `otherwise` answers what no script answers, from the first request on."""
    provider = Provider()
    if otherwise is not None:
        provider.otherwise = otherwise
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def until(holds: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {limit_s:g} s in vain until {what}"
        time.sleep(0.005)
    return found
