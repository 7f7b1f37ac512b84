"""Connections to one origin: warm ones are handed out at once, new ones are opened under a deadline."""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.core.errors import UpstreamFailure
from gateway.http.client import UpstreamConnection
from gateway.http.reactor import Reactor


class Origin(NamedTuple):
    """Where a provider listens, and how strictly it is read."""

    host: str
    port: int
    tls: bool
    ca_file: str | None = None
    leniency: bool = False


class Pool:
    """The connections to one origin. The last one freed is the first one taken: the others can grow old and close."""

    def __init__(self, origin: Origin, reactor: Reactor, tls: ssl.SSLContext | None) -> None:
        self.origin = origin
        self.reactor = reactor
        self.idle_timeout_s = 600.0  # between two bytes of an answer
        self.connect_timeout_s = 10.0
        self.spare_timeout_s = 50.0  # below the 60 s after which many providers close
        self._tls = tls
        self._spare: list[UpstreamConnection] = []
        self._closed = False

    def take(self) -> UpstreamConnection | None:
        """Return a warm connection, or None: then `connect`."""
        while self._spare:
            connection = self._spare.pop()
            if connection.usable:
                return connection
        return None

    async def connect(self) -> UpstreamConnection:
        """Open a new connection. Raises UpstreamFailure."""
        origin = self.origin
        connection: UpstreamConnection
        try:
            async with asyncio.timeout(self.connect_timeout_s):
                _, connection = await self.reactor.loop.create_connection(
                    self._new,
                    origin.host,
                    origin.port,
                    ssl=self._tls,
                    server_hostname=origin.host if self._tls else None,
                )
        except TimeoutError:
            raise UpstreamFailure("connect", f"no connection within {self.connect_timeout_s:g} s") from None
        except (OSError, ssl.SSLError) as error:
            raise UpstreamFailure("connect", str(error) or type(error).__name__) from error
        return connection

    def _new(self) -> Any:  # what a protocol is, uvloop asks by its methods; mypy, by its base
        return UpstreamConnection(self, tls=self.origin.tls, leniency=self.origin.leniency)

    def free(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request."""
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self.reactor.loop.time()
        self._spare.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that closed."""
        if connection in self._spare:
            self._spare.remove(connection)

    def close(self) -> None:
        """Close what is idle, and what is in use as soon as its exchange ends."""
        self._closed = True
        for connection in list(self._spare):
            connection.abort()
        self._spare.clear()


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Make the TLS settings for providers: verified, TLS 1.2 or newer. It takes 20 ms: never on the loop."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Pools:
    """All pools of one worker, by origin; they outlive reloads that keep the origin."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._pools: dict[Origin, Pool] = {}
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    async def prepare(self, origins: Iterable[Origin]) -> None:
        """Make the TLS settings that these origins need, off the loop. Raises OSError for an unreadable CA file."""
        for ca_file in {origin.ca_file for origin in origins if origin.tls} - self._contexts.keys():
            self._contexts[ca_file] = await asyncio.to_thread(client_context, ca_file)

    def keep(self, origins: Iterable[Origin], *, idle_timeout_s: float, connect_timeout_s: float) -> None:
        """Have exactly these origins from now on; pools of others close as their exchanges end."""
        wanted = set(origins)
        for origin in self._pools.keys() - wanted:
            self._pools.pop(origin).close()
        for origin in wanted:
            if origin not in self._pools:
                tls = self._contexts[origin.ca_file] if origin.tls else None
                self._pools[origin] = Pool(origin, self._reactor, tls)
            self._pools[origin].idle_timeout_s = idle_timeout_s
            self._pools[origin].connect_timeout_s = connect_timeout_s

    def __getitem__(self, origin: Origin) -> Pool:
        return self._pools[origin]

    def close(self) -> None:
        """Close every idle connection."""
        for pool in self._pools.values():
            pool.close()
