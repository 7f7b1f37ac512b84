"""A client that leaves stops the provider at once, wherever the exchange stands; one that stalls costs little."""

import fcntl
import socket
import statistics
import struct
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults.harness import (
    Listener,
    connect,
    gone_after_s,
    listening,
    post,
    processes,
    push_until_full,
    question,
    read_head,
    read_message,
    rss_bytes,
    socket_bytes,
    unread_bytes,
)
from tests.gateway import Gateway, standing_before
from tests.provider import until

WITHIN_S = 0.1
MEMORY_BYTES = 1 << 20
TRIES = 3  # their median counts: the machine may be busy

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'16\r\ndata: {"choices":[]}\n\n\r\n'
LARGE_BYTES = 1 << 30
LARGE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES


@dataclass
class Scene:
    """A gateway before a provider that the test plays."""

    run: Gateway
    provider: Listener
    clients: list[socket.socket] = field(default_factory=list)

    def client(self) -> socket.socket:
        """Connect."""
        self.clients.append(connect(self.run.port))
        return self.clients[-1]

    def ask(self) -> tuple[socket.socket, socket.socket]:
        """Ask for a stream, and return both ends once the provider has the request."""
        client = self.client()
        client.sendall(post(question("n", 1)))
        return client, self.provider.asked()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Stand one gateway before one provider."""
    with listening(receive_bytes=65536) as provider:
        folder = tmp_path_factory.mktemp("gateway")
        with standing_before(provider, folder, ["openai"]) as run:  # type: ignore[arg-type]
            scene = Scene(run, provider)
            yield scene
            for client in scene.clients:
                client.close()


def before_the_first_byte(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """The provider thinks."""
    return scene.ask()


def in_the_middle(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """Events flow."""
    client, upstream = scene.ask()
    upstream.sendall(STREAM_HEAD + EVENT)
    read_head(client)
    return client, upstream


def stalled(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """The client has stopped reading, so the gateway has stopped reading from the provider."""
    client, upstream = scene.ask()
    upstream.sendall(LARGE_HEAD)
    assert push_until_full(upstream, bytes(65536)) < LARGE_BYTES
    return client, upstream


def uploading(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """The provider has stopped reading, so the gateway has stopped reading from the client."""
    client = scene.client()
    head = post(b"", path="/openai/files").replace(b"Content-Length: 0", b"Content-Length: 60000000")
    client.sendall(head.replace(b"application/json", b"application/octet-stream"))
    upstream = scene.provider.accept()
    push_until_unread(client)
    return client, upstream


def with_a_question_behind(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """The client's next request is in the pipeline."""
    client, upstream = in_the_middle(scene)
    client.sendall(post(question("next")))
    return client, upstream


def with_a_large_question_behind(scene: Scene) -> tuple[socket.socket, socket.socket]:
    """The client's next request is larger than what is read of a pipeline, so the gateway has stopped reading."""
    client, upstream = in_the_middle(scene)
    client.sendall(post(b"", path="/v1/files").replace(b"Content-Length: 0", b"Content-Length: 50000000"))
    push_until_unread(client)
    return client, upstream


def push_until_unread(client: socket.socket) -> None:
    """Send until the gateway reads no more, but nothing that its kernel would not take.

    An end that stands behind such bytes does not even arrive.
    """
    while not (unread := unread_bytes(client)) or unread != unread_bytes(client, after_s=0.05):
        if not unread:
            client.sendall(bytes(65536))
            time.sleep(0.002)
    assert 0 == struct.unpack("i", fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]


def by_closing(client: socket.socket) -> None:
    """Leave as programs do."""
    client.close()


def by_reset(client: socket.socket) -> None:
    """Leave without a goodbye."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def by_half_closing(client: socket.socket) -> None:
    """Say that nothing more comes, which counts as leaving."""
    client.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leaves", [by_closing, by_reset, by_half_closing])
@pytest.mark.parametrize(
    "stands",
    [before_the_first_byte, in_the_middle, stalled, uploading, with_a_question_behind, with_a_large_question_behind],
)
def test_a_client_that_leaves_stops_the_provider(
    stands: Callable[[Scene], tuple[socket.socket, socket.socket]],
    leaves: Callable[[socket.socket], None],
    scene: Scene,
) -> None:
    """The provider's connection is closed within a tenth of a second, and the row says who ended it."""
    took_s = []
    for _ in range(TRIES):
        rows = len(scene.run.rows(outcome="cancelled"))
        client, upstream = stands(scene)
        leaves(client)
        took_s.append(gone_after_s(upstream))
        client.close()
        upstream.close()
        scene.run.wait_rows(rows + 1, outcome="cancelled")

    assert statistics.median(took_s) < WITHIN_S, took_s


@pytest.mark.slow
def test_a_stalled_client_costs_less_than_a_mebibyte(scene: Scene) -> None:
    """An answer of 1 GiB waits at the provider, not here: neither in the worker's memory nor in its kernel buffers.

    When the client reads on, it reads on.
    """
    worker = processes(scene.run)["worker 0"]
    client, upstream = scene.ask()
    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    read_message(client)  # what a worker needs for its first exchange it has now
    client.close()
    until(lambda: socket_bytes(worker) < 4096, "nothing is under way")
    before = rss_bytes(worker)

    client, upstream = scene.ask()
    upstream.sendall(LARGE_HEAD)
    sent = push_until_full(upstream, bytes(range(256)) * 256, still_s=1)
    user, kernel = max(0, rss_bytes(worker) - before), socket_bytes(worker)
    got = read_head(client).partition(b"\r\n\r\n")[2]
    while len(got) < sent // 2:
        got += client.recv(1 << 20)
    more = push_until_full(upstream, (bytes(range(256)) * 257)[sent % 256 :][:65536])
    rows = len(scene.run.rows(outcome="cancelled"))
    client.close()
    scene.run.wait_rows(rows + 1, outcome="cancelled")

    print(f"\nstalled: {user >> 10} KiB of the worker, {kernel >> 10} KiB of the kernel, {sent >> 10} KiB taken in all")
    assert user + kernel < MEMORY_BYTES
    assert more > 0, "it never went on"
    assert got == (bytes(range(256)) * (len(got) // 256 + 1))[: len(got)]


@pytest.mark.slow
def test_a_stalled_provider_costs_less_than_a_mebibyte(scene: Scene) -> None:
    """An upload that its provider does not take waits at the client."""
    worker = processes(scene.run)["worker 0"]
    client, upstream = uploading(scene)
    client.close()
    upstream.close()
    until(lambda: socket_bytes(worker) < 4096, "nothing is under way")
    before = rss_bytes(worker)

    client, _ = uploading(scene)
    user, kernel = max(0, rss_bytes(worker) - before), socket_bytes(worker)
    rows = len(scene.run.rows(outcome="cancelled"))
    client.close()
    scene.run.wait_rows(rows + 1, outcome="cancelled")

    print(f"\nstalled upload: {user >> 10} KiB of the worker, {kernel >> 10} KiB of the kernel")
    assert user + kernel < MEMORY_BYTES


def test_a_client_that_leaves_before_it_asked_is_nobody(scene: Scene) -> None:
    """Half a head or half a body that ends there leaves no row and calls no provider."""
    rows = len(scene.run.rows())
    for part in (b"POST /v1/chat/comp", post(question("n"))[:-1]):
        client = scene.client()
        client.sendall(part)
        client.close()
    with pytest.raises(TimeoutError):
        scene.provider.accept(limit_s=0.3)
    time.sleep(0.3)  # a row would take this long

    assert rows == len(scene.run.rows())
