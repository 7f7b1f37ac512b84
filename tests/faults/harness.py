"""What the fault tests share: load from many agents, the bare end of a provider, and a look at processes and stores."""

import asyncio
import contextlib
import json
import os
import re
import select
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import uvloop

from bench.processes import command_line, tree
from gateway.config.compile import from_sources
from gateway.config.load import read
from gateway.core.ids import IdMaker
from gateway.core.record import Record, decode
from gateway.exchange.gate import Gate
from gateway.exchange.lanes import open_lanes
from gateway.http.guard import Limits
from gateway.http.pool import Pools
from gateway.http.reactor import Reactor
from gateway.http.server import ServerConnection
from gateway.http.site import Site
from gateway.journal.writer import Journal
from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.interface import SOCKET
from gateway.metrics.board import Board
from gateway.proxy import Proxy
from tests.gateway import KEY, Gateway
from tests.provider import Answer, Asked, Step, answer, stream, until

LIMIT_S = 30.0
DONE = b"data: [DONE]\n\n"
CHAT = "/v1/chat/completions"


# ==== what is asked and answered ======================================================================================


def question(nonce: str, events: int = 0, pause_ms: int = 0) -> bytes:
    """Write a chat request; `events` > 0: its answer is a stream of so many, with a pause before each."""
    fields: dict[str, Any] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "how far?"}],
        "user": f"{nonce} {events} {pause_ms}",
    }
    if events:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(fields).encode()


def post(body: bytes, session: str = "", path: str = CHAT) -> bytes:
    """Write the bytes of a request with our key."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
        f"X-Tollway-Session: {session}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def nonce_of(asked: Asked) -> str:
    """Say whose request a provider was asked."""
    return str(json.loads(asked.body)["user"]).split()[0]


def expected(nonce: str, events: int) -> bytes:
    """Return the body that answers a question, and no other."""
    return b"".join(_events(nonce, events)) if events else _document(nonce)


def played(asked: Asked) -> Answer:
    """Play the answer to a question."""
    nonce, events, pause_ms = str(json.loads(asked.body)["user"]).split()
    if not int(events):
        return answer(_document(nonce))
    steps: list[Step] = []
    for event in _events(nonce, int(events)):
        steps += [int(pause_ms) / 1000, event] if int(pause_ms) else [event]
    return stream(*steps)


def _document(nonce: str) -> bytes:
    message = {"role": "assistant", "content": f"{nonce} " * 20}
    return json.dumps(
        {
            "id": nonce,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 20, "total_tokens": 29},
        }
    ).encode()


def _events(nonce: str, events: int) -> list[bytes]:
    chunks: list[dict[str, Any]] = [
        {"id": nonce, "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": f"{nonce} {number} "}}]}
        for number in range(events)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": events, "total_tokens": 9 + events}
    chunks.append({"id": nonce, "model": "gpt-4o-mini", "choices": [], "usage": usage})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [DONE]


# ==== load ============================================================================================================


@dataclass(slots=True)
class Call:
    """One request of an agent. `said_all`: its last byte came, or the terminal event. `fault`: what went wrong.

    `fresh`: it was the first on its connection. `answered`: a byte of an answer came.
    """

    nonce: str
    events: int
    fresh: bool
    began_s: float
    id: str = ""
    status: int = 0
    answered: bool = False
    said_all: bool = False
    fault: str = ""
    took_s: float = 0.0

    @property
    def raced(self) -> bool:
        """Whether a kept connection closed just when it was used, which every client answers by asking again."""
        return bool(self.fault) and not self.fresh and not self.answered


class Load:
    """Agents in a thread of their own that ask one question after the other on connections that they keep.

    `mix`: (events, pause in ms) of the questions, in turns. `leaves`: an agent that is refused asks no more.
    """

    def __init__(self, port: int, agents: int, mix: Sequence[tuple[int, int]], *, leaves: bool = False) -> None:
        self.port = port
        self.calls: list[Call] = []
        self.done = 0
        self.refused = 0
        self._agents = agents
        self._mix = mix
        self._leaves = leaves
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def more(self, count: int) -> None:
        """Wait until so many further questions were answered."""
        wanted = self.done + count
        until(lambda: self.done >= wanted, f"{count} more answers come", LIMIT_S)

    def stop(self) -> list[Call]:
        """Let every agent finish what it asked, and return all calls."""
        self._stopping = True
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive(), "an agent waits for its answer in vain"
        return self.calls

    def faults(self) -> list[Call]:
        """Return the calls that failed though nobody may say that they could."""
        return [call for call in self.calls if call.fault and not call.raced]

    def p99_ms(self, since: int = 0) -> float:
        """Return how long all but the slowest hundredth of the plain calls took, from the call `since` on."""
        took = sorted(call.took_s for call in self.calls[since:] if call.said_all and not call.events)
        return took[len(took) * 99 // 100] * 1000

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._agent(number) for number in range(self._agents)))

    async def _agent(self, number: int) -> None:
        asked = 0
        while not self._stopping:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.refused += 1
                if self._leaves:
                    return
                await asyncio.sleep(0.02)
                continue
            fresh = keeps = True
            while keeps and not self._stopping:
                events, pause_ms = self._mix[(number + asked) % len(self._mix)]
                call = Call(f"n{number}-{asked}", events, fresh, time.perf_counter())
                asked += 1
                keeps = await self._ask(call, pause_ms, reader, writer)
                fresh = False
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, call: Call, pause_ms: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask, and tell whether the connection can be kept."""
        self.calls.append(call)
        try:
            writer.write(post(question(call.nonce, call.events, pause_ms), call.nonce))
            async with asyncio.timeout(LIMIT_S):
                keeps, body = await _answer(call, reader)
            if call.status != 200:
                call.fault = f"status {call.status}: {body!r}"
            elif body != expected(call.nonce, call.events):
                call.fault = f"not what was asked for: {body!r}"
        except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:
            call.fault = f"{type(error).__name__} {error}"
            keeps = False
        call.took_s = time.perf_counter() - call.began_s
        self.done += not call.fault
        return keeps


