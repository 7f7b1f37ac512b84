"""One client connection: turns, framing, deadlines, backpressure, and what a client can tell of an answer cut short."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.http.guard import Limits
from gateway.http.reactor import Reactor
from gateway.http.reader import Request
from gateway.http.server import ServerConnection
from gateway.http.site import Site
from tests.http.uv import on_uvloop, until

DEFAULT = Limits()
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


class Page:
    """A handler that the test drives."""

    def __init__(self, client: ServerConnection, request: Request) -> None:
        self.client = client
        self.request = request
        self.got = b""
        self.complete = False
        self.gone = False
        self.stopped = False
        self.is_blocked = False

    def body(self, data: bytes) -> None:
        self.got += data

    def body_end(self) -> None:
        self.complete = True

    def left(self, *, stopped: bool = False) -> None:
        self.gone = True
        self.stopped = stopped

    def blocked(self) -> None:
        self.is_blocked = True

    def drained(self) -> None:
        self.is_blocked = False

    def reply(self, body: bytes, status: int = 200) -> None:
        """Answer with a body of known length."""
        self.client.start(status, b"x-page: 1\r\n", len(body))
        self.client.send(body, end=True)


class Served:
    """A running site and the pages that were asked for, in order."""

    def __init__(self, limits: Limits) -> None:
        self.pages: list[Page] = []
        self.reactor = Reactor(asyncio.get_running_loop(), look_s=0.02)
        self.site = Site(self._page, self.reactor, limits=limits)
        self.port = 0

    def _page(self, client: ServerConnection, request: Request) -> Page:
        self.pages.append(Page(client, request))
        return self.pages[-1]

    async def page(self, number: int) -> Page:
        """Wait for the n-th request's head."""
        await until(lambda: len(self.pages) > number)
        return self.pages[number]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a client connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def serving(limits: Limits = DEFAULT) -> AsyncIterator[Served]:
    """Serve pages on a free port."""
    loop = asyncio.get_running_loop()
    served = Served(limits)
    server = await loop.create_server(lambda: ServerConnection(served.site), "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    served.reactor.start()
    try:
        yield served
    finally:
        server.close()
        for connection in list(served.site.connections):
            connection.abort()
        await until(lambda: not served.site.connections)
        served.reactor.stop()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """Read one answer's head."""
    return await reader.readuntil(b"\r\n\r\n")


@on_uvloop
async def test_answer_of_known_length_keeps_the_connection() -> None:
    """Two requests, one connection, exact bytes."""
    async with serving() as served:
        reader, writer = await served.connect()
        for number in range(2):
            writer.write(GET % b"x")
            (await served.page(number)).reply(b"hello")

            assert b"HTTP/1.1 200 OK\r\nx-page: 1\r\ncontent-length: 5\r\n\r\n" == await head_of(reader)
            assert b"hello" == await reader.readexactly(5)
        writer.close()


@on_uvloop
async def test_answer_without_length_is_chunked() -> None:
    """Head with the first piece, one chunk for each send, a last chunk at the end."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", None)
        page.client.send(b"abc")
        page.client.send(b"de", end=True)

        assert b"transfer-encoding: chunked" in await head_of(reader)
        assert b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" == await reader.readexactly(20)
        writer.close()


@on_uvloop
async def test_sending_nothing_does_not_end_a_chunked_answer() -> None:
    """An empty chunk is the last one: it is written at the end and nowhere else."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", None)
        page.client.send(b"abc")
        page.client.send(b"")
        page.client.abort()

        await head_of(reader)
        assert b"3\r\nabc\r\n" == await reader.read()
        writer.close()


@on_uvloop
async def test_http_1_0_gets_the_body_and_the_end() -> None:
    """No chunks for a client that cannot read them: the connection's end is the body's."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        page = await served.page(0)
        page.client.start(200, b"", None)
        page.client.send(b"abc", end=True)

        assert b"connection: close" in await head_of(reader)
        assert b"abc" == await reader.read()
        writer.close()


@on_uvloop
async def test_cut_answer_looks_cut() -> None:
    """Chunks without the last one; a length that is not reached; a reset where only the end could tell."""
    async with serving() as served:
        for number, version in enumerate((b"1.1", b"1.0")):
            reader, writer = await served.connect()
            writer.write(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
            page = await served.page(number)
            page.client.start(200, b"", None)
            page.client.send(b"abc")
            await head_of(reader)
            page.client.abort()

            if version == b"1.1":
                assert not (await reader.read()).endswith(b"0\r\n\r\n")
            else:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            writer.close()


@on_uvloop
async def test_wrong_length_cuts_the_connection() -> None:
    """An end before the promised length must not be padded or passed over."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", 10)
        page.client.send(b"abc")
        page.client.send(b"d", end=True)

        await head_of(reader)
        assert b"abc" == await reader.read()
        writer.close()


