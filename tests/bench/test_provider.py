"""The bench's provider: what every contender stands in front of must itself be right."""

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cases import EVENTS, write_bodies
from bench.provider import Certificate, compiled, make_certificate

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


class Client:
    """One keep-alive connection to the provider."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def ask(self, body: bytes, head: str = "POST /v1/chat/completions") -> tuple[int, dict[str, str], list[bytes]]:
        """Send a request; return status, headers and the body's chunks (one without chunked framing)."""
        self._connection.sendall(f"{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        status = int(self._stream.readline().split()[1])
        headers = {}
        while (line := self._stream.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        if "content-length" in headers:
            return status, headers, [self._stream.read(int(headers["content-length"]))]
        chunks = []
        while "transfer-encoding" in headers and (size := int(self._stream.readline(), 16)):
            chunks.append(self._stream.read(size))
            self._stream.readline()
        if "transfer-encoding" in headers:
            self._stream.readline()
        return status, headers, chunks

    def close(self) -> None:
        """Close it."""
        self._stream.close()
        self._connection.close()


def connect(port: int, certificate: Certificate | None) -> socket.socket:
    """Connect, trying until the provider listens."""
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        try:
            plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.01)
            continue
        if certificate is None:
            return plain
        context = ssl.create_default_context(cafile=str(certificate.authority))
        return context.wrap_socket(plain, server_hostname="127.0.0.1")
    raise AssertionError("the provider does not listen")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a running provider."""
    folder = tmp_path_factory.mktemp("bench")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    certificate = make_certificate(folder) if request.param else None
    words = [str(compiled(folder, tls=request.param)), str(port)]
    if certificate:
        words += [str(certificate.certificate), str(certificate.key)]
    with subprocess.Popen(words) as process:
        try:
            made = Client(connect(port, certificate))
            yield made
            made.close()
        finally:
            process.kill()


def test_json_answer_is_whole(client: Client) -> None:
    """A request without stream gets one JSON answer with usage, again and again on one connection."""
    for _ in range(3):
        status, headers, (body,) = client.ask(b'{"model": "m", "messages": []}')

        assert (200, "application/json") == (status, headers["content-type"])
        assert 399 == json.loads(body)["usage"]["total_tokens"]


@pytest.mark.parametrize("interval_ms", [0, 1])
def test_stream_is_whole(client: Client, interval_ms: int) -> None:
    """A stream has its events, usage and the terminal event, whether in a burst or paced."""
    status, _, _ = client.ask(b"", head=f"POST /-/interval/{interval_ms}")
    assert 204 == status

    _, headers, chunks = client.ask(b'{"model": "m", "stream": true}')

    assert headers["content-type"].startswith("text/event-stream")
    events = b"".join(chunks).decode().split("\n\n")
    assert EVENTS + 3 == len(events)  # usage, [DONE], and nothing behind the last blank line
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events[:EVENTS])
    assert "usage" in json.loads(events[EVENTS].removeprefix("data: "))
    assert ["data: [DONE]", ""] == events[-2:]


def test_large_body_in_pieces_is_taken(client: Client, tmp_path: Path) -> None:
    """The agent's request is some 200 KB, more than one read."""
    write_bodies(tmp_path)
    body = (tmp_path / "large.json").read_bytes()

    status, _, _ = client.ask(body)

    assert 200 == status
    assert 180_000 < len(body) < 220_000
