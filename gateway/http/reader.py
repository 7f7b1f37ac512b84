"""Bytes from a client into requests, strictly: llhttp with its gaps closed. Sans-I/O."""

import time
from typing import Final, Protocol

import httptools

from gateway.http.guard import (
    MAX_LENGTH_DIGITS,
    BadRequest,
    Limits,
    check_framing,
    check_request_line,
    index_headers,
)
from gateway.http.headers import Header
from gateway.http.upgrade import head_without_upgrade


class Head:
    """A request's head, checked. Requests that repeat it on the same connection share it.

    `index`: lower-cased name -> value, the last of a repeated one. `framing.length` is the first request's; each
    request has its own. `notes`: whatever the application worked out from this head and wants to find again.
    """

    __slots__ = ("framing", "headers", "index", "method", "notes", "target", "version")

    def __init__(self, method: bytes, target: bytes, version: str, headers: list[Header]) -> None:
        check_request_line(method, target, version)
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.index = index_headers(headers)
        self.framing = check_framing(self.index, version)
        self.notes: object = None


class Request:
    """One request. `length` is its body's (None: chunked); `begun_ns` is perf_counter at its first byte.

    `complete`: all of it was read.
    """

    __slots__ = ("begun_ns", "complete", "head", "length")

    def __init__(self, head: Head, length: int | None, begun_ns: int) -> None:
        self.head = head
        self.length = length
        self.begun_ns = begun_ns
        self.complete = False


class RequestSink(Protocol):
    """Who takes what was read. A BadRequest raised in here stops the reader for good."""

    def request_begun(self, request: Request) -> None:
        """A head is complete and sound."""

    def request_body(self, data: bytes) -> None:
        """A piece of the last begun request's body."""

    def request_ended(self, request: Request) -> None:
        """The last begun request is whole."""


