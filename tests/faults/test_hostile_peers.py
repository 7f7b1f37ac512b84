"""Peers that are slow, silent, rude or hostile: each costs its own exchange at most, for a bounded time."""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.exchange.books import RACE_MS
from gateway.journal.reader import Reader
from tests.faults.harness import (
    Listener,
    connect,
    data_plane,
    expected,
    gone_after_s,
    listening,
    post,
    push_until_full,
    question,
    read_head,
    read_message,
)
from tests.gateway import Gateway, provider_tables, standing_before, write_config
from tests.http.uv import on_uvloop

TIMEOUT_S = 1.0
LATEST_S = TIMEOUT_S + 1.5  # deadlines are looked at twice a second, and the machine may be busy
PROVIDER_TIMEOUT_S = 1.5
SERVER = 'header_timeout = "1 s"\nbody_timeout = "1 s"\nidle_timeout = "1.5 s"\nkeepalive_timeout = "1 s"'
ANSWER = expected("n", 0)
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
FOREIGN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
STREAM_BEGUN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'16\r\ndata: {"choices":[]}\n\n\r\n'
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Listener]:
    """Listen as a provider."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def run(provider: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Stand a gateway with little patience before it."""
    folder = tmp_path_factory.mktemp("gateway")
    with standing_before(provider, folder, server=SERVER) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def client(run: Gateway, provider: Listener) -> Iterator[socket.socket]:
    """Connect; afterwards end what the gateway keeps."""
    with connect(run.port) as sock:
        yield sock
    provider.forget()


def reset(sock: socket.socket) -> None:
    """Leave without a goodbye."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def id_in(message: bytes) -> str:
    """Return the exchange's id as an answer's head has it."""
    return message.partition(b"x-tollway-request-id: ")[2].partition(b"\r\n")[0].decode()


def exchange(run: Gateway, provider: Listener, client: socket.socket) -> socket.socket:
    """Have one good exchange, and return the provider's end of the connection that is then kept."""
    client.sendall(post(question("n")))
    upstream = provider.asked()
    upstream.sendall(ANSWERED)
    assert read_message(client).endswith(ANSWER)
    return upstream


# ==== clients =========================================================================================================


@pytest.mark.parametrize("kept", [False, True])
def test_a_head_that_drips_is_cut_off(kept: bool, run: Gateway, provider: Listener, client: socket.socket) -> None:
    """header_timeout counts from a head's first byte to its last, however busily it drips."""
    if kept:
        exchange(run, provider, client)
    began_s = time.monotonic()
    client.settimeout(0.05)
    said = b""
    for byte in post(question("n")):
        assert time.monotonic() - began_s < LATEST_S
        with contextlib.suppress(TimeoutError):
            client.sendall(bytes([byte]))
            said = client.recv(65536)
        if said:
            break

    assert time.monotonic() - began_s > TIMEOUT_S
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said
    gone_after_s(client)


