"""The answer's half of an exchange: what passes when, how an answer ends that cannot be completed, what is written."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import Client
from tests.gateway import KEY, Gateway, standing_before
from tests.provider import EVENTS, Answer, Gate, Provider, answer, providing, stream, until

PROMPT_S = 1.0  # within which a provider must hear that nobody listens any more
IDLE_S = 1.0
ASK = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
BODY = json.dumps({"model": "gpt-4o-mini", "stream": True, "stream_options": {"include_usage": True}}).encode()
UNASKED = json.dumps({"model": "gpt-4o-mini", "stream": True}).encode()
HEAD = '{"id":"c","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":['


def event(inside: str, more: str = "") -> bytes:
    """Write one chunk of a chat stream."""
    return f"data: {HEAD}{inside}]{more}}}\n\n".encode()


TEXTS = [event(f'{{"index":0,"delta":{{"content":"text {number} "}},"finish_reason":null}}') for number in range(4)]
FINISH = event('{"index":0,"delta":{},"finish_reason":"stop"}')
USAGE = event("", ',"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}')
DONE = b"data: [DONE]\n\n"
WHOLE = [*TEXTS, FINISH, USAGE, DONE]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Plays every provider."""
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before it; it does not wait long for a silent provider."""
    server = f'idle_timeout = "{IDLE_S:g} s"'
    with standing_before(provider, tmp_path_factory.mktemp("gateway"), server=server) as run:
        yield run


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()


def begin(client: Client, *session: tuple[str, str]) -> tuple[int, list[tuple[str, str]]]:
    """Ask for a stream and read the head of the answer."""
    client.send("POST", "/v1/chat/completions", [*ASK, *session], BODY)
    return client.head()


def chunked(data: bytes) -> bytes:
    """Frame bytes as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def id_in(headers: list[tuple[str, str]]) -> str:
    """Find the exchange's id."""
    return next(value for name, value in headers if name == "x-tollway-request-id")


def summary(row: dict[str, Any]) -> tuple[Any, ...]:
    """Take out of a row how an exchange ended."""
    return row["outcome"], row["status"], row["usage_source"], [attempt["result"] for attempt in row["attempts"]]


# ---- while it runs ------------------------------------------------------------------------------------------------


def test_every_event_passes_when_it_comes(gateway: Gateway, provider: Provider) -> None:
    """Nothing waits for what follows: head and each event are with the client before the next one is sent."""
    gates = [Gate() for _ in WHOLE]
    provider.play(stream(*(step for pair in zip(WHOLE, gates, strict=True) for step in pair)))
    with gateway.client() as client:
        assert 200 == begin(client)[0]
        for sent, gate in zip(WHOLE, gates, strict=True):
            assert chunked(sent) == client.some(len(chunked(sent)))
            gate.open()
        assert b"0\r\n\r\n" == client.some(5)


@pytest.mark.parametrize("at_once", [True, False])
def test_exchange_is_in_the_log_before_the_stream_ends(at_once: bool, gateway: Gateway, provider: Provider) -> None:
    """The books are closed with the terminal event: what hangs on behind it does not matter."""
    middle, end = Gate(), Gate()
    provider.play(stream(b"".join(WHOLE), end) if at_once else stream(*TEXTS, middle, FINISH, USAGE, DONE, end))
    with gateway.client() as client:
        _, headers = begin(client)
        passed = b"" if at_once else client.chunks(len(b"".join(TEXTS)))
        middle.open()
        assert ("ok", 200, "provider", ["ok"]) == summary(gateway.row(id_in(headers)))
        end.open()
        assert passed + client.reply_body() == b"".join(WHOLE)


