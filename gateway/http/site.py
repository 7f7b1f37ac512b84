"""What all client connections of one worker share: the application they serve, their limits and deadlines."""

from collections.abc import Callable
from typing import Any, Protocol

from gateway.http.guard import BadRequest, Limits
from gateway.http.reactor import Reactor


class Handler(Protocol):
    """What the application makes of one request. Called in the order of events; never again after `left`."""

    def body(self, data: bytes) -> None:
        """Take a piece of the request's body."""

    def body_end(self) -> None:
        """The request is complete."""

    def left(self, *, stopped: bool = False) -> None:
        """The client is gone, or broke the protocol, before the answer was sent whole; `stopped`: it is we who go."""

    def blocked(self) -> None:
        """The client reads more slowly than the answer comes: stop the source."""

    def drained(self) -> None:
        """The client has caught up: the source may go on."""


class Connection(Protocol):
    """A client connection, as its site sees it."""

    def close_if_idle(self) -> None:
        """Close now unless a request is under way."""

    def cut(self) -> None:
        """End whatever runs."""


# Called with the connection and the request whose head has come; returns the request's handler.
Application = Callable[[Any, Any], Handler]


def plain_bad_request(bad: BadRequest) -> tuple[bytes, bytes]:
    """Return header block and body for a message that could not be read as a request."""
    return b"content-type: text/plain; charset=utf-8\r\n", bad.message.encode() + b"\n"


class Site:
    """What all connections of one worker share."""

    def __init__(
        self,
        application: Application,
        reactor: Reactor,
        *,
        limits: Limits,
        render_bad_request: Callable[[BadRequest], tuple[bytes, bytes]] = plain_bad_request,
    ) -> None:
        self.application = application
        self.reactor = reactor
        self.limits = limits
        self.render_bad_request = render_bad_request
        self.connections: set[Connection] = set()
        self.draining = False
        self.header_timeout_s = 30.0
        self.body_timeout_s = 60.0
        self.keepalive_timeout_s = 75.0
        self.write_timeout_s = 60.0
        self.on_count: Callable[[int], None] = lambda _: None

    def drain(self) -> None:
        """Close what is idle, and every other connection after its answer."""
        self.draining = True
        for connection in list(self.connections):
            connection.close_if_idle()
