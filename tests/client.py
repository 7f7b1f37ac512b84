"""A client that hides nothing: raw requests out, and of the answer every byte, header and the way it ended."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

LIMIT_S = 30.0

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `whole`: it came to the end that its framing promised. `chunked`: how it was framed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool
    chunked: bool

    def value(self, name: str) -> str | None:
        """Return the only value of a header; None: it is not there."""
        found = [value for known, value in self.headers if known.lower() == name.lower()]
        assert len(found) < 2, f"{name} stands more than once"
        return found[0] if found else None

    @property
    def id(self) -> str:
        """The exchange's id."""
        return self.value("x-tollway-request-id") or ""


class Client:
    """One connection to a gateway."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = self._sock.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def ask(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Reply:
        """Send a request and read the whole answer."""
        self.send(method, target, headers, body)
        return self.reply(bodiless=method == "HEAD")

    def send(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> None:
        """Send a request; a body gets its length unless the headers frame it."""
        lines = [f"{method} {target} HTTP/1.1", "Host: gateway", *(f"{name}: {value}" for name, value in headers)]
        if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        self.push("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def push(self, data: bytes) -> None:
        """Send bytes."""
        self._sock.sendall(data)

    def chunks(self, size: int) -> bytes:
        """Read whole chunks until they hold `size` bytes of the body."""
        body = b""
        while len(body) < size:
            piece = self._read.read(int(self._read.readline(), 16))
            assert piece, "the body ended"
            body += piece
            assert b"\r\n" == self._read.readline()
        return body

    def push_what_fits(self, data: bytes, wait_s: float = 0.3) -> int:
        """Send bytes until nobody takes more for a moment; return how many were taken."""
        self._sock.settimeout(wait_s)
        taken = 0
        try:
            while taken < len(data):
                taken += self._sock.send(data[taken : taken + 65536])
        except TimeoutError:
            pass
        self._sock.settimeout(LIMIT_S)
        return taken

    def reply_body(self) -> bytes:
        """Read the whole chunked body of an answer whose head was read."""
        parts: list[bytes] = []
        assert self._chunks(parts), "the answer was cut"
        return b"".join(parts)

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        """Read an answer's head."""
        line = self._read.readline()
        assert line, "the gateway closed without an answer"
        headers = []
        while (header := self._read.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return int(line.split()[1]), headers

    def some(self, size: int) -> bytes:
        """Read that many raw bytes of a body, framing included."""
        return self._read.read(size)

    def reply(self, *, bodiless: bool = False) -> Reply:
        """Read an answer to its end, whatever end that is."""
        status, headers = self.head()
        index = {name.lower(): value for name, value in headers}
        chunked = "transfer-encoding" in index
        if bodiless or status in (204, 304):
            return Reply(status, headers, b"", True, chunked)
        parts: list[bytes] = []
        try:
            whole = self._chunks(parts) if chunked else self._sized(parts, int(index.get("content-length", "-1")))
        except ConnectionError:
            whole = False
        return Reply(status, headers, b"".join(parts), whole, chunked)

    def _chunks(self, parts: list[bytes]) -> bool:
        while (line := self._read.readline()).endswith(b"\r\n"):
            size = int(line, 16)
            parts.append(self._read.read(size))
            if len(parts[-1]) < size or b"\r\n" != self._read.readline():
                return False
            if not size:
                return True
        return False

    def _sized(self, parts: list[bytes], length: int) -> bool:
        while length and (piece := self._read.read1(65536 if length < 0 else min(length, 65536))):
            parts.append(piece)
            length -= len(piece) if length > 0 else 0
        return length <= 0

    def ended(self) -> bool:
        """Tell whether the gateway closes the connection without another byte (waits for it)."""
        try:
            return b"" == self._read.read(1)
        except ConnectionResetError:
            return True

    def reset(self) -> None:
        """Leave without a word."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close it."""
        self._read.close()
        self._sock.close()