def test_slow_client_slows_the_provider_down(gateway: Gateway, provider: Provider) -> None:
    """An answer that is not taken stays where it is, and comes whole once it is taken."""
    piece = b"data: " + b"x" * 65_000 + b"\n\n"
    pieces = [piece] * 600
    provider.play(stream(*pieces, DONE))
    with gateway.client() as client:
        begin(client)
        until(lambda: stands_still(provider), "the provider stands still", 20)
        stood = provider.sent_bytes
        assert stood < len(piece) * len(pieces) / 2
        assert b"".join(pieces) + DONE == client.reply_body()


def stands_still(provider: Provider) -> bool:
    """Tell whether nothing was sent for a moment."""
    before = provider.sent_bytes
    time.sleep(0.2)
    return 0 < before == provider.sent_bytes


# ---- the client leaves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["close", "reset"])
def test_client_that_leaves_ends_the_providers_work(way: str, gateway: Gateway, provider: Provider) -> None:
    """The provider's connection is closed at once; what passed is estimated, and charged."""
    gate = Gate()
    provider.play(stream(*TEXTS, gate, *WHOLE))
    client = gateway.client()
    _, headers = begin(client)
    client.chunks(1)
    gate.reached()

    getattr(client, way)()

    until(lambda: provider.ended, "the provider hears of it", PROMPT_S)
    row = gateway.row(id_in(headers))
    assert ("cancelled", 200, "estimated", ["cancelled"]) == summary(row)
    assert row["usage"]["input_total"] >= 1
    assert row["usage"]["output_total"] >= len(TEXTS)
    assert 0 < row["cost_nano_usd"]
    assert b"".join(TEXTS) == row["response_body"].encode()


def test_client_that_leaves_before_any_answer(gateway: Gateway, provider: Provider) -> None:
    """The provider was called and may bill the input."""
    gate = Gate()
    provider.play(stream(*WHOLE, first=gate))
    client = gateway.client()
    client.send("POST", "/v1/chat/completions", [*ASK, ("x-tollway-session", "left early")], BODY)
    gate.reached()

    client.close()

    until(lambda: provider.ended, "the provider hears of it", PROMPT_S)
    (row,) = gateway.wait_rows(1, session="left early")
    assert ("cancelled", "estimated", ["cancelled"]) == (
        *(row["outcome"], row["usage_source"]),
        [attempt["result"] for attempt in row["attempts"]],
    )
    assert 0 < row["usage"]["input_total"]


def test_client_that_leaves_after_the_end_of_the_stream(gateway: Gateway, provider: Provider) -> None:
    """It had everything: that is no cancellation."""
    gate = Gate()
    provider.play(stream(*WHOLE, gate))
    client = gateway.client()
    _, headers = begin(client)
    assert b"".join(WHOLE) == client.chunks(len(b"".join(WHOLE)))
    client.close()

    until(lambda: provider.ended, "the provider hears of it", PROMPT_S)
    row = gateway.row(id_in(headers))
    assert ("ok", 200, "provider", ["ok"]) == summary(row)
    assert 1000 == row["usage"]["input_total"]


# ---- the provider fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["chunked", "length", "eof"])
@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("asked", [BODY, UNASKED], ids=["usage asked", "usage injected"])
def test_cut_stream_is_cut_for_the_client(
    asked: bytes, framing: str, way: str, gateway: Gateway, provider: Provider
) -> None:
    """All bytes that came are passed on, and then the connection ends without the end of the answer."""
    passed = b"".join(TEXTS) + FINISH[:40]
    provider.play(Answer(body=WHOLE, headers=EVENTS, framing=framing, stop_at=len(passed), stop_by=way))

    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, asked)
        reply = client.reply()

    assert (200, False) == (reply.status, reply.whole)
    if way == "close":  # a reset may destroy what was on its way
        assert passed == reply.body
    row = gateway.row(reply.id)
    assert ("upstream_error", 200, "estimated") == summary(row)[:3]
    assert row["error"]
    assert 0 < row["cost_nano_usd"]


