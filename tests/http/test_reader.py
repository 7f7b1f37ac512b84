"""Bytes from a client into requests: what is sound is read however it is cut, what is doubtful is refused."""

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.guard import BadRequest, Limits
from gateway.http.reader import Request, RequestReader


class Read(NamedTuple):
    """One request as it was read."""

    method: bytes
    target: bytes
    body: bytes
    whole: bool


class Sink:
    """Collects what the reader calls."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.ended = 0

    def request_begun(self, request: Request) -> None:
        self.requests.append(request)
        self.bodies.append(b"")

    def request_body(self, data: bytes) -> None:
        self.bodies[-1] += data

    def request_ended(self, request: Request) -> None:
        self.ended += 1

    def read(self) -> list[Read]:
        """What was read so far."""
        pairs = zip(self.requests, self.bodies, strict=True)
        return [
            Read(request.head.method, request.head.target, body, number < self.ended)
            for number, (request, body) in enumerate(pairs)
        ]


def read(*pieces: bytes) -> Sink:
    """Feed pieces to a new reader."""
    sink = Sink()
    reader = RequestReader(sink, Limits())
    for piece in pieces:
        reader.feed(piece)
    return sink


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut data at some places."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]


POST = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /v1/y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n"
    b"Authorization: Bearer evil\r\n\r\n"
)
H2C = (
    b"POST /v1/z HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMA\r\nContent-Length: 4\r\n\r\nbody"
)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SOUND = {POST: (b"/v1/x", b"hello"), CHUNKED: (b"/v1/y", b"abcde"), H2C: (b"/v1/z", b"body"), GET: (b"/", b"")}


@given(st.lists(st.sampled_from(sorted(SOUND)), min_size=1, max_size=4), st.lists(st.integers(0, 1000), max_size=12))
def test_sound_requests_are_read_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    """Pipelined, chunked, with an h2c offer: the requests are the same for every cut."""
    got = read(*pieces_of(b"".join(messages), cuts)).read()

    assert [SOUND[message] for message in messages] == [(each.target, each.body) for each in got]
    assert all(each.whole for each in got)


@pytest.mark.parametrize("message", SOUND)
def test_sound_requests_are_read_byte_by_byte(message: bytes) -> None:
    """One byte at a time."""
    got = read(*(bytes([byte]) for byte in message)).read()

    assert [(*SOUND[message], True)] == [(each.target, each.body, each.whole) for each in got]


def test_trailers_are_dropped() -> None:
    """Nobody sets a credential behind the body."""
    (request,) = read(CHUNKED).requests

    assert b"authorization" not in request.head.index


_POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
SMUGGLING = {
    "length and chunks": _POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "length list": _POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "signed length": _POST + b"Content-Length: +3\r\n\r\nabc",
    "hex length": _POST + b"Content-Length: 0x3\r\n\r\nabc",
    "coding list": _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding with parameter": _POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    "two codings": _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunks on 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": _POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded header": _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"POST / HTTP/1.1\nHost: a\n\n",
    "bare CR in value": _GET + b"X: a\rb\r\n\r\n",
    "NUL in value": _GET + b"X: a\0b\r\n\r\n",
    "chunk size with sign": _POST + b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "chunk size with space": _POST + b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
    "chunk without CRLF": _POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "length in trailer": _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": _GET + b"Host: b\r\n\r\n",
    "strange host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "absolute form": b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "RTSP": b"DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "data behind close": GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"GET /evil HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_doubtful_messages_are_refused(name: str, size: int) -> None:
    """Nothing that two servers could read differently gets through, however it is cut."""
    message = SMUGGLING[name]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]

    with pytest.raises(BadRequest) as caught:
        read(*pieces)

    assert 400 <= caught.value.status < 600


def test_websocket_offer_gets_426() -> None:
    """Codex then takes plain HTTP."""
    offer = b"GET /v1/responses HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    with pytest.raises(BadRequest) as caught:
        read(offer)

    assert 426 == caught.value.status


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000, 431),
    ],
)
@pytest.mark.parametrize("size", [1000, 300_000])
def test_heads_are_bounded(message: bytes, status: int, size: int) -> None:
    """Target, head and number of headers have limits, whole or in pieces, also when the head never ends."""
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    if size > len(message) and not message.endswith(b"\r\n\r\n"):
        pieces.append(b"a" * 100_000)

    with pytest.raises(BadRequest) as caught:
        read(*pieces)

    assert status == caught.value.status


def test_chunk_padding_is_bounded() -> None:
    """A body of nothing but chunk extensions ends."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1;" + b"x" * 4000 + b"\r\na\r\n"

    with pytest.raises(BadRequest):
        read(head, *[chunk] * 100)


def test_small_chunks_are_no_padding() -> None:
    """Chunks of one byte are wasteful but honest."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    (got,) = read(head, *[b"1\r\na\r\n" * 1000] * 50, b"0\r\n\r\n").read()

    assert b"a" * 50_000 == got.body


def test_a_repeated_head_is_shared_with_its_own_length() -> None:
    """The same head on one connection is checked once; the length is each request's own."""
    longer = POST.replace(b"Content-Length: 5", b"Content-Length: 7").replace(b"hello", b"goodbye")

    first, second, third = read(POST, longer, POST.replace(b"Host: a", b"Host: b")).requests

    assert first.head is second.head
    assert third.head is not first.head
    assert [5, 7, 5] == [first.length, second.length, third.length]


@pytest.mark.parametrize("length", [b"+7", b"7, 7", b"9" * 19, b""])
def test_a_repeated_head_with_a_bad_length_is_refused(length: bytes) -> None:
    """Sharing a head never skips the check of what differs."""
    with pytest.raises(BadRequest):
        read(POST, POST.replace(b"Content-Length: 5", b"Content-Length: " + length))