class RequestReader:
    """Feed it what the socket gives; it calls the sink. Raises BadRequest, after which it must not be fed again."""

    __slots__ = (
        "_bad", "_begun_ns", "_body_left", "_data", "_headers", "_limits", "_parser", "_read_bytes", "_repeated",
        "_sink", "_target", "_upgrading", "_wire_bytes", "in_head", "request",
    )  # fmt: skip

    def __init__(self, sink: RequestSink, limits: Limits) -> None:
        self._sink = sink
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._bad: BadRequest | None = None
        self.in_head = False  # between a head's first byte and its end
        self._headers: list[Header] = []
        self._target = b""
        self._begun_ns = 0
        self._upgrading = False
        self.request: Request | None = None  # whose body is still expected
        self._wire_bytes = 0  # of a head or a chunked body that takes several reads
        self._read_bytes = 0
        self._data = b""  # the read being parsed, if a message began with it
        self._repeated: _Repeated | None = None  # the last head, as bytes
        self._body_left = 0  # of a request whose head was not parsed

    def feed(self, data: bytes) -> None:
        """Read one piece from the socket. Raises BadRequest."""
        if self._body_left:
            self._feed_body(data)
        elif self._repeated is not None and self.request is None and not self.in_head:
            self._feed_repeated(self._repeated, data)
        else:
            self._feed_parser(data)

    def _feed_repeated(self, repeated: "_Repeated", data: bytes) -> None:
        """Take a head that repeats the last one byte for byte, but for its length, without parsing it again.

        An agent sends the same head with every request of a connection. What was parsed and checked once at the
        beginning of a message means the same at the beginning of the next.
        """
        length, body_at = repeated.match(data)
        if length < 0:
            self._feed_parser(data)
            return
        self.request = request = Request(repeated.head, length, time.perf_counter_ns())
        self._body_left = length
        self._sink.request_begun(request)
        self._feed_body(data, body_at)

    def _feed_body(self, data: bytes, at: int = 0) -> None:
        """Take the body of a request whose head was not parsed: its length says where it ends."""
        left = self._body_left
        body = data if not at and len(data) <= left else data[at : at + left]
        if body:
            left -= len(body)
            self._body_left = left
            self._sink.request_body(body)
        if not left:
            self._end_request()
            if at + len(body) < len(data):
                self.feed(data[at + len(body) :])

    def _end_request(self) -> None:
        request, self.request = self.request, None
        if request is not None:
            request.complete = True
            self._sink.request_ended(request)

    def _feed_parser(self, data: bytes) -> None:
        was_in_head, was_in_body = self.in_head, self.request
        self._read_bytes = self._wire_bytes + len(data)
        self._data = data if not was_in_head and was_in_body is None else b""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise self._bad or BadRequest(400, f"this is not HTTP/1.1: {error}") from None
        finally:
            self._data = b""
        if was_in_head and self.in_head:
            self._wire_bytes += len(data)
            if self._wire_bytes > self._limits.head_bytes + self._limits.target_bytes:
                raise BadRequest(431, f"the head is longer than {self._limits.head_bytes} bytes")
        elif was_in_body is not None and was_in_body is self.request and was_in_body.length is None:
            self._wire_bytes += len(data)
            if self._wire_bytes > self._limits.head_bytes:
                raise BadRequest(400, "there is too much chunk framing for too little body")

    # ---- parser callbacks -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a head."""
        self.in_head = True
        self._upgrading = False
        self._headers = []
        self._wire_bytes = 0
        self._target = b""
        self._begun_ns = time.perf_counter_ns()

    def on_url(self, data: bytes) -> None:
        """Collect the target; it may come in pieces."""
        self._target += data
        if len(self._target) > self._limits.target_bytes:
            self._refuse(BadRequest(414, f"the request target is longer than {self._limits.target_bytes} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header. What comes after the head is a trailer and ends in a list that nobody reads."""
        self._headers.append((name.lower(), name, value))

    def on_headers_complete(self) -> None:
        """Check the head and hand it on."""
        self.in_head = False
        if self._parser.should_upgrade():
            self._upgrading = True
            return
        try:
            self.request = request = self._read_head()
            self._headers = []
            self._wire_bytes = 0
            self._sink.request_begun(request)
        except BadRequest as bad:
            self._refuse(bad)

    def on_body(self, data: bytes) -> None:
        """Hand on a piece of the body."""
        # The smallest chunk costs six bytes on the wire: what goes beyond nine per byte is padding.
        self._wire_bytes -= len(data) * 9
        self._sink.request_body(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._upgrading:
            self._end_request()

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _refuse(self, bad: BadRequest) -> None:
        self._bad = bad  # the parser hides what a callback raises
        raise bad

    def _read_head(self) -> Request:
        headers, limits = self._headers, self._limits
        # A head is never longer than what was read since it began, which is cheap to know.
        too_long = self._read_bytes > limits.head_bytes and _size(headers) > limits.head_bytes
        if too_long or len(headers) > limits.header_count:
            raise BadRequest(431, f"the head has more than {limits.head_bytes} bytes or {limits.header_count} headers")
        head = Head(self._parser.get_method(), self._target, self._parser.get_http_version(), headers)
        self._repeated = _Repeated.of(head, self._data)
        self._data = b""  # a second head in the same read does not begin where the read does
        return Request(head, head.framing.length, self._begun_ns)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Refuse CONNECT and WebSockets; read the request as if any other offer had not been made."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise BadRequest(405, "this is a gateway, not a forward proxy: CONNECT is refused")
        index = {lower: value for lower, _, value in self._headers}
        if index.get(b"upgrade", b"").lower() == b"websocket":
            raise BadRequest(426, "WebSockets are not built yet: use plain HTTP on the same URL")
        head = head_without_upgrade(method, self._target, self._parser.get_http_version(), self._headers)
        begun_ns = self._begun_ns
        self._parser = httptools.HttpRequestParser(self)
        self.feed(head)
        self._begun_ns = begun_ns
        if rest:
            self.feed(rest)


class _Repeated:
    """A sound head as it stood on the wire, cut out around the digits of its Content-Length."""

    __slots__ = ("before", "behind", "head")

    def __init__(self, head: Head, before: bytes, behind: bytes) -> None:
        self.head = head
        self.before = before
        self.behind = behind

    @classmethod
    def of(cls, head: Head, data: bytes) -> "_Repeated | None":
        """Cut up the head that `data` begins with; None: it has no length, or stands in several reads."""
        end = data.find(b"\r\n\r\n") + 4
        name = data.lower().find(_LENGTH_NAME, 0, end) + len(_LENGTH_NAME)
        if end < 4 or name < len(_LENGTH_NAME) or head.framing.length is None or not head.framing.keep_alive:
            return None
        digits = head.index[b"content-length"]
        at = data.find(digits, name)
        if data[at + len(digits) : at + len(digits) + 2] != b"\r\n":
            return None
        return cls(head, data[:at], data[at + len(digits) : end])

    def match(self, data: bytes) -> tuple[int, int]:
        """Return (length, where the body begins) if `data` begins with this head; (-1, 0): it does not."""
        start = len(self.before)
        if not data.startswith(self.before):
            return -1, 0
        end = data.find(b"\r", start, start + MAX_LENGTH_DIGITS + 1)
        digits = data[start:end] if end > 0 else b""
        if not digits.isdigit() or not data.startswith(self.behind, end):
            return -1, 0
        return int(digits), end + len(self.behind)


_LENGTH_NAME: Final = b"\r\ncontent-length:"


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + 4 for _, name, value in headers)
