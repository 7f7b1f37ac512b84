"""Accepting on a socket that several workers share, and standing back when the others have less to do."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from gateway.http.server import ServerConnection
from gateway.http.site import Site


class Door:
    """One worker's share of the listening socket.

    The kernel wakes every worker for a connection and one of them wins, with little regard for who is busy; streams
    then stay for minutes. A worker that has more connections than `may_take` allows closes its duplicate of the
    socket, which leaves the others accepting and loses nothing that is queued, and opens another one later.
    """

    def __init__(
        self, listener: socket.socket, site: Site, loop: asyncio.AbstractEventLoop, may_take: Callable[[int], bool]
    ) -> None:
        self._listener = listener
        self._site = site
        self._loop = loop
        self._may_take = may_take
        self._server: asyncio.AbstractServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._closed = False
        self.tls: ssl.SSLContext | None = None

    async def open(self) -> None:
        """Accept connections."""
        if self._closed or self._server is not None:
            return
        self._server = await self._loop.create_server(
            lambda: ServerConnection(self._site, self._loop), sock=self._listener.dup(), backlog=4096, ssl=self.tls
        )

    def balance(self) -> None:
        """Stand back or come back, by the number of connections now."""
        takes = self._may_take(len(self._site.connections))
        if not takes and self._server is not None:
            self._server.close()
            self._server = None
        elif takes and self._server is None and not self._closed and (self._opening is None or self._opening.done()):
            self._opening = self._loop.create_task(self.open(), name="open the door")

    def close(self) -> None:
        """Accept no more, for good."""
        self._closed = True
        if self._server is not None:
            self._server.close()
            self._server = None