def test_usage_that_came_before_the_cut_is_kept(gateway: Gateway, provider: Provider) -> None:
    """The provider will bill that, though the end is missing."""
    provider.play(stream(*TEXTS, USAGE, TEXTS[0], stop_at=len(b"".join(TEXTS) + USAGE) + 5))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    row = gateway.row(reply.id)
    assert ("upstream_error", 200, "partial") == summary(row)[:3]
    assert (1000, 100) == (row["usage"]["input_total"], row["usage"]["output_total"])


@pytest.mark.parametrize("framing", ["chunked", "length", "eof"])
def test_last_event_may_lack_its_blank_line(framing: str, gateway: Gateway, provider: Provider) -> None:
    """What was held back until it is known whether it is the usage event passes at the end."""
    provider.play(Answer(body=[*WHOLE[:-1], DONE[:-2]], headers=EVENTS, framing=framing))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, UNASKED)
        reply = client.reply()

    assert (True, b"".join([*TEXTS, FINISH, DONE[:-2]])) == (reply.whole, reply.body)
    assert "ok" == gateway.row(reply.id)["outcome"]


@pytest.mark.parametrize("ending", [[FINISH], [FINISH, DONE], [FINISH, USAGE, DONE]])
def test_stream_until_the_connections_end_is_whole(ending: list[bytes], gateway: Gateway, provider: Provider) -> None:
    """A server that frames by closing, and one that never says [DONE], have ended well all the same."""
    provider.play(Answer(body=[*TEXTS, *ending], headers=EVENTS, framing="eof"))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (True, True, b"".join([*TEXTS, *ending])) == (reply.whole, reply.chunked, reply.body)
    assert "ok" == gateway.row(reply.id)["outcome"]


@pytest.mark.parametrize(
    "wire",
    [
        b"HTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-",
    ],
)
def test_answer_that_is_no_answer(wire: bytes, gateway: Gateway, provider: Provider) -> None:
    """502 if the client has seen nothing yet, else a cut; never a finished answer."""
    provider.play(Answer(raw=wire, closes=True), Answer(raw=wire, closes=True))

    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (502, "upstream_protocol") == (reply.status, reply.value("x-tollway-error"))
    row = gateway.row(reply.id)
    assert ("upstream_error", 502) == summary(row)[:2]


def test_silent_provider_before_its_answer(gateway: Gateway, provider: Provider) -> None:
    """504 after idle_timeout."""
    provider.play(stream(*WHOLE, first=Gate()))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (504, "upstream_timeout") == (reply.status, reply.value("x-tollway-error"))
    until(lambda: provider.ended, "the provider's connection is closed", PROMPT_S)
    assert ("timeout", 504, "estimated", ["timeout"]) == summary(gateway.row(reply.id))


def test_silent_provider_within_its_answer(gateway: Gateway, provider: Provider) -> None:
    """The client is cut, and the log says why."""
    provider.play(stream(*TEXTS, Gate()))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (200, False, b"".join(TEXTS)) == (reply.status, reply.whole, reply.body)
    assert ("timeout", 200, "estimated", ["timeout"]) == summary(gateway.row(reply.id))


def test_error_inside_a_stream_is_an_error_in_the_log(gateway: Gateway, provider: Provider) -> None:
    """The client gets the event as it is."""
    failed = b'data: {"error":{"message":"too much","type":"server_error"}}\n\n'
    provider.play(stream(*TEXTS, failed))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (True, b"".join(TEXTS) + failed) == (reply.whole, reply.body)
    row = gateway.row(reply.id)
    assert ("upstream_error", "server_error: too much") == (row["outcome"], row["error"])


@pytest.mark.parametrize("content_type", ["Text/Event-Stream; charset=UTF-8", "application/octet-stream", None])
def test_a_stream_is_one_whatever_its_type_says(content_type: str | None, gateway: Gateway, provider: Provider) -> None:
    """The one that was asked for is metered, and the usage event that only we asked for is taken out."""
    headers = [("Content-Type", content_type)] if content_type else []
    provider.play(Answer(body=(b"".join(WHOLE),), headers=headers, framing="chunked"))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, UNASKED)
        reply = client.reply()

    assert b"".join([*TEXTS, FINISH, DONE]) == reply.body
    row = gateway.row(reply.id)
    assert (True, "provider", 1000) == (row["stream"], row["usage_source"], row["usage"]["input_total"])


