"""Accepting on a socket that several workers share, and standing back when the others have less to do."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from gateway.http.server import ServerConnection
from gateway.http.site import Site

_QUEUE_S = 1.0  # for the TLS handshakes of those who stand in the queue at the end


class Door:
    """One worker's share of the listening socket.

    The kernel wakes every worker for a connection and one of them wins, with little regard for who is busy; streams
    then stay for minutes. A worker that has more connections than `may_take` allows closes its duplicate of the
    socket, which leaves the others accepting and loses nothing that is queued, and opens another one later.
    """

    def __init__(self, listener: socket.socket, site: Site, may_take: Callable[[int], bool]) -> None:
        self._listener = listener
        self._site = site
        self._loop = site.reactor.loop
        self._may_take = may_take
        self._server: asyncio.AbstractServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self.tls: ssl.SSLContext | None = None

    async def open(self) -> None:
        """Accept connections."""
        if self._is_closed() or self._server is not None:
            return
        server = await self._loop.create_server(self._connection, sock=self._listener.dup(), backlog=4096, ssl=self.tls)
        if self._is_closed():  # meanwhile
            server.close()
        else:
            self._server = server

    def balance(self) -> None:
        """Stand back or come back, by the number of connections now."""
        takes = self._may_take(len(self._site.connections))
        if not takes and self._server is not None:
            self._server.close()
            self._server = None
        elif takes and self._server is None and (self._opening is None or self._opening.done()):
            self._opening = self._loop.create_task(self.open(), name="open the door")

    async def close(self) -> None:
        """Accept no more, for good. Who stands in the queue by now is let in: the kernel would reset the others."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._listener.setblocking(False)
        queued = []
        with contextlib.suppress(OSError):  # nobody is left
            while True:
                queued.append(self._listener.accept()[0])
        self._listener.close()
        if queued:
            await asyncio.wait([self._loop.create_task(self._let_in(sock)) for sock in queued], timeout=_QUEUE_S)

    async def _let_in(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone meanwhile
            await self._loop.connect_accepted_socket(self._connection, sock, ssl=self.tls)

    def _is_closed(self) -> bool:
        return self._listener.fileno() < 0

    def _connection(self) -> Any:  # what a protocol is, uvloop asks by its methods; mypy, by its base
        return ServerConnection(self._site)
