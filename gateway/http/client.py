"""The side that providers see: one upstream connection, and what arrives on it as an answer.

llhttp reads the answer; where it must guess (the end at EOF, HEAD, bytes that nobody asked for), we decide.
"""

import socket
import struct
from typing import Any, Final, Protocol

import httptools

from gateway.core.errors import UpstreamFailure
from gateway.http.headers import Header
from gateway.http.reactor import Reactor
from gateway.http.status import BODILESS

# What the kernel may hold of an answer that a slow client does not take (Linux doubles the number).
_RECEIVE_BUFFER_BYTES: Final = 64 * 1024
# What the kernel may hold of a request that a slow provider does not take. What is on its way does not count.
_UNSENT_BYTES: Final = 256 * 1024
_JOIN_BYTES: Final = 64 * 1024
_MAX_HEAD_BYTES: Final = 256 * 1024


class AnswerHead:
    """The head of an answer. `length` is the body's (None: not known before its end); `until_eof`: the end of the
    connection is the end of the body, so that a cut cannot be told from it by framing alone."""

    __slots__ = ("headers", "index", "length", "status", "until_eof")

    def __init__(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers
        self.index = index = {lower: value for lower, _, value in headers}
        self.length: int | None = 0
        self.until_eof = False
        if status in BODILESS:
            return
        length = index.get(b"content-length", b"")
        coding = index.get(b"transfer-encoding")
        self.length = int(length) if coding is None and length.isdigit() else None
        self.until_eof = coding.lower() != b"chunked" if coding is not None else self.length is None


class Sink(Protocol):
    """Who takes the answer: one call for each read of the socket, or one failure, and then nothing more."""

    def answer(self, head: AnswerHead | None, data: bytes, end: bool) -> None:
        """Take what one read brought: the head (once), body bytes, the end."""

    def answer_failed(self, failure: UpstreamFailure) -> None:
        """The connection ended before the answer did."""

    def upload_blocked(self) -> None:
        """The provider reads more slowly than the request comes."""

    def upload_drained(self) -> None:
        """The provider has caught up."""


class Home(Protocol):
    """Where connections go when they are free, and what they need to know: their pool."""

    idle_timeout_s: float
    spare_timeout_s: float
    reactor: Reactor

    def free(self, connection: "UpstreamConnection") -> None:
        """Take a connection that may carry another request."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """A connection is gone."""


class UpstreamConnection:
    """One connection to a provider; it carries one exchange at a time."""

    def __init__(self, home: Home, *, tls: bool, leniency: bool = False) -> None:
        # per connection
        self._home = home
        self._loop = home.reactor.loop
        self._outbox = home.reactor.outbox
        self._tls = tls
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        if leniency:
            self._parser.set_dangerous_leniencies(
                lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
            )
        self._deadline = 0.0
        self._paused = False
        self.reused = False
        self.idle_since = 0.0
        # per exchange
        self._sink: Sink | None = None
        self._is_head_request = False
        self._request_sent = False
        self._answered = False  # any byte of an answer came
        self._eof = False
        # per answer
        self._in_head = True
        self._head: AnswerHead | None = None
        self._headers: list[Header] = []
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._until_eof = False
        self._ended = False
        self._keep_alive = False

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it."""
        return self._transport is not None and not self._transport.is_closing() and self._sink is None

    # ---- what the application calls -------------------------------------------------------------------------------

    def send(self, sink: Sink, head: bytes, body: bytes, *, is_head_request: bool, complete: bool) -> None:
        """Send a request's head and what there is of its body; `complete`: that is all of it."""
        self._sink = sink
        self._is_head_request = is_head_request
        self._request_sent = complete
        self._answered = False
        self._ended = False
        self._deadline = self._loop.time() + self._home.idle_timeout_s
        self._write(head, body)

    def send_body(self, data: bytes, *, complete: bool) -> None:
        """Send more of the request's body, framed by the caller. It is we who keep the provider waiting until then."""
        self._request_sent = complete
        self._deadline = self._loop.time() + self._home.idle_timeout_s
        self._write(b"", data)

    def pause(self) -> None:
        """Stop reading the answer: the client cannot keep up."""
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._deadline = 0.0
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on reading the answer."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._deadline = self._loop.time() + self._home.idle_timeout_s
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once: the exchange is over for us, and the provider should stop working for it."""
        sink, self._sink = self._sink, None
        if sink is not None:
            self._reset()
        elif self._transport is not None:
            self._transport.abort()

    # ---- what the transport calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Bound what the kernel may buffer for us."""
        self._transport = transport
        self.idle_since = self._loop.time()
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._home.reactor.watch.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse one read and hand it on in one call."""
        sink = self._sink
        if sink is None:
            self.abort()  # nobody asked: what follows could be taken for the next answer
            return
        self._answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("protocol", "the provider switched protocols")
            return
        except httptools.HttpParserError as error:
            if not self._ended:
                self._fail("protocol", f"the provider's answer is not HTTP/1.1: {error}")
                return
            self._keep_alive = False  # the answer is whole; what came behind it is not ours
        if self._in_head and not self._ended:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._fail("protocol", "the provider's answer has a head without end")
            return
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        head, self._head = self._head, None
        if self._ended:
            self._deliver_end(sink, head, data)
        else:
            self._deadline = self._loop.time() + self._home.idle_timeout_s
            if data or head is not None:
                sink.answer(head, data, False)

    def eof_received(self) -> None:
        """Remember that the end was said, not just reached: TLS tells a cut only by the difference."""
        self._eof = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer that runs to EOF, or fail the exchange."""
        self._transport = None
        self._home.reactor.watch.discard(self)
        self._home.lost(self)
        sink = self._sink
        if sink is None:
            return
        whole = self._until_eof and exc is None and (self._eof or not self._tls)
        if whole and not self._in_head:
            self._sink = None
            sink.answer(None, b"", True)
        elif self._answered and not self._in_head:
            self._fail("truncated", "the provider closed the connection before the end of its answer")
        else:
            self._fail("protocol", "the provider closed the connection without an answer")

    def pause_writing(self) -> None:
        """The provider reads slowly."""
        if self._sink is not None:
            self._sink.upload_blocked()

    def resume_writing(self) -> None:
        """The provider reads again."""
        if self._sink is not None:
            self._sink.upload_drained()

    # ---- what the parser calls ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a head, unless an answer has ended: then somebody answers what was not asked."""
        if self._ended:
            self._keep_alive = False
            return
        self._in_head = True
        self._headers = []
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; a trailer ends in a list that nobody reads."""
        self._headers.append((name.lower(), name, value))

    def on_headers_complete(self) -> None:
        """Decide how the body ends."""
        if self._ended:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            return  # an interim answer: dropped with its end
        self._in_head = False
        self._head = head = AnswerHead(status, self._headers)
        self._until_eof = head.until_eof
        self._headers = []
        self._keep_alive = self._parser.should_keep_alive()
        if self._is_head_request:
            # The parser cannot be told that no body follows: end here, and do not reuse what it would misread.
            self._keep_alive = self._keep_alive and head.length == 0
            self._ended = True

    def on_body(self, data: bytes) -> None:
        """Collect what one read brings."""
        if not self._ended:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole, by its own framing."""
        if not self._in_head:
            self._ended = True

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _deliver_end(self, sink: Sink, head: AnswerHead | None, data: bytes) -> None:
        """Let go of the exchange before its last bytes are handed on: what follows may want a connection."""
        self._sink = None
        self._deadline = 0.0
        if self._keep_alive and self._request_sent and not self._paused:
            self.reused = True
            self._in_head = True
            self._home.free(self)
        elif self._transport is not None:
            self._transport.abort()
        sink.answer(head, data, True)

    def _fail(self, kind: str, message: str) -> None:
        sink, self._sink = self._sink, None
        self._reset()
        if sink is not None:
            sink.answer_failed(UpstreamFailure(kind, message, reused=self.reused, answered=self._answered))

    def _reset(self) -> None:
        """Close so that the provider hears of it though it does not read: an end would wait behind what we sent."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._outbox.flush()  # what was asked in this turn was asked
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def _write(self, head: bytes, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if len(data) <= _JOIN_BYTES:
            self._outbox.write(transport, head + data)
        else:
            self._outbox.write(transport, head, data)

    def check(self, now: float) -> None:
        """Enforce the time between bytes, and drop connections that were idle for long (called by Watch)."""
        if self._sink is None:
            if self._transport is not None and now - self.idle_since > self._home.spare_timeout_s:
                self._transport.close()
        elif self._deadline and now > self._deadline:
            self._fail("timeout", f"the provider sent nothing for {self._home.idle_timeout_s:g} s")
