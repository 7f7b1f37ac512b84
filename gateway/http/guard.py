"""What llhttp lets through and we do not: the checks on a request's head, as one pure function."""

import re
from typing import Final, NamedTuple

from gateway.http.headers import Header

MAX_LENGTH_DIGITS: Final = 18  # of a Content-Length: fits 64 bits with room to add
METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))

# A header of which a second one would make two readers disagree about the message or the caller.
_SINGLE = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect", b"content-type", b"content-encoding"))
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*\Z")
# RFC 3986 characters; llhttp also passes quotes, angle brackets, braces, fragments and bytes >= 0x80.
_TARGET = re.compile(rb"/[A-Za-z0-9._~%!$&'()*+,;=:@/?|\[\]-]*\Z")


class Limits(NamedTuple):
    """Bounds on what a client may send before we know who it is."""

    head_bytes: int = 64 * 1024
    target_bytes: int = 16 * 1024
    header_count: int = 128
    pipelined_requests: int = 16
    pipelined_bytes: int = 64 * 1024


class BadRequest(Exception):
    """The message is refused and the connection closed: nothing behind it can be trusted to be a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Framing(NamedTuple):
    """How the body comes: `length` bytes (None: chunked), and what the connection is to do afterwards."""

    length: int | None
    keep_alive: bool
    expects_continue: bool


def index_headers(headers: list[Header]) -> dict[bytes, bytes]:
    """Index headers by lower-cased name (the last of a repeated one); refuse repeats that would be ambiguous."""
    index = {lower: value for lower, _, value in headers}
    if len(index) != len(headers):
        names = [lower for lower, _, _ in headers]
        for name in _SINGLE & index.keys():
            if names.count(name) > 1:
                raise BadRequest(400, f"the header {name.decode()} stands twice")
    return index


def check_request_line(method: bytes, target: bytes, version: str) -> None:
    """Refuse versions, methods and target forms that we do not serve. Raises BadRequest."""
    if version not in ("1.1", "1.0"):
        raise BadRequest(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method not in METHODS:
        raise BadRequest(405, "this method is not served")
    if not _TARGET.match(target):
        raise BadRequest(400, "the request target must be a path that begins with / and holds only URI characters")


def check_framing(index: dict[bytes, bytes], version: str) -> Framing:
    """Decide where the body ends, strictly. Raises BadRequest.

    A long body is not refused here: the application does that, in the caller's dialect.
    """
    host = index.get(b"host")
    if host is None:
        if version == "1.1":
            raise BadRequest(400, "a Host header is required")
    elif not _HOST.match(host):
        raise BadRequest(400, "the Host header is not a host")
    length: int | None = 0
    coding = index.get(b"transfer-encoding")
    if coding is not None:
        if coding.lower() != b"chunked" or version != "1.1" or b"content-length" in index:
            raise BadRequest(400, "the only transfer coding is one 'chunked', on HTTP/1.1, without Content-Length")
        length = None
    elif b"content-length" in index:
        digits = index[b"content-length"]
        if not digits.isdigit() or len(digits) > MAX_LENGTH_DIGITS:
            raise BadRequest(400, "Content-Length is not a number")
        length = int(digits)
    expects = index.get(b"expect")
    if expects is not None and expects.lower() != b"100-continue":
        raise BadRequest(417, "the only expectation that is met is 100-continue")
    connection = index.get(b"connection", b"").lower()
    keep_alive = b"close" not in connection if version == "1.1" else b"keep-alive" in connection
    return Framing(length, keep_alive, expects is not None and version == "1.1")