@on_uvloop
async def test_head_and_bodiless_answers_have_no_body() -> None:
    """HEAD keeps the length and sends nothing; 204 has neither."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        (await served.page(0)).reply(b"hello")
        assert b"content-length: 5" in await head_of(reader)
        writer.write(GET % b"")
        (await served.page(1)).reply(b"", status=204)

        assert b"HTTP/1.1 204 No Content\r\nx-page: 1\r\n\r\n" == await head_of(reader)
        writer.close()


@on_uvloop
async def test_pipelined_requests_take_turns() -> None:
    """Bodies wait for their request's turn; answers leave in the order of the requests."""
    async with serving() as served:
        reader, writer = await served.connect()
        post = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        writer.write(GET % b"1" + post + GET % b"3")
        first = await served.page(0)

        assert 1 == len(served.pages)
        first.reply(b"1")
        second = await served.page(1)
        assert (b"abc", True) == (second.got, second.complete)
        second.reply(b"2")
        (await served.page(2)).reply(b"3")
        answers = await reader.readuntil(b"\r\n\r\n3")
        assert [b"1", b"2", b"3"] == [answer[-1:] for answer in answers.split(b"HTTP/1.1 200 OK")[1:]]
        writer.close()


@on_uvloop
async def test_too_deep_a_pipeline_is_refused_after_what_is_whole() -> None:
    """The bound is 400 and close; the request being answered still gets its answer."""
    async with serving(Limits(pipelined_requests=2)) as served:
        reader, writer = await served.connect()
        writer.write(GET % b"1" + GET % b"2" + GET % b"3" + GET % b"4")
        for number in range(3):
            (await served.page(number)).reply(b"ok")

        answers = await reader.read()
        assert 3 == answers.count(b"200 OK")
        assert b"HTTP/1.1 400 Bad Request" in answers
        writer.close()


@on_uvloop
async def test_bad_message_gets_4xx_and_close() -> None:
    """Nothing behind a message that cannot be trusted is read."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + GET % b"evil")

        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"connection: close" in answer
        assert [] == served.pages
        writer.close()


@on_uvloop
async def test_expectation_is_met_once_the_head_is_accepted() -> None:
    """100 Continue comes before the body is sent, and not where the answer is no."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await head_of(reader)
        writer.write(b"abc")
        page = await served.page(0)
        await until(lambda: page.complete)
        page.reply(b"ok")

        assert (await head_of(reader)).startswith(b"HTTP/1.1 200 OK")
        writer.close()