async def _answer(call: Call, reader: asyncio.StreamReader) -> tuple[bool, bytes]:
    call.answered = bool(first := await reader.read(1))
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    call.status = int(head.split()[1])
    found = re.search(r"x-tollway-request-id: (\S+)", head)
    call.id = found[1] if found else ""
    body = b""
    if length := re.search(r"content-length: (\d+)", head):
        body = await reader.readexactly(int(length[1]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
            call.said_all = body.endswith(DONE)
        await reader.readexactly(2)
    call.said_all = True
    return "connection: close" not in head, body


# ==== the bare end of a provider ======================================================================================


class Listener:
    """A provider that the test plays byte by byte."""

    def __init__(self, receive_bytes: int | None = None) -> None:
        self._sock = socket.socket()
        if receive_bytes:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(64)
        self._sock.settimeout(LIMIT_S)
        self.url = f"http://127.0.0.1:{self._sock.getsockname()[1]}"
        self._accepted: list[socket.socket] = []

    def accept(self, limit_s: float = LIMIT_S) -> socket.socket:
        """Take the next connection."""
        self._sock.settimeout(limit_s)
        sock, _ = self._sock.accept()
        sock.settimeout(LIMIT_S)
        self._accepted.append(sock)
        return sock

    def asked(self) -> socket.socket:
        """Take the next connection with the head of a request on it, read to its end."""
        sock = self.accept()
        read_head(sock)
        return sock

    def forget(self) -> None:
        """End all connections, and wait until the gateway has noticed: what follows comes on new ones."""
        for sock in self._accepted:
            with contextlib.suppress(OSError):  # it was closed before
                sock.shutdown(socket.SHUT_WR)
                gone_after_s(sock)
            sock.close()
        self._accepted.clear()

    def close(self) -> None:
        """Close everything."""
        for sock in [self._sock, *self._accepted]:
            sock.close()


@contextlib.contextmanager
def listening(receive_bytes: int | None = None) -> Iterator[Listener]:
    """Listen as a provider."""
    listener = Listener(receive_bytes)
    try:
        yield listener
    finally:
        listener.close()


def connect(port: int) -> socket.socket:
    """Connect to a gateway as a client that does nothing by itself."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_head(sock: socket.socket) -> bytes:
    """Read a message's head, and what comes with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"closed in the head: {data!r}"
        data += more
    return data


def read_message(sock: socket.socket) -> bytes:
    """Read a message whose length is told."""
    data = read_head(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    left = int(length[1]) - len(body) if length else 0
    while left > 0:
        more = sock.recv(min(left, 1 << 20))
        assert more, f"closed in the body: {head!r}"
        data += more
        left -= len(more)
    return data


def push_until_full(sock: socket.socket, data: bytes, still_s: float = 0.3) -> int:
    """Send until the other side has taken nothing for a moment; return how many bytes went."""
    sock.setblocking(False)
    sent = 0
    last_s = time.monotonic()
    while time.monotonic() - last_s < still_s:
        try:
            sent += sock.send(data)
            last_s = time.monotonic()
        except BlockingIOError:
            time.sleep(0.005)
    sock.settimeout(LIMIT_S)
    return sent


def gone_after_s(sock: socket.socket, limit_s: float = 5.0) -> float:
    """Wait until the other side has closed, whatever lies unread before that; return how long it took."""
    began_s = time.monotonic()
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    assert poll.poll(limit_s * 1000), f"still open after {limit_s:g} s"
    return time.monotonic() - began_s


# ==== the data plane in this process ==================================================================================


@contextlib.asynccontextmanager
async def data_plane(folder: Path, write_timeout_s: float = 60.0) -> AsyncIterator[int]:
    """Run a worker's data plane on this loop, with a write deadline that no setting has, and give its port."""
    loop = asyncio.get_running_loop()
    snapshot = from_sources(read(folder / "config.toml", required=True), folder, {}, 1)
    reactor = Reactor(loop, look_s=0.05)
    pools = Pools(reactor)
    journal = Journal(folder / "journal", "worker-0")
    board = Board(folder / "board")
    holder = Holder(journal.name, Client(folder / SOCKET, journal.name, loop), loop, 1)
    proxy = Proxy(reactor, journal, board.claim(0), IdMaker(os.urandom), Gate(holder))
    proxy.use(snapshot, await open_lanes(pools, snapshot.routing.providers(), snapshot.server))
    site = Site(proxy, reactor, limits=Limits())
    site.write_timeout_s = write_timeout_s
    server = await loop.create_server(lambda: ServerConnection(site), "127.0.0.1", 0)
    reactor.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(site.connections):
            connection.cut()
        await asyncio.sleep(0)  # let them say goodbye
        reactor.stop()
        pools.close()
        holder.stop()
        journal.close()


# ==== processes and stores ============================================================================================


def processes(run: Gateway) -> dict[str, int]:
    """Return the process ids of a gateway's children by name: `recorder`, `evaluator`, `worker 0`, …"""
    found = {}
    for pid in tree(run.process.pid):
        if name := re.search(r"gateway\.app\.(recorder|evaluator|worker \d+)", command_line(pid)):
            found[name[1]] = pid
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that only waits to be reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def replaced(run: Gateway, name: str, before: int) -> int:
    """Wait until a child is ready that stands for a dead one."""

    def look() -> int:
        pid = processes(run).get(name, before)
        return pid if pid != before and f"child={name} pid={pid}" in run.said().replace('"', "") else 0

    return int(until(look, f"{name} is replaced", LIMIT_S))


def rss_bytes(pid: int) -> int:
    """Return a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def socket_bytes(pid: int) -> int:
    """Return what the kernel holds for a process's TCP connections: its own account, or at least the queued bytes."""
    if shutil.which("ss"):
        lines = subprocess.run(["ss", "-tmnpHO"], capture_output=True, text=True, check=True).stdout.splitlines()
        # skmem: r = received and unread, w = written and not acknowledged, f = taken in advance, bl = backlog
        cells = re.compile(r"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+),o\d+,bl(\d+)")
        mine = [found for line in lines if f"pid={pid}," in line and (found := cells.search(line))]
        return sum(int(cell) for found in mine for cell in found.groups())
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(path.readlink()))
    total = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in inodes:
            total += sum(int(queue, 16) for queue in fields[4].split(":"))
    return total


def unread_bytes(client: socket.socket, after_s: float = 0.0) -> int:
    """Return how many bytes of a client's the gateway has not read, now or after a moment."""
    time.sleep(after_s)
    ports = f":{client.getpeername()[1]:04X}", f":{client.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(ports[0]) and fields[2].endswith(ports[1]):
            return int(fields[4].partition(":")[2], 16)
    raise AssertionError("the gateway has closed the connection")


def logged(folder: Path) -> list[Record]:
    """Return all that a gateway on the config in `folder` has in its store, after a check that every file is sound."""
    found = []
    for path in sorted((folder / "data" / "store").glob("????-??-??.db")):
        with contextlib.closing(sqlite3.connect(path)) as sql:
            assert [("ok",)] == sql.execute("PRAGMA integrity_check").fetchall(), path
            found += [decode(record) for (record,) in sql.execute("SELECT record FROM contents ORDER BY seq")]
    return found


def counted(folder: Path) -> int:
    """Return how many exchanges the committed metrics have counted."""
    total = 0
    for path in (folder / "data" / "store").glob("????-??-??.db"):
        with contextlib.closing(sqlite3.connect(path)) as sql:
            sums = "SELECT sum(value) FROM totals WHERE metric = 'tollway_requests' AND part = ''"
            total += sql.execute(sums).fetchone()[0] or 0
    return total


def check_books(calls: Sequence[Call], asked: Sequence[Asked], folder: Path) -> list[Record]:
    """Compare what agents and the provider saw with the log, and return the log.

    What an agent has whole stands there once, as what it was; so does, in some way, whatever a provider was asked; and
    the metrics have counted what stands there.
    """
    records = logged(folder)
    sessions = Counter(record.session for record in records)
    by_id = {record.id: record for record in records}
    assert len(records) == len(by_id), "an id stands twice"
    assert [] == [session for session, times in sessions.items() if times > 1], "a request stands twice"
    assert set() == {nonce_of(one) for one in asked} - sessions.keys(), "asked, and not in the log"
    received = {call.id: call for call in calls if call.said_all and call.status == 200}
    assert set() == received.keys() - by_id.keys(), "received, and not in the log"
    wrong = [
        (call.nonce, record.session, record.outcome, record.error)
        for name, call in received.items()
        if (record := by_id[name]).outcome != "ok" or record.session != call.nonce
    ]
    assert [] == wrong
    assert len(records) == counted(folder)
    return records
