"""How supervisor and children talk: length-prefixed messages over a socket pair; the names of the fds they share."""

import asyncio
import socket
from collections.abc import Mapping
from struct import Struct

import msgspec

CONTROL_FD = "TOLLWAY_CONTROL_FD"
LISTEN_FDS = "TOLLWAY_LISTEN_FDS"  # comma list; a worker gets the data socket, the recorder the admin socket

_LENGTH = Struct("<I")
_MAX_BYTES = 256 << 20  # a config of this size is a mistake; a length of this size is garbage


class Config(msgspec.Struct, tag="config", frozen=True):
    """Supervisor to child, always the first message: these texts are the config now. `root`: where they lie.

    `judge_keys`: SHA-256 of the keys of evaluators that ask a judge, in hex, by evaluator.
    """

    generation: int
    sources: dict[str, str]
    root: str
    judge_keys: dict[str, str] = {}


class Judges(msgspec.Struct, tag="judges", frozen=True):
    """Supervisor to evaluator, before each Config: how its judges are reached. `keys`: by evaluator; `url`: the data
    port's; `ca_file`: what its certificate is verified against."""

    url: str
    keys: dict[str, str]
    ca_file: str | None = None

    def __repr__(self) -> str:
        """Never show the keys: this may be logged."""
        return f"Judges(url={self.url!r}, keys of {', '.join(self.keys)})"


class State(msgspec.Struct, tag="state", frozen=True, kw_only=True):
    """Supervisor to recorder, on every change: what only the supervisor knows.

    `restarts`: how often each child was replaced, by name ("worker 0", "recorder"). `running`: children that are up.
    `problems`: of the last reload, empty when it went well.
    """

    generation: int
    reload_ok: bool
    problems: list[str] = []
    workers: int = 1
    running: list[str] = []
    restarts: dict[str, int] = {}


class Drain(msgspec.Struct, tag="drain", frozen=True):
    """Supervisor to child: take no new connections, finish what runs, exit 0."""


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """Child to supervisor: config applied, serving."""


class Applied(msgspec.Struct, tag="applied", frozen=True):
    """Child to supervisor: this generation is in force."""

    generation: int


Message = Config | Judges | State | Drain | Ready | Applied

_decode = msgspec.json.Decoder(Message).decode
_encode = msgspec.json.Encoder().encode


class Channel:
    """One end of the pair. `receive` returns None once the other end is gone: a child then ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> "Channel":
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    @classmethod
    async def from_environment(cls, environ: Mapping[str, str]) -> "Channel":
        """Open the child's end, whose fd the supervisor named."""
        return await cls.open(socket.socket(fileno=int(environ[CONTROL_FD])))

    async def receive(self) -> Message | None:
        """Wait for the next message; None: the other end closed or died."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > _MAX_BYTES:
                raise ValueError(f"control message of {length} bytes")
            message: Message = _decode(await self._reader.readexactly(length))
            return message
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def send(self, message: Message) -> None:
        """Queue a message; a dead other end is noticed by `receive`, never here."""
        body = _encode(message)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(body)) + body)

    def close(self) -> None:
        """Close this end, after what was queued."""
        self._writer.close()


def inherited_sockets(environ: Mapping[str, str]) -> list[socket.socket]:
    """Open the listening sockets that the supervisor handed over."""
    return [socket.socket(fileno=int(number)) for number in environ[LISTEN_FDS].split(",")]
