"""Agents on raw sockets, cheap enough that hundreds of them fit beside the gateway that they load."""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable
from typing import Any

from bench.fire.asking import Call

LIMIT_S = 60.0
# Refused agents would otherwise be the whole load.
_SULKS_S = 1.0
_RESTS_S = 0.05
_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ID = re.compile(rb"(?i)\r\nx-tollway-request-id: *(\S+)")
_ERROR = re.compile(rb"(?i)\r\nx-tollway-error: *(\S+)")
_TERMINAL = (b"data: [DONE]\n\n", b"event: message_stop\n")


class Line(asyncio.Protocol):
    """One connection to the gateway, and the call that is under way on it."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._call: Call | None = None
        self._done: asyncio.Future[None] | None = None
        self._head = b""
        self._body = bytearray()  # framed as it comes
        self._length: int | None = None
        self.closed = False

    @classmethod
    async def open(cls, port: int) -> "Line":
        """Connect."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    async def ask(self, call: Call) -> None:
        """Make a call and wait for its end, whatever it is."""
        self._call, self._head, self._length = call, b"", None
        self._body.clear()
        self._done = asyncio.get_running_loop().create_future()
        request = call.request()
        call.began_s = time.time()
        self._transport.write(request)
        if call.leaves_at == 0:
            await asyncio.sleep(0.1)
            self._leave(call)
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._done
        except TimeoutError:
            call.end, call.told = "broken", f"no end within {LIMIT_S:g} s"
            self.close()
        call.ended_s = time.time()

    def close(self) -> None:
        """Close it."""
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """End the call with what has come."""
        self.closed = True
        call = self._call
        if call is not None and not call.end:
            call.end = "broken"
            call.told = f"closed after {len(self._body)} bytes"
            # Whoever has the terminal event has everything.
            if call.status == 200 and call.stream and any(mark in self._body for mark in _TERMINAL):
                call.end = "whole"
        self._finish()

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer."""
        call = self._call
        if call is None or call.end:
            return
        if self._head:
            self._body += data
        else:
            self._body += data
            end = self._body.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._body[: end + 4])
            del self._body[: end + 4]
            self._read_head(call)
        if call.leaves_at and len(self._body) >= call.leaves_at:
            self._leave(call)
        elif self._is_whole():
            self._end(call)

    def _read_head(self, call: Call) -> None:
        head = self._head
        status, length, name, error = (each.search(head) for each in (_STATUS, _LENGTH, _ID, _ERROR))
        call.status = int(status[1]) if status else 0
        call.id = name[1].decode() if name else ""
        call.error = error[1].decode() if error else ""
        self._length = int(length[1]) if length else None

    def _is_whole(self) -> bool:
        if self._length is not None:
            return len(self._body) >= self._length
        return self._body.endswith(b"0\r\n\r\n")

    def _end(self, call: Call) -> None:
        if call.error:
            call.end, call.told = "refused", self._body.decode(errors="replace")
        elif call.status == 200 and call.stream and not any(mark in self._body for mark in _TERMINAL):
            call.end, call.told = "stopped", self._body[-300:].decode(errors="replace")
        else:
            call.end = "whole"
        if b"connection: close" in self._head.lower():
            self.close()
        self._finish()

    def _leave(self, call: Call) -> None:
        if not call.end:
            call.end = "left"
            self.close()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


class Load:
    """Agents that ask one question after the other. `draw`: makes up an agent's next call."""

    def __init__(self, port: int, agents: int, draw: Callable[[int], Call], rests_s: float = _RESTS_S) -> None:
        self.calls: list[Call] = []
        self.unreachable = 0  # connections that nobody took
        self.under_way = 0
        self.most_under_way = 0
        self._port = port
        self._agents = agents
        self._draw = draw
        self._rests_s = rests_s
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let them begin."""
        self._tasks = [asyncio.create_task(self._live(number)) for number in range(self._agents)]

    async def stop(self) -> list[Call]:
        """Let each end what it does, and return all calls."""
        self._stopping = True
        await asyncio.gather(*self._tasks)
        return self.calls

    async def _live(self, number: int) -> None:
        chance = random.Random(number)
        await asyncio.sleep(chance.random() * 0.5)
        line: Line | None = None
        while not self._stopping:
            if line is None or line.closed:
                try:
                    line = await Line.open(self._port)
                except OSError:
                    self.unreachable += 1
                    await asyncio.sleep(0.05)
                    continue
            call = self._draw(number)
            await self._ask(line, call)
            rest_s = _SULKS_S if call.end == "refused" else self._rests_s
            await asyncio.sleep(rest_s * chance.random() * 2)
        if line is not None:
            line.close()

    async def _ask(self, line: Line, call: Call) -> None:
        self.calls.append(call)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await line.ask(call)
        finally:
            self.under_way -= 1


async def ask_once(port: int, call: Call) -> Call:
    """Make one call on a connection of its own."""
    line = await Line.open(port)
    with contextlib.closing(line):
        await line.ask(call)
    return call
