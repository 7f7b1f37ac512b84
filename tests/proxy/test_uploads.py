"""Bodies that pass: an upload streams through while it comes, in whatever framing, and is never held whole."""

import json
import random
import re
import time
from collections.abc import Iterator

import pytest

from tests.client import Client
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Provider, answer, providing, until

LIMITED_KEY = "tw-limited-key"
UPLOAD_BYTES = 5 << 20
LIMIT_BYTES = 8 << 20
BOUNDARY = "----tollway"
FORM = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
DONE = b'{"text":"hello","usage":{"type":"tokens","input_tokens":50,"output_tokens":5,"total_tokens":55}}'


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it."""
    teams = {
        "search": team_file(),
        "limited": team_file([LIMITED_KEY], '[models]\nallow = ["gpt-4o*"]'),
    }
    size = f'max_request_body = "{LIMIT_BYTES >> 20} MiB"'
    with standing_before(provider, tmp_path_factory.mktemp("gateway"), server=size, teams=teams) as run:
        yield run


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()
    provider.otherwise = lambda _: answer(DONE)


def form(model: str | None = "gpt-4o-transcribe", size: int = UPLOAD_BYTES, *, model_last: bool = False) -> bytes:
    """Write a form with a file of random bytes."""
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    ).encode() + random.Random(size).randbytes(size)
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}'.encode() if model else b""
    parts = [part for part in ([file, field] if model_last else [field, file]) if part]
    return b"".join(part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def begin(client: Client, path: str, *headers: tuple[str, str], key: str = KEY) -> None:
    """Send the head of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {key}"]
    client.push("\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode())


def chunks(data: bytes, seed: int) -> bytes:
    """Frame data in chunks of many sizes."""
    chance = random.Random(seed)
    framed, at = [], 0
    while at < len(data):
        piece = data[at : at + chance.choice((1, 5, 1000, 65_536, 300_000))]
        framed.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        at += len(piece)
    return b"".join([*framed, b"0\r\n\r\n"])


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_arrives_byte_for_byte(framing: str, gateway: Gateway, provider: Provider) -> None:
    """A form of 5 MB; the model is read on the way, and what the body was is in the log up to max_body."""
    body = form()
    with gateway.client() as client:
        if framing == "length":
            begin(client, "/v1/audio/transcriptions", *FORM, ("Content-Length", str(len(body))))
            client.push(body)
        else:
            begin(client, "/v1/audio/transcriptions", *FORM, ("Transfer-Encoding", "chunked"))
            client.push(chunks(body, 1))
        reply = client.reply()

    assert (200, DONE) == (reply.status, reply.body)
    (asked,) = provider.asked
    assert body == asked.body
    expected = ([str(len(body))], []) if framing == "length" else ([], ["chunked"])
    assert expected == (asked.values("content-length"), asked.values("transfer-encoding"))
    row = gateway.row(reply.id)
    assert ("gpt-4o-transcribe", len(body), True, 50) == (
        *(row["model_requested"], row["request_bytes"], row["truncated"]),
        row["usage"]["input_total"],
    )


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/files"])
def test_upload_streams_through(path: str, framing: str, gateway: Gateway, provider: Provider) -> None:
    """The provider has the first half before the client sends the second."""
    body = form()
    half = len(body) // 2
    length = ("Content-Length", str(len(body))) if framing == "length" else ("Transfer-Encoding", "chunked")
    with gateway.client() as client:
        begin(client, path, *FORM, length)
        for part, end in ((body[:half], False), (body[half:], True)):
            client.push(part if framing == "length" else chunks(part, 2).removesuffix(b"" if end else b"0\r\n\r\n"))
            if not end:
                until(lambda: provider.received_bytes >= half, "half of it is there")
                assert [] == provider.asked
        assert 200 == client.reply().status

    assert [body] == [asked.body for asked in provider.asked]


def test_json_without_length_is_read_whole(gateway: Gateway, provider: Provider) -> None:
    """It is sent on with its length."""
    body = json.dumps({"model": "gpt-4o", "messages": ["x" * 100_000]}).encode()
    with gateway.client() as client:
        begin(client, "/v1/chat/completions", ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"))
        client.push(chunks(body, 3))
        assert 200 == client.reply().status

    (asked,) = provider.asked
    assert (body, [str(len(body))]) == (asked.body, asked.values("content-length"))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_that_is_too_large(framing: str, gateway: Gateway, provider: Provider) -> None:
    """With a length it is refused at once; without one where it gets too long. The provider never has all of it."""
    size = LIMIT_BYTES + 100_000
    session = ("x-tollway-session", f"large {framing}")
    with gateway.client() as client:
        if framing == "length":
            begin(client, "/v1/files", *FORM, session, ("Content-Length", str(size)))
        else:
            begin(client, "/v1/files", *FORM, session, ("Transfer-Encoding", "chunked"))
            piece = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
            for _ in range(LIMIT_BYTES >> 20):
                client.push(piece)
            client.push(b"%x\r\n" % 100_000 + b"x" * 100_000)
        status, headers = client.head()

    assert (413, "body_too_large") == (status, dict(headers)["x-tollway-error"])
    assert [] == provider.asked
    (row,) = gateway.wait_rows(1, session=session[1])
    assert (413, "client_error") == (row["status"], row["outcome"])
    if framing == "chunked":
        until(lambda: provider.ended, "the provider is told by the connection's end")


@pytest.mark.parametrize(
    ("body", "status"),
    [(form(size=1000), 200), (form("gpt-5", 1000), 403), (form(None, 1000), 403), (form(size=200_000), 200)],
)
def test_list_of_models_holds_for_forms(body: bytes, status: int, gateway: Gateway, provider: Provider) -> None:
    """The model must be named in front of the file, where it can be read before anything is sent."""
    headers = [("Authorization", f"Bearer {LIMITED_KEY}"), *FORM]

    assert status == gateway.ask("POST", "/v1/audio/transcriptions", headers, body).status
    assert (status == 200) == (len(provider.asked) == 1)


def test_model_behind_a_long_file(gateway: Gateway, provider: Provider) -> None:
    """A key without a list sends what it wants; the log cannot tell the model. One with a list is refused."""
    body = form(model_last=True)
    free = gateway.ask("POST", "/v1/audio/transcriptions", [("Authorization", f"Bearer {KEY}"), *FORM], body)
    with gateway.client() as client:
        begin(client, "/v1/audio/transcriptions", *FORM, ("Content-Length", str(len(body))), key=LIMITED_KEY)
        client.push(body[: 200 << 10])
        status, headers = client.head()

    assert (200, None) == (free.status, gateway.row(free.id)["model_requested"])
    assert (403, "model_not_allowed") == (status, dict(headers)["x-tollway-error"])
    assert [body] == [asked.body for asked in provider.asked]


def test_provider_that_answers_before_the_upload_is_whole(gateway: Gateway, provider: Provider) -> None:
    """The client gets the answer, though nobody takes the rest of its body."""
    provider.play(Answer(status=400, body=(b'{"error":"wrong file"}',), early=True))
    body = form()
    with gateway.client() as client:
        begin(client, "/v1/files", *FORM, ("Content-Length", str(len(body))))
        client.push(body[: 100 << 10])
        reply = client.reply()

    assert (400, b'{"error":"wrong file"}') == (reply.status, reply.body)
    assert ("client_error", 400) == tuple(gateway.row(reply.id)[name] for name in ("outcome", "status"))


def test_client_that_leaves_its_upload(gateway: Gateway, provider: Provider) -> None:
    """The provider sees the connection end, not a shorter body."""
    body = form()
    client = gateway.client()
    begin(client, "/v1/files", *FORM, ("x-tollway-session", "left upload"), ("Content-Length", str(len(body))))
    client.push(body[: len(body) // 2])
    until(lambda: provider.received_bytes >= len(body) // 2, "half of it is there")
    client.close()

    until(lambda: provider.ended, "the provider's connection ends", 1.0)
    assert [] == provider.asked
    (row,) = gateway.wait_rows(1, session="left upload")
    assert "cancelled" == row["outcome"]


def test_memory_stays_flat(gateway: Gateway, provider: Provider) -> None:
    """A provider that takes nothing: the client is slowed down, the gateway does not collect the upload."""
    worker = worker_pid(gateway)
    before = resident_bytes(worker)
    body = form(size=LIMIT_BYTES - 4096)
    provider.pause_reading(True)
    clients = [gateway.client() for _ in range(8)]
    try:
        for client in clients:
            begin(client, "/v1/files", *FORM, ("Content-Length", str(len(body))))
            assert client.push_what_fits(body) < len(body)
        time.sleep(0.2)
        assert resident_bytes(worker) - before < 3 * LIMIT_BYTES
    finally:
        provider.pause_reading(False)
        for client in clients:
            client.close()


def worker_pid(gateway: Gateway) -> int:
    """Find the worker's process."""
    found = re.search(r'a child is ready child="worker 0" pid=(\d+)', gateway.said())
    assert found, gateway.said()
    return int(found[1])


def resident_bytes(pid: int) -> int:
    """Read how much memory a process has."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096
