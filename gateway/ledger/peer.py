"""How do messages travel between holder and authority? Length, then MessagePack, over a stream; garbage ends it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from struct import Struct
from typing import Final, cast

import msgspec

from gateway.ledger.interface import Message

FRAME_MOST: Final = 64 * 1024  # a longer frame is garbage: the longest text in one is a series
UNREAD_MOST: Final = 4 << 20  # a peer that leaves more unread is cut off

_LENGTH: Final = Struct("<I")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Message).decode


class Garbage(Exception):
    """What came is no message, or makes no sense; nothing that follows on this connection can be trusted."""


def frame(message: Message) -> bytes:
    """Write a message. Raise Garbage for one that nobody would read."""
    body = _pack(message)
    if len(body) > FRAME_MOST:
        raise Garbage(f"a message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts what comes into messages. At most one frame and one read are kept."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Give the messages that are complete. Raise Garbage."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            if length > FRAME_MOST:
                raise Garbage(f"a frame of {length} bytes")
            if end - at < _LENGTH.size + length:
                break
            at += _LENGTH.size + length
            yield _message(data[at - length : at])
        self._rest = data[at:]


def _message(body: bytes) -> Message:
    try:
        message: Message = _unpack(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Garbage(str(error)) from None
    return message


class Peer(asyncio.Protocol, ABC):
    """One end of a connection. Whoever sends garbage, or does not read what it is sent, is cut off.

    `alive`: from the first byte that can be sent until the connection is known to be at its end.
    """

    def __init__(self) -> None:
        self.alive = False
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=UNREAD_MOST)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        """Take messages."""
        try:
            for message in self._frames.feed(data):
                if self.alive:
                    self.take(message)
        except Garbage as garbage:
            self.complain(str(garbage))
            self.abort()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self.complain(f"it leaves more than {UNREAD_MOST} bytes unread")
        self.abort()

    def eof_received(self) -> None:
        """The other side has gone."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has gone, or was cut off."""
        self.alive = False
        self.ended()

    def send(self, data: bytes) -> None:
        """Write a frame; nothing happens once the connection is at its end."""
        if self.alive and self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        """Cut the connection: nothing is read or written any more, and `ended` is called soon."""
        if self.alive and self._transport is not None:
            self.alive = False
            self._transport.abort()

    def close(self) -> None:
        """End the connection once what was sent is out."""
        if self.alive and self._transport is not None:
            self.alive = False
            self._transport.close()

    @abstractmethod
    def take(self, message: Message) -> None:
        """Take a message. Raise Garbage for one that makes no sense."""

    @abstractmethod
    def ended(self) -> None:
        """The connection is at its end. Called once."""

    @abstractmethod
    def complain(self, what: str) -> None:
        """The other side did what it must not."""
