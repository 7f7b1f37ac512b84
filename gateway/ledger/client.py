"""How does a worker reach the authority on its host? A Unix socket, connected again whenever it breaks."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.ledger.interface import Barred, Hello, Listener, Message, Recall, Room
from gateway.ledger.lease import Ask, Grant, Place
from gateway.ledger.peer import Garbage, Peer, frame

FIRST_RETRY_S: Final = 0.01
LAST_RETRY_S: Final = 0.1  # looking whether somebody listens costs next to nothing, and requests wait for it

logger = logging.getLogger("tollway.worker")


class Client:
    """An `Authority` behind a Unix socket. It begins to connect when somebody listens, and never gives up."""

    def __init__(self, path: Path, holder: str, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._hello = frame(Hello(holder))
        self._loop = loop
        self._listener: Listener | None = None
        self._line: _Line | None = None
        self._under_way: dict[Place, tuple[int, bytes, bool]] = {}  # the ask's number and frame; whether it is a rate's
        self._barred: set[str] = set()  # of a list that is not at its end
        self._retry_s = FIRST_RETRY_S
        self._found_s = 0.0
        self._trying: asyncio.Task[None] | None = None
        # What an ask tells as spent must not be known of before it stands in the journal: that goes first.
        self.first: Callable[[], object] = lambda: None
        self._once = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the authority can be asked now."""
        return self._line is not None and self._line.alive

    async def reached(self) -> None:
        """Wait until the authority was there for the first time."""
        await self._once.wait()

    def listen(self, listener: Listener) -> None:
        """Tell this one from now on, and connect."""
        self._listener = listener
        self._connect()

    def send(self, ask: Ask) -> None:
        """Bring an ask to the authority, now or once it can be reached, and again until it is answered."""
        self.first()
        data = frame(ask)
        self._under_way[ask.place] = (ask.number, data, ask.per_ns > 0)
        if self._line is not None:
            self._line.send(data)

    def close(self) -> None:
        """Be done."""
        self._listener = None
        if self._trying is not None:
            self._trying.cancel()
        if self._line is not None:
            self._line.close()

    def made(self, line: "_Line") -> None:
        """A connection is there: say who we are, and everything that has no answer yet."""
        if self._listener is None:
            self._loop.call_soon(line.abort)
            return
        self._line = line
        self._found_s = self._loop.time()
        line.send(self._hello)
        for _, data, _ in self._under_way.values():
            line.send(data)
        self._listener.found()
        self._once.set()

    def take(self, message: Message) -> None:
        """The authority says something. Raise Garbage."""
        listener = self._listener
        self._retry_s = FIRST_RETRY_S
        if listener is None:
            return
        if isinstance(message, Grant):
            place = Place(message.series, message.start_s)
            if self._under_way.get(place, (0, b"", False))[0] == message.number:
                del self._under_way[place]
            listener.granted(message)
        elif isinstance(message, Recall):
            listener.recalled(message)
        elif isinstance(message, Room):
            listener.has_room(message)
        elif isinstance(message, Barred):
            self._barred.update(message.models)
            if not message.more:
                listener.bar(frozenset(self._barred))
                self._barred.clear()
        else:
            raise Garbage(f"an authority must not say {message}")

    def ended(self) -> None:
        """The connection is at its end: try again."""
        self._line = None
        self._barred.clear()
        # Of rates nobody goes on from there (rates.py).
        self._under_way = {place: one for place, one in self._under_way.items() if not one[2]}
        if self._loop.time() - self._found_s > LAST_RETRY_S:
            self._retry_s = FIRST_RETRY_S
        if self._listener is not None:
            self._wait()
            self._listener.lost()

    def _connect(self) -> None:
        if self._listener is not None:
            self._trying = self._loop.create_task(self._try(), name="connecting to the ledger")

    async def _try(self) -> None:
        try:
            await self._loop.create_unix_connection(lambda: _Line(self), str(self._path))
        except OSError:
            self._wait()

    def _wait(self) -> None:
        self._loop.call_later(self._retry_s, self._connect)
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)


class _Line(Peer):
    """One connection of a client."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._client.made(self)

    def take(self, message: Message) -> None:
        self._client.take(message)

    def ended(self) -> None:
        self._client.ended()

    def complain(self, what: str) -> None:
        logger.warning("the connection to the ledger is cut off: %s", what)
