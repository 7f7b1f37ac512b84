"""What a turn of the loop produces leaves at its end: the journal first, then every byte, in order."""

import asyncio
import socket

import pytest

from gateway.http.outbox import Outbox
from tests.http.uv import on_uvloop


class Wire:
    """A transport that notes what it is given."""

    def __init__(self, noted: list[object], *, closing: bool = False, reset: bool = False) -> None:
        self.noted = noted
        self.closing = closing
        self.reset = reset

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        if self.reset:
            raise RuntimeError("the handler is closed")
        self.noted.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.noted.append(parts)


@on_uvloop
async def test_a_turn_leaves_in_order_behind_the_journal() -> None:
    """One flush for all that one turn wrote, and none of it before the journal."""
    noted: list[object] = []
    outbox = Outbox(asyncio.get_running_loop())
    outbox.first = lambda: noted.append("journal")
    one, other = Wire(noted), Wire(noted)
    outbox.write(one, b"1")
    outbox.write(other, b"2", b"a long body")
    outbox.write(one, b"3")
    assert [] == noted

    await asyncio.sleep(0)
    assert ["journal", b"1", (b"2", b"a long body"), b"3"] == noted


@on_uvloop
async def test_a_long_turn_does_not_hold_everything() -> None:
    """The 32nd write does not wait for the others of its turn."""
    noted: list[object] = []
    outbox = Outbox(asyncio.get_running_loop())
    for number in range(32):
        assert [] == noted
        outbox.write(Wire(noted), b"%d" % number)

    assert 32 == len(noted)


@on_uvloop
async def test_many_bytes_do_not_wait() -> None:
    """Several reads make one turn: whoever sends must hear in time that the other side takes no more."""
    noted: list[object] = []
    outbox = Outbox(asyncio.get_running_loop())
    outbox.write(Wire(noted), b"x" * 60_000)
    assert [] == noted
    outbox.write(Wire(noted), b"y" * 10_000)

    assert 2 == len(noted)


@on_uvloop
async def test_the_journal_alone_is_flushed_too() -> None:
    """Frames that no write follows wait for the turn's end, no longer."""
    noted: list[object] = []
    outbox = Outbox(asyncio.get_running_loop())
    outbox.first = lambda: noted.append("journal")
    outbox.due()
    outbox.due()

    await asyncio.sleep(0)
    assert ["journal"] == noted


@on_uvloop
async def test_who_has_gone_does_not_stop_the_others() -> None:
    """A transport that closes, or whose peer has reset, gets nothing; what follows is sent."""
    noted: list[object] = []
    outbox = Outbox(asyncio.get_running_loop())
    for wire in (Wire(noted, closing=True), Wire(noted, reset=True), Wire(noted)):
        outbox.write(wire, b"x")
    outbox.flush()

    assert [b"x"] == noted


@on_uvloop
async def test_no_byte_is_on_its_way_before_the_flush() -> None:
    """uvloop tries the socket inside write(): a real one shows that the outbox does not."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    there.setblocking(False)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=here)
    outbox = Outbox(loop)

    def nothing_yet() -> None:
        with pytest.raises(BlockingIOError):
            there.recv(1)

    outbox.first = nothing_yet
    outbox.write(transport, b"x")
    nothing_yet()
    outbox.flush()

    assert b"x" == there.recv(2)
    transport.abort()
    there.close()