@pytest.mark.parametrize("coding", ["br", "compress", "gzip"])
def test_a_whole_answer_that_cannot_be_read_is_no_failure(coding: str, gateway: Gateway, provider: Provider) -> None:
    """In a coding that we do not know, or that is not what it says: it passes, and its usage is estimated."""
    headers = [("Content-Type", "text/event-stream"), ("Content-Encoding", coding)]
    provider.play(Answer(body=(b"\x0b\x02\x80",), headers=headers, framing="chunked"))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (True, b"\x0b\x02\x80") == (reply.whole, reply.body)
    assert ("ok", 200, "estimated", ["ok"]) == summary(gateway.row(reply.id))


# ---- what is written ----------------------------------------------------------------------------------------------


def test_what_comes_behind_the_end_is_added_to_the_record(gateway: Gateway, provider: Provider) -> None:
    """Some servers send usage behind [DONE]: the record that was written with the terminal event is amended."""
    gate = Gate()
    provider.play(stream(*TEXTS, FINISH, DONE, gate, USAGE))
    with gateway.client() as client:
        _, headers = begin(client)
        first = gateway.row(id_in(headers))
        gate.open()
        body = client.reply_body()

    whole = b"".join([*TEXTS, FINISH, DONE, USAGE])
    assert whole == body
    assert ("ok", "estimated", len(whole) - len(USAGE)) == (
        *(first["outcome"], first["usage_source"]),
        first["response_bytes"],
    )
    until(lambda: gateway.row(first["id"])["response_bytes"] == len(whole), "the record is amended")
    row = gateway.row(first["id"])
    assert (1000, "provider", whole.decode()) == (
        *(row["usage"]["input_total"], row["usage_source"]),
        row["response_body"],
    )


def test_times_are_told(gateway: Gateway, provider: Provider) -> None:
    """First byte before first token before the end."""
    provider.play(stream(event('{"index":0,"delta":{"role":"assistant"}}'), 0.05, *TEXTS, 0.05, FINISH, DONE))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        row = gateway.row(client.reply().id)

    assert row["first_byte_ms"] + 40 < row["first_token_ms"] < row["duration_ms"] - 40


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 529])
def test_refusals_of_the_provider_pass_untouched(status: int, gateway: Gateway, provider: Provider) -> None:
    """Its status, headers and bytes; the log names whose fault it was."""
    provider.play(Answer(status=status, headers=[("Retry-After", "3"), ("X-Odd", "\xe9")], body=(b"\xff\x00 no",)))
    with gateway.client() as client:
        client.send("POST", "/v1/chat/completions", ASK, BODY)
        reply = client.reply()

    assert (status, b"\xff\x00 no", "3", "\xe9") == (
        *(reply.status, reply.body, reply.value("retry-after")),
        reply.value("x-odd"),
    )
    assert reply.value("x-tollway-error") is None
    outcomes = {404: "client_error", 429: "rate_limited", 529: "overloaded"}
    row = gateway.row(reply.id)
    assert (outcomes.get(status, "upstream_error"), 0, "none") == (
        *(row["outcome"], row["cost_nano_usd"]),
        row["usage_source"],
    )
    assert {"base64"} == set(row["response_body"])


def test_connection_serves_on_after_an_answer(gateway: Gateway, provider: Provider) -> None:
    """Client and provider connections are both kept, streams included."""
    provider.play(stream(*WHOLE), answer(b"{}"), stream(*WHOLE))
    with gateway.client() as client:
        for _ in range(3):
            client.send("POST", "/v1/chat/completions", ASK, BODY)
            assert client.reply().whole

    assert 1 == len({asked.connection for asked in provider.asked})
