"""Messages arrive whole and in order, however the bytes are cut; garbage is seen before it is kept."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.interface import Hello, Message, Recall, Room
from gateway.ledger.lease import MOST, Ask, Grant
from gateway.ledger.peer import FRAME_MOST, UNREAD_MOST, Frames, Garbage, Peer, frame
from tests.http.uv import on_uvloop, until

MESSAGES: list[Message] = [
    Hello("w1"),
    Ask("search/daily?user=é", 0, -60, "w1", 1, 0, MOST, 5, 50, 1000, 86_400, 7, 3),
    Grant("search/daily", 0, 1, 60, 50, -3),
    Recall("search/daily", 0, 9, MOST, "w1"),
    Room("search/daily", 0, -9),
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=8), st.data())
def test_messages_arrive_however_they_are_cut(messages: list[Message], data: st.DataObject) -> None:
    """Byte by byte, or all in one."""
    stream = b"".join(map(frame, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames = Frames()

    found = [
        message
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for message in frames.feed(stream[begin:end])
    ]
    assert messages == found


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_garbage(data: bytes) -> None:
    """Nothing else comes of them."""
    frames = Frames()
    try:
        found = list(frames.feed(data))
    except Garbage:
        return

    assert all(isinstance(message, Message) for message in found)


def body(data: bytes) -> bytes:
    """Frame a body as it is."""
    return len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((FRAME_MOST + 1).to_bytes(4, "little"), id="too long"),
        pytest.param(b"\xff\xff\xff\xff", id="a length of 4 GiB"),
        pytest.param(body(b""), id="empty"),
        pytest.param(body(b"\xc1"), id="no MessagePack"),
        pytest.param(body(b"\x91" * 5000), id="too deep"),
        pytest.param(body(msgspec.msgpack.encode(["stranger", 1])), id="unknown"),
        pytest.param(body(msgspec.msgpack.encode(["hello", ""])), id="nobody"),
        pytest.param(body(msgspec.msgpack.encode(["ask", "s", 0, 0, "w", 1, -1, 0, 0, 0])), id="less than nothing"),
        pytest.param(body(msgspec.msgpack.encode(["ask", "s", 0, 0, "w", 0, 0, 0, 0, 0])), id="no number"),
        pytest.param(body(msgspec.msgpack.encode(["ask", "s", 0, 0, "w", 1, MOST + 1, 0, 0, 0])), id="too much"),
        pytest.param(body(msgspec.msgpack.encode(["ask", "s", 0, 0, "w", 1, 0.5, 0, 0, 0])), id="a half"),
        pytest.param(body(msgspec.msgpack.encode(["ask", "s", 0, 0])), id="too short"),
    ],
)
def test_garbage_is_refused(data: bytes) -> None:
    """As soon as it can be known."""
    with pytest.raises(Garbage):
        list(Frames().feed(data))


def test_what_nobody_would_read_is_not_written() -> None:
    """It would end the connection at the other side."""
    with pytest.raises(Garbage):
        frame(Recall("x" * FRAME_MOST, 0, 1))


class Listening(Peer):
    """A peer that notes what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Message] = []
        self.complaints: list[str] = []
        self.ends = 0

    def take(self, message: Message) -> None:
        self.taken.append(message)

    def ended(self) -> None:
        self.ends += 1

    def complain(self, what: str) -> None:
        self.complaints.append(what)


@contextmanager
def other_end() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Make a pair, of which one end is bare."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def connected(ours: socket.socket) -> Listening:
    """Put a peer on our end."""
    _, peer = await asyncio.get_running_loop().create_unix_connection(Listening, sock=ours)
    return peer


@on_uvloop
async def test_messages_go_both_ways() -> None:
    """Until one side closes: what was sent before that arrives."""
    with other_end() as (ours, theirs):
        peer = await connected(ours)
        theirs.sendall(frame(MESSAGES[0]) + frame(MESSAGES[1]))
        await until(lambda: len(peer.taken) == 2)
        peer.send(frame(MESSAGES[2]))
        peer.close()
        await until(lambda: peer.ends)
        peer.send(b"into the void")
        peer.close()
        peer.abort()

        assert MESSAGES[:2] == peer.taken
        assert frame(MESSAGES[2]) == theirs.recv(1000)
        assert b"" == theirs.recv(1000)
        assert (1, []) == (peer.ends, peer.complaints)


@on_uvloop
async def test_a_peer_that_has_gone_is_noticed() -> None:
    """Once."""
    with other_end() as (ours, theirs):
        peer = await connected(ours)
        theirs.close()
        await until(lambda: peer.ends)

        assert not peer.alive
        assert 1 == peer.ends


@on_uvloop
async def test_nothing_is_taken_after_garbage() -> None:
    """The connection is cut."""
    with other_end() as (ours, theirs):
        peer = await connected(ours)
        theirs.sendall(frame(MESSAGES[0]) + body(b"\xc1") + frame(MESSAGES[1]))
        await until(lambda: peer.ends)

        assert MESSAGES[:1] == peer.taken
        assert 1 == len(peer.complaints)


@on_uvloop
async def test_nothing_is_taken_once_it_was_cut() -> None:
    """Though it came in the same read."""

    class Cutting(Listening):
        def take(self, message: Message) -> None:
            super().take(message)
            self.abort()

    with other_end() as (ours, theirs):
        _, peer = await asyncio.get_running_loop().create_unix_connection(Cutting, sock=ours)
        theirs.sendall(frame(MESSAGES[0]) * 3)
        await until(lambda: peer.ends)

        assert MESSAGES[:1] == peer.taken


@on_uvloop
async def test_who_does_not_read_is_cut_off() -> None:
    """Before it costs memory."""
    with other_end() as (ours, theirs):
        peer = await connected(ours)
        sent = 0
        while peer.alive:
            peer.send(bytes(65536))
            sent += 65536
            await asyncio.sleep(0)
        await until(lambda: peer.ends)

        assert sent < 2 * UNREAD_MOST
        assert 1 == len(peer.complaints)
        assert theirs.recv(10)