@on_uvloop
async def test_early_answer_is_read_by_a_client_that_still_sends() -> None:
    """The answer is not destroyed by a reset, and the connection ends."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 500_000)
        (await served.page(0)).reply(b"too large", status=413)
        writer.write(b"x" * 500_000)

        head = await head_of(reader)
        assert head.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in head
        assert b"too large" == await reader.read()
        writer.close()


@on_uvloop
async def test_client_that_leaves_is_told_to_the_handler() -> None:
    """Also a half-close counts as leaving."""
    async with serving() as served:
        for number, leave in enumerate(("close", "half-close")):
            _, writer = await served.connect()
            writer.write(GET % b"")
            page = await served.page(number)
            writer.close() if leave == "close" else writer.write_eof()

            await until(lambda page=page: page.gone)
            writer.close()


@on_uvloop
async def test_client_that_leaves_while_its_body_is_not_read_is_noticed() -> None:
    """A paused transport reports nothing; we hear of it all the same, and soon."""
    async with serving() as served:
        _, writer = await served.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        page = await served.page(0)
        page.client.pause_body()
        writer.transport.abort()

        await until(lambda: page.gone, seconds=0.5)


@on_uvloop
async def test_slow_reader_blocks_the_source_and_is_cut_when_it_stalls() -> None:
    """Backpressure reaches the handler; a client that takes nothing for the write deadline is cut."""
    async with serving() as served:
        served.site.write_timeout_s = 0.2
        _, writer = await served.connect()
        writer.transport.pause_reading()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", None)
        while not page.is_blocked:
            page.client.send(b"x" * 100_000)

        await until(lambda: page.gone)
        writer.transport.abort()


@on_uvloop
async def test_source_goes_on_once_the_client_has_caught_up() -> None:
    """Every byte arrives, in order, through a client that pauses."""
    async with serving() as served:
        reader, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        sent = 30_000_000
        page.client.start(200, b"", sent)
        left = sent
        received = 0
        while left or received < sent:
            while left and not page.is_blocked:
                left -= 100_000
                page.client.send(b"x" * 100_000, end=not left)
            data = await reader.read(1 << 20)
            assert data
            received += len(data.rpartition(b"\r\n\r\n")[2])

        assert sent == received
        writer.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 408"),
    ],
)
def test_slow_senders_are_ended(sent: bytes, answer: bytes) -> None:
    """No request, half a head, half a body: each has its deadline."""

    @on_uvloop
    async def run() -> None:
        async with serving() as served:
            served.site.header_timeout_s = served.site.body_timeout_s = 0.1
            reader, writer = await served.connect()
            writer.write(sent)

            assert (await reader.read()).startswith(answer)
            writer.close()

    run()


@on_uvloop
async def test_idle_connection_is_closed_without_a_word() -> None:
    """After the keep-alive time the connection just ends."""
    async with serving() as served:
        served.site.keepalive_timeout_s = 0.1
        reader, writer = await served.connect()
        writer.write(GET % b"")
        (await served.page(0)).reply(b"ok")
        await head_of(reader)

        assert b"ok" == await reader.read()
        writer.close()


@on_uvloop
async def test_draining_closes_idle_connections_and_the_others_after_their_answer() -> None:
    """The next answer says so."""
    async with serving() as served:
        idle_reader, idle_writer = await served.connect()
        reader, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        await until(lambda: len(served.site.connections) == 2)
        served.site.drain()
        page.reply(b"last")

        assert b"" == await idle_reader.read()
        assert b"connection: close" in await head_of(reader)
        assert b"last" == await reader.read()
        idle_writer.close()
        writer.close()


@on_uvloop
async def test_a_drain_gives_newcomers_a_moment() -> None:
    """Who has just come, or whose question has come but was not read yet, is about to ask and gets an answer."""
    async with serving() as served:
        new_reader, new_writer = await served.connect()
        reader, writer = await served.connect()
        writer.write(GET % b"1")
        (await served.page(0)).reply(b"one")
        await reader.readuntil(b"one")
        await until(lambda: len(served.site.connections) == 2)
        writer.write(GET % b"2")
        served.site.drain()  # before the loop can have read it
        new_writer.write(GET % b"3")

        for number, asked_by in ((1, reader), (2, new_reader)):
            (await served.page(number)).reply(b"last")
            assert (await asked_by.read()).endswith(b"last")
        writer.close()
        new_writer.close()


@on_uvloop
async def test_a_half_close_counts_while_the_answer_stalls() -> None:
    """What the client does not read must not keep the handler from hearing that it left."""
    async with serving() as served:
        _, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", None)
        while not page.is_blocked:
            page.client.send(bytes(100_000))
        writer.transport.pause_reading()
        writer.write_eof()

        await until(lambda: page.gone)
        writer.close()


@on_uvloop
async def test_a_cut_tells_the_handler_that_it_is_we_who_go() -> None:
    """So that the books do not say that the client left."""
    async with serving() as served:
        _, writer = await served.connect()
        writer.write(GET % b"")
        page = await served.page(0)
        page.client.cut()

        assert page.gone
        assert page.stopped
        writer.close()


@on_uvloop
async def test_a_reset_client_does_not_raise_into_the_source() -> None:
    """Writing to a peer that has reset is nothing."""
    async with serving() as served:
        sock = socket.create_connection(("127.0.0.1", served.port))
        sock.sendall(GET % b"")
        page = await served.page(0)
        page.client.start(200, b"", None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        for _ in range(50):
            page.client.send(b"x" * 1000)

        await until(lambda: page.gone)