def test_many_dripping_heads_keep_nobody_out(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """Hundreds of them do not delay an agent, and all are gone when their time is up."""
    with contextlib.ExitStack() as stack:
        dripping = [stack.enter_context(connect(run.port)) for _ in range(300)]
        for sock in dripping:
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-")
        began_s = time.monotonic()
        exchange(run, provider, client)
        assert time.monotonic() - began_s < TIMEOUT_S / 2
        for sock in dripping:
            gone_after_s(sock, LATEST_S)


def test_a_body_may_drip_but_not_stop(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """body_timeout is between two pieces: a slow upload ends well, a stopped one in 408."""
    whole = post(question("n"))
    for at in range(0, len(whole), len(whole) // 8):
        client.sendall(whole[at : at + len(whole) // 8])
        time.sleep(TIMEOUT_S / 4)
    provider.asked().sendall(ANSWERED)
    assert read_message(client).endswith(ANSWER)

    client.sendall(whole[:-1])
    began_s = time.monotonic()
    assert read_message(client).startswith(b"HTTP/1.1 408 ")
    assert TIMEOUT_S < time.monotonic() - began_s < LATEST_S
    with pytest.raises(TimeoutError):
        provider.accept(limit_s=0.1)


def test_an_upload_that_stops_stops_the_provider(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """A body that streams through and stops is answered 408, and its provider is let go."""
    head = post(b"", path="/openai/files").replace(b"Content-Length: 0", b"Content-Length: 100000")
    rows = len(run.rows())
    client.sendall(head.replace(b"application/json", b"application/octet-stream") + bytes(1000))
    upstream = provider.asked()

    assert read_message(client).startswith(b"HTTP/1.1 408 ")
    gone_after_s(upstream)
    assert "cancelled" == run.wait_rows(rows + 1)[0]["outcome"]


def test_an_upload_that_drips_is_no_timeout(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """A provider is not silent as long as it is being told something."""
    body = bytes(1000)
    head = post(b"", path="/openai/files").replace(b"Content-Length: 0", b"Content-Length: %d" % (10 * len(body)))
    client.sendall(head.replace(b"application/json", b"application/octet-stream"))
    for _ in range(10):
        client.sendall(body)
        time.sleep(PROVIDER_TIMEOUT_S / 5)
    upstream = provider.accept()
    assert read_message(upstream).endswith(bytes(10 * len(body)))
    upstream.sendall(ANSWERED)

    assert read_message(client).endswith(ANSWER)


def test_a_provider_that_takes_no_upload_is_a_timeout(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """A provider that does not read is as silent as one that does not answer, and the client hears of it."""
    head = post(b"", path="/openai/files").replace(b"Content-Length: 0", b"Content-Length: 60000000")
    client.sendall(head.replace(b"application/json", b"application/octet-stream"))
    upstream = provider.accept()
    push_until_full(client, bytes(65536))
    answer = read_message(client)

    assert answer.startswith(b"HTTP/1.1 504 ")
    gone_after_s(upstream)
    assert "timeout" == run.row(id_in(answer))["outcome"]


def test_an_idle_client_is_shown_out(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """keepalive_timeout after its answer a connection closes, without a word."""
    exchange(run, provider, client)

    assert TIMEOUT_S / 2 < gone_after_s(client, LATEST_S)
    assert b"" == client.recv(1)


# ==== providers =======================================================================================================


@pytest.mark.parametrize(
    ("path", "expected_error"),
    [
        ("/v1/chat/completions", {"error": {"code": "upstream_timeout", "type": "upstream_error"}}),
        ("/v1/messages", {"type": "error", "error": {"type": "timeout_error"}}),
        ("/v1beta/models/g:generateContent", {"error": {"code": 504, "status": "DEADLINE_EXCEEDED"}}),
    ],
)
def test_a_silent_provider_is_a_timeout(
    path: str, expected_error: dict[str, object], run: Gateway, provider: Listener, client: socket.socket
) -> None:
    """idle_timeout after the request the client gets 504 in its own dialect, the provider a close, the log a row."""
    began_s = time.monotonic()
    client.sendall(post(question("n"), path=path))
    upstream = provider.asked()
    answer = read_message(client)

    assert PROVIDER_TIMEOUT_S < time.monotonic() - began_s < LATEST_S + 0.5
    assert answer.startswith(b"HTTP/1.1 504 ")
    found = json.loads(answer.partition(b"\r\n\r\n")[2])
    for name, value in expected_error.items():
        shown = {key: found[name].get(key) for key in value} if isinstance(value, dict) else found[name]
        assert value == shown
    gone_after_s(upstream)
    row = run.row(id_in(answer))
    assert ("timeout", 504, "timeout") == (row["outcome"], row["status"], row["attempts"][-1]["result"])


def test_a_provider_that_falls_silent_is_cut(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """In the middle of a stream there is no status left to say it: the framing stays open, and the row says it."""
    client.sendall(post(question("n", 5)))
    upstream = provider.asked()
    upstream.sendall(STREAM_BEGUN)
    head = read_head(client)

    gone_after_s(client, LATEST_S)
    rest = b""
    with contextlib.suppress(ConnectionResetError):
        rest = client.recv(65536)
    assert b"0\r\n\r\n" not in head + rest
    row = run.row(id_in(head))
    assert ("timeout", 200, "timeout") == (row["outcome"], row["status"], row["attempts"][-1]["result"])


def test_a_provider_that_drips_is_no_timeout(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """idle_timeout is between two bytes: an answer may take many times as long."""
    client.sendall(post(question("n")))
    upstream = provider.asked()
    for at in range(0, len(ANSWERED), len(ANSWERED) // 8):
        upstream.sendall(ANSWERED[at : at + len(ANSWERED) // 8])
        time.sleep(TIMEOUT_S / 4)

    assert read_message(client).endswith(ANSWER)


@pytest.mark.parametrize("reads", [False, True])
def test_a_provider_that_resets_is_a_bad_gateway(
    reads: bool, run: Gateway, provider: Listener, client: socket.socket
) -> None:
    """Whether it reads the request first or not; on a new connection nothing is tried twice."""
    client.sendall(post(question("n")))
    reset(provider.asked() if reads else provider.accept())
    answer = read_message(client)

    assert answer.startswith(b"HTTP/1.1 502 ")
    row = run.row(id_in(answer))
    assert ("upstream_error", 502, 1) == (row["outcome"], row["status"], len(row["attempts"]))
    with pytest.raises(TimeoutError):
        provider.accept(limit_s=0.1)


def test_a_kept_connection_that_resets_is_tried_anew(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """Without a byte of an answer on it, the request goes once more, on a new connection: the client sees nothing."""
    upstream = exchange(run, provider, client)
    client.sendall(post(question("n")))
    read_head(upstream)
    reset(upstream)
    provider.asked().sendall(ANSWERED)
    answer = read_message(client)

    assert answer.endswith(ANSWER)
    row = run.row(id_in(answer))
    assert ["protocol", "ok"] == [attempt["result"] for attempt in row["attempts"]]


def test_a_kept_connection_that_resets_late_is_not(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """That provider has read the request, and may bill it: sent once more, it would bill it twice."""
    upstream = exchange(run, provider, client)
    client.sendall(post(question("n")))
    read_head(upstream)
    time.sleep(RACE_MS / 1000)
    reset(upstream)
    answer = read_message(client)

    assert answer.startswith(b"HTTP/1.1 502 ")
    row = run.row(id_in(answer))
    assert ["protocol"] == [attempt["result"] for attempt in row["attempts"]]


@pytest.mark.parametrize("together", [False, True])
def test_what_nobody_asked_for_is_given_to_nobody(
    together: bool, run: Gateway, provider: Listener, client: socket.socket
) -> None:
    """A connection on which bytes come unasked, behind an answer or later, is never used again."""
    client.sendall(post(question("n")))
    upstream = provider.asked()
    upstream.sendall(ANSWERED + FOREIGN if together else ANSWERED)
    assert read_message(client).endswith(ANSWER)
    if not together:
        upstream.sendall(FOREIGN)
    gone_after_s(upstream)

    client.sendall(post(question("n")))
    second = provider.asked()
    second.sendall(ANSWERED)
    assert read_message(client).endswith(ANSWER)


def test_a_head_without_end_is_refused(run: Gateway, provider: Listener, client: socket.socket) -> None:
    """What a provider may say before its answer begins is bounded."""
    client.sendall(post(question("n")))
    upstream = provider.asked()
    with contextlib.suppress(ConnectionError):
        upstream.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            upstream.sendall(b"x-%d: %b\r\n" % (number, b"y" * 1000))

    answer = read_message(client)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert "upstream_error" == run.row(id_in(answer))["outcome"]


# ==== a client that never reads =======================================================================================


@on_uvloop
async def test_a_client_that_never_reads_is_cut_off(tmp_path: Path) -> None:
    """After write_timeout without progress the connection goes, its provider's too, and the row says why."""
    with listening() as provider:
        write_config(tmp_path, provider_tables({"openai": provider.url}))
        async with data_plane(tmp_path, write_timeout_s=1.0) as port:
            took_s = await asyncio.to_thread(stall, provider, port, reads=False)

    assert 0.7 < took_s < 2
    reader = Reader(tmp_path / "journal")
    assert [("cancelled", 200)] == [(one.record.outcome, one.record.status) for one in reader.poll(thorough=True)]
    reader.close()


@on_uvloop
async def test_a_client_that_reads_slowly_is_not(tmp_path: Path) -> None:
    """Any progress starts the deadline anew: it goes only when it has read nothing for so long."""
    with listening() as provider:
        write_config(tmp_path, provider_tables({"openai": provider.url}))
        async with data_plane(tmp_path, write_timeout_s=1.0) as port:
            took_s = await asyncio.to_thread(stall, provider, port, reads=True)

    assert took_s > 2.1, "it was cut off while it read"


def stall(provider: Listener, port: int, *, reads: bool) -> float:
    """Take nothing, or little, of a large answer; return how long the provider is kept."""
    with connect(port) as client:
        client.sendall(post(question("n")))
        upstream = provider.asked()
        upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        push_until_full(upstream, bytes(65536), still_s=0.1)
        began_s = time.monotonic()
        while reads and time.monotonic() - began_s < 2.1:
            client.recv(65536)
            time.sleep(0.1)
        gone_after_s(upstream)
        return time.monotonic() - began_s
