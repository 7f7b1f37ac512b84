"""A provider that keeps its own bill: it does what a prompt tells it to, and writes down what that costs beforehand.

It bills as providers do: what it has generated, sent or not, until it notices that nobody is there any more.
"""

import asyncio
import contextlib
import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bench.fire.asking import MODELS, Model, Plan

_PLAN = re.compile(rb"@(\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\w+)@")
_MODEL = re.compile(rb'"model":\s*"([^"]*)"')
_MAXIMUM = re.compile(rb'"max_tokens":\s*(\d+)')
_STREAM = re.compile(rb'"stream":\s*true')
_ASKS_USAGE = re.compile(rb'"include_usage":\s*true')
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_EVENTS = 16
_STATUS = {"e500": b"500 Internal Server Error", "e429": b"429 Too Many Requests"}
_JSON_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(slots=True)
class Bill:
    """What one request cost. `end`: whole | refused | mute | cut | drop | left, "" while it runs."""

    model: Model
    read: int
    cached: int
    written: int = 0
    amount: int = 0
    end: str = ""
    began_s: float = 0.0

    def add(self, tokens: int) -> None:
        """Write down that so many more tokens were written."""
        self.written += tokens
        self.amount = self.model.bill(self.read, self.cached, self.written)


class BillingProvider:
    """Listens for both dialects. `book`: the bills of each request by its name; two of one: it was sent twice."""

    def __init__(self) -> None:
        self.book: defaultdict[str, list[Bill]] = defaultdict(list)
        self.nameless = 0  # requests that no agent of ours has made
        self.port = 0
        self._server: asyncio.Server | None = None
        self.connections: set[Connection] = set()

    @property
    def urls(self) -> dict[str, str]:
        """Base URLs by dialect."""
        return {"openai": f"http://127.0.0.1:{self.port}/v1", "anthropic": f"http://127.0.0.1:{self.port}"}

    async def start(self) -> None:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Cut everything off."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def billed(self, nonce: str) -> int:
        """Return what a request cost, as often as it came."""
        return sum(bill.amount for bill in self.book.get(nonce, ()))

    @property
    def busy(self) -> int:
        """How many answers are not at their end."""
        return sum(connection.busy for connection in self.connections)


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out, one after the other."""

    def __init__(self, provider: BillingProvider) -> None:
        self._provider = provider
        self._data = bytearray()
        self._transport: Any = None
        self._answering: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is answering."""
        return self._answering is not None and not self._answering.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it."""
        self._transport = transport
        self._provider.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Generate no more."""
        self._provider.connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def abort(self) -> None:
        """Cut it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take pieces of a request; answer when it is whole."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._data, 0, end + 2)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._data) < size:
            return
        request = bytes(self._data[:size])
        del self._data[:size]
        self._answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: bytes) -> None:
        found, name = _PLAN.search(request), _MODEL.search(request)
        model = MODELS.get(name[1].decode()) if name else None
        if found is None or model is None:
            self._provider.nameless += 1
            self._transport.write(_JSON_HEAD % (b"400 Bad Request", 2) + b"{}")
            return
        read, cached, written, wait_ms, pause_ms = (int(found[at]) for at in range(2, 7))
        maximum = _MAXIMUM.search(request)
        if maximum is not None:
            written = min(written, int(maximum[1]))  # it honours what stands in the request
        plan = Plan(found[1].decode(), read, cached, written, wait_ms, pause_ms, found[7].decode())
        bill = Bill(model, plan.read, plan.cached, began_s=time.time())
        self._provider.book[plan.nonce].append(bill)
        try:
            if plan.fault in _STATUS:
                bill.end = "refused"
                body = b'{"type": "error", "error": {"type": "api_error", "message": "not now"}}'
                self._transport.write(_JSON_HEAD % (_STATUS[plan.fault], len(body)) + body)
            elif _STREAM.search(request):
                await self._stream(plan, bill, tells=_ASKS_USAGE.search(request) is not None)
            else:
                await self._document(plan, bill)
        finally:
            bill.end = bill.end or "left"

    async def _document(self, plan: Plan, bill: Bill) -> None:
        bill.add(0)
        try:
            await asyncio.sleep(plan.wait_ms / 1000)
        except asyncio.CancelledError:
            bill.add(plan.written // 2)  # by then it had got so far
            raise
        bill.add(plan.written)
        if plan.fault == "drop":
            self._end(bill, "drop")
            return
        fields = _DOCUMENTS[bill.model.dialect](bill, "tok " * bill.written)
        if plan.fault == "mute":
            del fields["usage"]
        body = json.dumps(fields).encode()
        whole = _JSON_HEAD % (b"200 OK", len(body)) + body
        if plan.fault == "cut":
            self._transport.write(whole[: -len(body) // 2])
            self._end(bill, "cut")
            return
        bill.end = "mute" if plan.fault == "mute" else "whole"
        self._transport.write(whole)

    async def _stream(self, plan: Plan, bill: Bill, *, tells: bool) -> None:
        dialect = bill.model.dialect
        bill.add(0)
        await asyncio.sleep(plan.wait_ms / 1000)
        if plan.fault == "drop":
            bill.add(plan.written)
            self._end(bill, "drop")
            return
        tells = (tells or dialect == "anthropic") and plan.fault != "mute"
        self._transport.write(_STREAM_HEAD + _chunk(_STARTS[dialect](bill, tells=tells)))
        left = plan.written
        step = max(1, -(-left // _EVENTS))
        while left > 0:
            now = min(step, left)
            left -= now
            bill.add(now)
            self._transport.write(_chunk(_DELTAS[dialect]("tok " * now)))
            if plan.fault == "cut" and left <= plan.written // 2:
                self._end(bill, "cut")
                return
            await asyncio.sleep(plan.pause_ms / 1000)
        bill.end = "whole" if tells else "mute"
        self._transport.write(_chunk(_ENDS[dialect](bill, tells=tells)) + b"0\r\n\r\n")

    def _end(self, bill: Bill, end: str) -> None:
        bill.end = end
        self._transport.close()


@contextlib.asynccontextmanager
async def billing() -> AsyncIterator[BillingProvider]:
    """Run the provider on this loop."""
    provider = BillingProvider()
    await provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# ==== the OpenAI dialect ==============================================================================================


def _chat_usage(bill: Bill) -> dict[str, Any]:
    return {
        "prompt_tokens": bill.read,
        "completion_tokens": bill.written,
        "total_tokens": bill.read + bill.written,
        "prompt_tokens_details": {"cached_tokens": bill.cached},
    }


def _chat(bill: Bill, text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c", "model": bill.model.name, "choices": [choice], "usage": _chat_usage(bill)}


def _data(fields: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def _chat_start(bill: Bill, *, tells: bool) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}}
    return _data({"id": "c", "model": bill.model.name, "choices": [choice]})


def _chat_delta(text: str) -> bytes:
    return _data({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]})


def _chat_end(bill: Bill, *, tells: bool) -> bytes:
    last = _data({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = _data({"id": "c", "choices": [], "usage": _chat_usage(bill)}) if tells else b""
    return last + usage + b"data: [DONE]\n\n"


# ==== the Anthropic dialect ===========================================================================================


def _message_usage(bill: Bill) -> dict[str, Any]:
    return {
        "input_tokens": bill.read - bill.cached,
        "cache_read_input_tokens": bill.cached,
        "output_tokens": bill.written,
    }


def _message(bill: Bill, text: str) -> dict[str, Any]:
    return {
        "id": "m", "type": "message", "role": "assistant", "model": bill.model.name, "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}], "usage": _message_usage(bill),
    }  # fmt: skip


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())


def _message_start(bill: Bill, *, tells: bool) -> bytes:
    message: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "content": []}
    message |= {"model": bill.model.name} | ({"usage": _message_usage(bill)} if tells else {})
    block = {"type": "text", "text": ""}
    return _event("message_start", message=message) + _event("content_block_start", index=0, content_block=block)


def _message_delta(text: str) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _message_end(bill: Bill, *, tells: bool) -> bytes:
    usage = {"usage": {"output_tokens": bill.written}} if tells else {}
    delta = _event("message_delta", delta={"stop_reason": "end_turn"}, **usage)
    return _event("content_block_stop", index=0) + delta + _event("message_stop")


_DOCUMENTS = {"openai": _chat, "anthropic": _message}
_STARTS = {"openai": _chat_start, "anthropic": _message_start}
_DELTAS = {"openai": _chat_delta, "anthropic": _message_delta}
_ENDS = {"openai": _chat_end, "anthropic": _message_end}
