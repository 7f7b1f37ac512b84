"""The side that clients see: one HTTP/1.1 connection, requests in, answers out.

The application is called for each request head and returns a Handler; everything that follows about that
request is a method call on it. Nothing here awaits: bytes are pushed from callback to callback.
"""

import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any

from gateway.http.guard import BadRequest
from gateway.http.reader import Request, RequestReader
from gateway.http.site import Handler, Site
from gateway.http.status import BODILESS, STATUS_LINES
from gateway.http.watch import kernel_unread, kernel_unsent

_NEWCOMER_S = 1.0  # at the start of a drain, for one who has asked nothing yet
_LINGER_S = 2.0  # for a client that is still sending while it should read our early answer


class ServerConnection:
    """One client connection. An asyncio protocol by its methods: compiled classes have no interpreted base."""

    def __init__(self, site: Site) -> None:
        # per connection
        self._site = site
        self._loop = site.reactor.loop
        self._outbox = site.reactor.outbox
        self._transport: Any = None
        self._reader = RequestReader(self, site.limits)
        # Requests behind the one being answered, with what came of their bodies.
        self._queue: deque[tuple[Request, list[bytes]]] = deque()
        self._queued_bytes = 0
        self._reading_paused = False
        self._stalled_since = 0.0
        self._last_unsent = 0
        self._lingering = False
        self._refused: BadRequest | None = None
        self._deadline = 0.0
        # per answer
        self._active: Request | None = None
        self._handler: Handler | None = None  # of the active request
        self._started = False
        self._head = b""
        self._chunked = False
        self._silent = False
        self._left_bytes = 0
        self._keep_alive = True

    # ---- what the application calls -------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether the answer's head is fixed: from then on only its end or an abort can follow."""
        return self._started

    @property
    def draining(self) -> bool:
        """Whether this process takes no new connections any more."""
        return self._site.draining

    def start(self, status: int, block: bytes, length: int | None) -> None:
        """Fix the answer's head; it leaves with the first `send`. `length` None: the body is chunked."""
        active = self._active
        if active is None:
            return  # the client left
        head = active.head
        keep = head.framing.keep_alive and active.complete and not self._site.draining
        self._silent = head.method == b"HEAD" or status in BODILESS
        self._chunked = length is None and not self._silent and head.version == "1.1"
        parts = [STATUS_LINES[status], block]
        if self._chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        elif length is not None and status not in BODILESS:
            parts.append(b"content-length: %d\r\n" % length)
        elif not self._silent:
            keep = False  # HTTP/1.0 without a length: the end of the connection is the end of the body
        self._left_bytes = -1 if length is None else length
        self._keep_alive = keep
        if not keep:
            parts.append(b"connection: close\r\n")
        elif head.version == "1.0":
            parts.append(b"connection: keep-alive\r\n")
        parts.append(b"\r\n")
        self._head = b"".join(parts)
        self._started = True

    def send(self, data: bytes, *, end: bool = False) -> None:
        """Send body bytes in one write, with the head if it has not left yet; `end` completes the answer.

        An `end` before the promised length, or bytes beyond it, cut the connection: a wrong body must look wrong.
        """
        head = self._head
        if self._chunked and data and not head and not end:  # an empty chunk would be the last one
            self._write(b"%x\r\n%b\r\n" % (len(data), data))
            return
        self._head = b""
        if self._silent:
            data = b""
        elif self._chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if end:
                data += b"0\r\n\r\n"
        elif self._left_bytes >= 0:
            self._left_bytes -= len(data)
            if self._left_bytes < 0 or (end and self._left_bytes):
                self.abort()
                return
        self._write(head + data if head else data)
        if end:
            self._finish()

    def abort(self) -> None:
        """Cut the connection so that no client can take the answer for complete."""
        transport = self._transport
        active = self._active
        self._active = self._handler = None
        if transport is None:
            return
        self._outbox.flush()
        if active is not None and active.head.version == "1.0":
            # Close-delimited: only a reset tells the client that something is missing.
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def cut(self) -> None:
        """Cut the connection because this process ends; whoever works for the client hears of it."""
        if self._handler is not None:
            self._handler.left(stopped=True)
        self.abort()

    def pause_body(self) -> None:
        """Stop reading the request's body: whoever takes it cannot keep up."""
        self._pause_reading()

    def resume_body(self) -> None:
        """Go on reading the request's body."""
        if self._queued_bytes <= self._site.limits.pipelined_bytes:
            self._resume_reading()

    def close_if_idle(self) -> None:
        """Close now unless a request is under way, or on its way: who came a moment ago is about to ask."""
        if self._transport is None or self._active is not None or self._reader.in_head:
            return
        if self._started and not kernel_unread(self._transport):
            self._close()
        else:
            self._deadline = self._loop.time() + _NEWCOMER_S

    # ---- what the transport calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin: the first head must come within the deadline."""
        self._transport = transport
        site = self._site
        site.connections.add(self)
        site.reactor.watch.add(self)
        site.on_count(len(site.connections))
        self._deadline = self._loop.time() + site.header_timeout_s

    def data_received(self, data: bytes) -> None:
        """Read; the callbacks below do the rest."""
        if self._lingering or self._refused is not None:
            return
        reader = self._reader
        was_in_head = reader.in_head
        try:
            reader.feed(data)
        except BadRequest as bad:
            self._reject(bad)
            return
        if reader.request is not None:
            self._deadline = self._loop.time() + self._site.body_timeout_s
        elif reader.in_head and not was_in_head and self._active is None:
            self._deadline = self._loop.time() + self._site.header_timeout_s

    def eof_received(self) -> None:
        """Treat a half-close as leaving: the transport closes, `connection_lost` follows.

        It would wait until the client has read what was sent; while an answer runs that may be never.
        """
        self._outbox.flush()
        if self._active is not None and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: whoever still works for this client hears of it."""
        site = self._site
        site.connections.discard(self)
        site.reactor.watch.discard(self)
        site.reactor.hangups.forget(self)
        site.on_count(len(site.connections))
        handler = self._handler
        self._active = self._handler = self._transport = None
        self._queue.clear()
        if handler is not None:
            handler.left()

    def pause_writing(self) -> None:
        """The write buffer is full."""
        self._stalled_since = self._loop.time()
        if self._handler is not None:
            self._handler.blocked()

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        self._stalled_since = 0.0
        if self._handler is not None:
            self._handler.drained()

    # ---- what the reader calls ------------------------------------------------------------------------------------

    def request_begun(self, request: Request) -> None:
        """Hand the request to the application, or queue it behind the one being answered."""
        if self._active is None and not self._queue:
            self._activate(request)
            return
        limit = self._site.limits.pipelined_requests
        if len(self._queue) >= limit:
            raise BadRequest(400, f"there are more than {limit} requests in the pipeline")
        self._queue.append((request, []))

    def request_body(self, data: bytes) -> None:
        """Hand on a piece of the body, or hold it until it is the request's turn."""
        request = self._reader.request
        if request is self._active:
            if self._handler is not None:
                self._handler.body(data)
        elif self._queue and self._queue[-1][0] is request:
            self._queue[-1][1].append(data)
            self._queued_bytes += len(data)
            if self._queued_bytes > self._site.limits.pipelined_bytes:
                self._pause_reading()
        # else it was answered meanwhile: nobody wants the rest

    def request_ended(self, request: Request) -> None:
        """The request is whole."""
        if request is self._active:
            self._deadline = 0.0
            if self._handler is not None:
                self._handler.body_end()

    # ---- taking turns ---------------------------------------------------------------------------------------------

    def _activate(self, request: Request, held: Sequence[bytes] = ()) -> None:
        self._active = request
        self._started = False
        handler = self._site.application(self, request)
        if self._active is not request:
            return  # answered at once
        self._handler = handler
        if request.head.framing.expects_continue and not self._started and not held and not request.complete:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        for data in held:
            handler.body(data)
        if request.complete and self._active is request:
            self._deadline = 0.0
            handler.body_end()

    def _finish(self) -> None:
        """The answer is sent whole: take the next request, wait for one, or close."""
        active = self._active
        self._active = self._handler = None
        if active is None or self._transport is None:
            return
        if not self._keep_alive:
            self._close() if active.complete else self._linger()
        elif self._queue:
            following, held = self._queue.popleft()
            self._queued_bytes -= sum(map(len, held))
            self.resume_body()
            self._activate(following, held)
        elif self._refused is not None:
            self._refuse()
        else:
            self._deadline = self._loop.time() + self._site.keepalive_timeout_s

    def _reject(self, bad: BadRequest) -> None:
        """Refuse what cannot be trusted to be a request, then close. Whole requests before it are answered first."""
        self._refused = bad
        if self._queue and not self._queue[-1][0].complete:
            self._queue.pop()
        active = self._active
        if active is None:
            self._refuse()
        elif not active.complete:
            if self._handler is not None:
                self._handler.left()
            self.abort() if self._started else self._refuse()

    def _refuse(self) -> None:
        bad = self._refused
        self._active = self._handler = None
        if bad is None:
            return
        block, body = self._site.render_bad_request(bad)
        extra = b"upgrade: websocket\r\n" if bad.status == 426 else b""
        head = b"%b%b%bcontent-length: %d\r\nconnection: close\r\n\r\n"
        self._write(head % (STATUS_LINES[bad.status], block, extra, len(body)) + body)
        self._linger()

    def _linger(self) -> None:
        """Say that we are done and discard what still comes, for a moment: a reset would destroy our answer."""
        if self._transport is None or self._transport.is_closing():
            return
        self._lingering = True
        self._resume_reading()
        self._deadline = self._loop.time() + _LINGER_S
        if self._transport.can_write_eof():
            self._outbox.flush()
            self._transport.write_eof()

    # ---- writing, pausing, deadlines ------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._outbox.write(self._transport, data)

    def _close(self) -> None:
        if self._transport is not None:
            self._outbox.flush()
            self._transport.close()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()
            self._site.reactor.hangups.watch(self, self._transport.get_extra_info("socket").fileno())

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._site.reactor.hangups.forget(self)
            self._transport.resume_reading()

    def hung_up(self) -> None:
        """The peer left while reading was paused (called by Hangups)."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Enforce the deadlines (called by Watch)."""
        if self._transport is None:
            return
        if self._deadline and now > self._deadline and not self._reading_paused:
            self._expire()
        elif self._stalled_since:
            unsent = self._transport.get_write_buffer_size() + kernel_unsent(self._transport)
            if unsent != self._last_unsent:
                self._last_unsent = unsent
                self._stalled_since = now
            elif now - self._stalled_since > self._site.write_timeout_s:
                self._transport.abort()

    def _expire(self) -> None:
        self._deadline = 0.0
        if self._active is None and not self._reader.in_head:
            self._close()  # idle, or lingering for long enough
        elif self._active is not None and self._started:
            self._transport.abort()
        else:
            self._reject(BadRequest(408, "the request did not arrive in time"))
