"""One upstream connection: how an answer is read, where it ends, and when a connection may be used again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import UpstreamFailure
from gateway.http.client import AnswerHead, UpstreamConnection
from gateway.http.pool import Origin, Pool
from gateway.http.reactor import Reactor
from tests.http.uv import on_uvloop, until

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Sink:
    """Collects one answer."""

    def __init__(self) -> None:
        self.head: AnswerHead | None = None
        self.data = b""
        self.ended = False
        self.failure: UpstreamFailure | None = None

    def answer(self, head: AnswerHead | None, data: bytes, end: bool) -> None:
        self.head = head or self.head
        self.data += data
        self.ended = end

    def answer_failed(self, failure: UpstreamFailure) -> None:
        self.failure = failure

    def upload_blocked(self) -> None: ...

    def upload_drained(self) -> None: ...

    @property
    def over(self) -> bool:
        return self.ended or self.failure is not None


class Origins:
    """A server that sends scripted bytes to whoever asks, and the pool that connects to it."""

    def __init__(self, answers: list[list[bytes]], *, close: bool) -> None:
        self.answers = answers
        self.close = close
        self.accepted = 0
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.pool: Pool

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.writers.append(writer)
        try:
            while self.answers:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                for piece in self.answers.pop(0):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.close:
                    break
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def ask(self, *, head_request: bool = False) -> tuple[Sink, UpstreamConnection]:
        """Send one request and wait for the end of its answer."""
        connection = self.pool.take() or await self.pool.connect()
        sink = Sink()
        connection.send(sink, REQUEST, b"", is_head_request=head_request, complete=True)
        await until(lambda: sink.over)
        return sink, connection


@asynccontextmanager
async def origin(*answers: list[bytes], close: bool = False) -> AsyncIterator[Origins]:
    """Run such a server."""
    loop = asyncio.get_running_loop()
    origins = Origins(list(answers), close=close)
    server = await asyncio.start_server(origins.serve, "127.0.0.1", 0)
    reactor = Reactor(loop, look_s=0.02)
    reactor.start()
    origins.pool = Pool(Origin("127.0.0.1", server.sockets[0].getsockname()[1], False), reactor, None)
    try:
        yield origins
    finally:
        origins.pool.close()
        reactor.stop()
        server.close()
        for writer in origins.writers:
            writer.close()
        await asyncio.sleep(0.01)


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut data into pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


LENGTH = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH
UNTIL_EOF = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM])
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_answer_is_read_however_it_is_cut(answer: bytes, size: int) -> None:
    """By length, by chunks, behind interim answers: the body is whole and the connection usable again."""

    @on_uvloop
    async def run() -> None:
        async with origin(pieces(answer, size), pieces(LENGTH, 1000)) as origins:
            first, connection = await origins.ask()
            second, again = await origins.ask()

            assert (b"hello", 200) == (first.data, first.head and first.head.status)
            assert b"hello" == second.data
            assert connection is again
            assert again.reused

    run()


@on_uvloop
async def test_headers_keep_order_case_and_repeats() -> None:
    """They are passed on as they came."""
    async with origin([LENGTH]) as origins:
        sink, _ = await origins.ask()

        assert sink.head is not None
        assert [b"X-A", b"x-a", b"Content-Length"] == [name for _, name, _ in sink.head.headers]


@on_uvloop
async def test_answer_without_length_ends_with_the_connection() -> None:
    """It is whole at EOF, and says that nothing but EOF could tell."""
    async with origin([UNTIL_EOF], close=True) as origins:
        sink, _ = await origins.ask()

        assert (b"hello", True, None) == (sink.data, sink.ended, sink.failure)
        assert sink.head is not None
        assert sink.head.until_eof


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED])
def test_cut_answer_fails_at_every_byte(answer: bytes) -> None:
    """However much of it had arrived, an answer that was cut is a failure."""

    @on_uvloop
    async def run() -> None:
        for cut in range(len(answer)):
            async with origin([answer[:cut]], close=True) as origins:
                sink, _ = await origins.ask()

                assert sink.failure is not None
                assert not sink.ended
                assert (cut > 0) is sink.failure.answered

    run()


@on_uvloop
async def test_head_answer_has_no_body_and_its_connection_is_not_trusted() -> None:
    """The parser would take the next answer for the body."""
    async with origin([LENGTH.removesuffix(b"hello")]) as origins:
        sink, connection = await origins.ask(head_request=True)

        assert sink.ended
        assert sink.head is not None
        assert 5 == sink.head.length
        assert not connection.usable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_bodiless_status_ends_at_the_head(status: bytes) -> None:
    """Whatever length it names."""

    @on_uvloop
    async def run() -> None:
        async with origin([b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n"]) as origins:
            sink, _ = await origins.ask()

            assert (True, b"") == (sink.ended, sink.data)

    run()


@on_uvloop
async def test_bytes_behind_an_answer_end_the_connection() -> None:
    """A second answer that nobody asked for is never taken for the next one."""
    async with origin([LENGTH + LENGTH.replace(b"hello", b"evil!")], [LENGTH]) as origins:
        sink, connection = await origins.ask()

        assert b"hello" == sink.data
        assert not connection.usable
        assert origins.pool.take() is None


@on_uvloop
async def test_bytes_on_an_idle_connection_end_it() -> None:
    """Unsolicited bytes close it before it can be used again."""
    async with origin([LENGTH], [LENGTH]) as origins:
        _, connection = await origins.ask()
        origins.writers[0].write(LENGTH)

        await until(lambda: not connection.usable)
        assert origins.pool.take() is None


@on_uvloop
async def test_stale_connection_fails_as_retryable() -> None:
    """It was kept, and died before any byte of an answer."""
    async with origin([LENGTH], []) as origins:
        _, connection = await origins.ask()
        sink = Sink()
        connection.send(sink, REQUEST, b"", is_head_request=False, complete=True)
        await until(lambda: len(origins.requests) == 2)
        origins.writers[0].transport.abort()
        await until(lambda: sink.over)

        assert sink.failure is not None
        assert sink.failure.retryable


@on_uvloop
async def test_silence_is_a_timeout() -> None:
    """No byte for the idle time ends the exchange; time while we do not read does not count."""
    async with origin([LENGTH[:50]]) as origins:
        origins.pool.idle_timeout_s = 0.1
        sink, _ = await origins.ask()

        assert sink.failure is not None
        assert "timeout" == sink.failure.kind


@pytest.mark.parametrize(
    "answer",
    [
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 600_000,
    ],
)
def test_bad_answers_are_failures(answer: bytes) -> None:
    """What is not HTTP/1.1, is ambiguous, switches protocols or has no end."""

    @on_uvloop
    async def run() -> None:
        async with origin([answer]) as origins:
            sink, _ = await origins.ask()

            assert sink.failure is not None
            assert "protocol" == sink.failure.kind

    run()
