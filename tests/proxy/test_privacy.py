"""Canaries: what a team must not keep is nowhere on disk, in no answer of the API and in no log, however it comes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.wire.transcript import Turn, answer_turns, request_turns
from tests.canaries import ALL, PASSWORD, URLS
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import EVENTS, JSON, Answer, Provider, answer, providing

REDACTED_KEY, FULL_KEY = "tw-redacted", KEY
KEYS = (FULL_KEY, REDACTED_KEY)
# What of a canary nobody must find, wherever it is looked for: half of it is no secret, and may stand in every text.
WANTED = [*(each for each in ALL if "\n" not in each), PASSWORD, *(each.split("\n")[1] for each in ALL if "\n" in each)]
TEXT = "\n".join([*ALL, *URLS])
PIECES = [TEXT[at : at + 7] for at in range(0, len(TEXT), 7)]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture
def gateway(provider: Provider, tmp_path: Path) -> Iterator[Gateway]:
    own = 'patterns = ["PROJECT-[0-9]{4}"]\npaths = ["user", "metadata.*"]\n'
    teams = {
        "search": team_file([FULL_KEY]),
        "careful": team_file([REDACTED_KEY], f'[logging]\nbodies = "redacted"\n[logging.redact]\n{own}'),
    }
    with standing_before(provider, tmp_path, teams=teams) as run:
        yield run


def escaped(fields: Any) -> bytes:
    """Write JSON in which nothing stands as itself that could be escaped."""
    return json.dumps(fields).replace("@", "\\u0040").replace("/", "\\/").encode()


def events(chunks: Sequence[Any], *, named: bool = False, done: bool = False) -> Answer:
    """Stream chunks as events."""
    body = "".join(
        (f"event: {chunk['type']}\n" if named else "") + f"data: {json.dumps(chunk)}\n\n" for chunk in chunks
    )
    return answer((body + "data: [DONE]\n\n" * done).encode(), headers=EVENTS)


def openai_stream() -> Answer:
    """Stream the canaries, cut everywhere, as words and as a tool's arguments."""
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in PIECES]
    arguments = json.dumps({"note": TEXT})
    deltas += (
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments[at : at + 5]}}]}
        for at in range(0, len(arguments), 5)
    )
    return events([{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas], done=True)


def responses_stream() -> Answer:
    """The same as OpenAI's newer API tells it."""
    deltas = [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": piece, "logprobs": []}
        for piece in PIECES
    ]
    output = [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}]
    return events([*deltas, {"type": "response.completed", "response": {"output": output}}], named=True)


def anthropic_stream() -> Answer:
    """The same as Anthropic tells it."""
    deltas = [{"type": "text_delta", "text": piece} for piece in PIECES]
    chunks: list[Any] = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    return events([*chunks, {"type": "message_stop"}], named=True)


def gemini_stream() -> Answer:
    """The same as Google tells it to who does not ask for events: a list."""
    chunks = [{"candidates": [{"content": {"parts": [{"text": piece}]}}]} for piece in PIECES]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"  # type: ignore[assignment]
    return answer(json.dumps(chunks).encode())


def chat(text: str, **more: Any) -> dict[str, Any]:
    """Ask for a chat."""
    tool = {"type": "function", "function": {"name": "f", "arguments": json.dumps({"text": text})}}
    messages = [
        {"role": "system", "content": text},
        {"role": "user", "content": [{"type": "text", "text": text}]},
        {"role": "assistant", "tool_calls": [{"id": "1", **tool}]},
    ]
    return {"model": "gpt-4o-mini", "messages": messages, **more}


def form(text: str) -> bytes:
    """Write a form."""
    parts = (("model", "whisper-1"), ("prompt", text))
    lines = [f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts]
    return ("".join(lines) + "--X--\r\n").encode()


CALLS: list[tuple[str, bytes, Answer]] = [
    ("/v1/chat/completions", json.dumps(chat(TEXT)).encode(), answer(json.dumps({"choices": [chat(TEXT)]}).encode())),
    ("/v1/chat/completions", escaped(chat(TEXT)), answer(escaped({"choices": [chat(TEXT)]}))),
    ("/v1/chat/completions", json.dumps(chat("hi", stream=True)).encode(), openai_stream()),
    ("/v1/responses", json.dumps({"model": "gpt-4o-mini", "input": TEXT, "stream": True}).encode(), responses_stream()),
    ("/v1/messages", json.dumps(chat("hi", stream=True) | {"model": "claude-x"}).encode(), anthropic_stream()),
    ("/v1beta/models/gemini-x:streamGenerateContent", json.dumps({"contents": TEXT}).encode(), gemini_stream()),
    ("/v1/chat/completions", b'{"model":"m","messages":[]}', answer(
        json.dumps({"error": {"message": f"no such thing: {TEXT}"}}).encode(), status=400)),
    ("/v1/chat/completions", b'{"model":"m","messages":[]}', Answer(
        body=(f"bad gateway: {TEXT}".encode(),), status=502, headers=(("Content-Type", "text/plain"),))),
    ("/v1/chat/completions", b'{"model":"m","messages":[]}', answer(
        json.dumps({"choices": [chat(TEXT)]}).encode(), headers=JSON).gzipped()),
    ("/v1/files", json.dumps({"file": TEXT}).encode(), answer(TEXT.encode(), headers=(("Content-Type", "image/png"),))),
    ("/v1/files", TEXT.encode() * 40, answer(b"{}")),
]  # fmt: skip


def found(where: bytes) -> list[str]:
    """Return the canaries that stand somewhere, also as JSON writes them."""
    return [each for each in WANTED if each.encode() in where or json.dumps(each)[1:-1].encode() in where]


def turns(row: dict[str, Any]) -> list[Turn]:
    """Return a kept conversation as its readers see it."""
    asked, answered = ((row[name] or "").encode() for name in ("request_body", "response_body"))
    return [*request_turns(asked), *answer_turns(answered)]


def on_disk(folder: Path) -> bytes:
    """Return everything in the data directory, with what is compressed there taken apart."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size)


def listed(gateway: Gateway, *arguments: str) -> bytes:
    """Return what a command prints."""
    command = [sys.executable, "-m", "gateway", *arguments, "--config", str(gateway.folder / "config.toml")]
    return subprocess.run(command, capture_output=True, check=True, env=os.environ).stdout


def test_canaries_are_nowhere(provider: Provider, gateway: Gateway) -> None:
    """Every family, in requests and answers of every kind and dialect, whole, escaped and cut anywhere: 0 hits."""
    claims = [("x-tollway-tags", f"a,{ALL[0]}"), ("User-Agent", f"agent {ALL[1]}")]
    said = []
    for path, body, told in CALLS:
        provider.play(told)
        said.append(gateway.post(path, body, *claims, key=REDACTED_KEY))
    provider.play(answer(b"{}"))
    headers = [("Content-Type", "multipart/form-data; boundary=X"), ("Authorization", f"Bearer {REDACTED_KEY}")]
    said.append(gateway.ask("POST", "/v1/audio/transcriptions", headers, form(TEXT)))
    rows = gateway.wait_rows(len(CALLS) + 1)
    shown = [json.dumps(gateway.api(f"/api/exchanges/{row['id']}")).encode() for row in rows]
    kept = [json.loads(each) for each in shown]
    parts = [
        *(turn.text.encode() for each in kept for turn in turns(each)),  # pieces of streams put together again
        on_disk(gateway.folder / "data"),
        json.dumps(rows).encode(),
        *shown,
        gateway.output.read_bytes(),
        gateway.metrics().encode(),
        listed(gateway, "logs", "--json"),
        listed(gateway, "logs", "show", rows[-1]["id"]),
    ]

    assert [*(told.status for _, _, told in CALLS), 200] == [reply.status for reply in said]
    assert {"redacted"} == {row["bodies"] for row in rows}
    assert len(rows) - 5 <= sum(row["redactions"] > 0 for row in rows)
    assert [] == found(b"\n".join(parts))
    # Not for want of bodies: only what cannot be read is missing.
    assert 2 == sum(each["request_body"] is None for each in kept)
    assert 2 == sum(each["response_body"] is None for each in kept)


def test_client_and_provider_see_everything(provider: Provider, gateway: Gateway) -> None:
    """What passes is untouched, byte for byte: only what is kept is less."""
    path, body, told = CALLS[3]
    provider.play(told)

    reply = gateway.post(path, body, ("x-tollway-bodies", "redacted"))

    (asked,) = provider.asked
    assert (body, []) == (asked.body, asked.values("x-tollway-bodies"))
    assert b"".join(step for step in told.body if isinstance(step, bytes)) == reply.body


def test_usage_and_cost_are_those_of_what_was_said(provider: Provider, gateway: Gateway) -> None:
    """Metering reads what passes, not what is kept; and the audit says that it cannot judge the rest."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    whole = json.dumps({"model": "gpt-4o-mini", "choices": [chat(TEXT)], "usage": usage}).encode()
    provider.play(answer(whole), answer(whole))
    ids = [gateway.post("/v1/chat/completions", chat(TEXT), key=key).value("x-tollway-request-id") for key in KEYS]

    rows = [gateway.row(str(each)) for each in ids]
    assert ["full", "redacted"] == [row["bodies"] for row in rows]
    assert rows[0]["usage"] == rows[1]["usage"]
    assert rows[0]["cost_nano_usd"] == rows[1]["cost_nano_usd"] > 0
    audited = json.loads(listed(gateway, "audit", "--json").splitlines()[-1])
    assert 1 == sum(count for reason, count in audited["skipped"].items() if "redacted" in reason)


@pytest.mark.parametrize(
    ("key", "wish", "bodies"),
    [
        (FULL_KEY, "redacted", "redacted"),
        (FULL_KEY, "none", "none"),
        (FULL_KEY, "ful", "none"),
        (REDACTED_KEY, "full", "redacted"),
        (REDACTED_KEY, "none", "none"),
    ],
)
def test_a_request_may_ask_for_less(provider: Provider, gateway: Gateway, key: str, wish: str, bodies: str) -> None:
    """Never for more; and what cannot be understood is taken for the wish to keep nothing."""
    provider.play(answer(b'{"choices": [{"message": {"content": "hello"}}]}'))

    reply = gateway.post("/v1/chat/completions", chat("hello"), ("x-tollway-bodies", wish), key=key)

    row = gateway.row(str(reply.value("x-tollway-request-id")))
    assert bodies == row["bodies"]
    assert (bodies != "none") == (row["request_body"] is not None) == (row["response_body"] is not None)


def test_what_is_kept_in_full_is_found(provider: Provider, gateway: Gateway) -> None:
    """The search for canaries can fail: of a team that keeps everything it finds every one of them."""
    path, body, told = CALLS[0]
    provider.play(told)
    reply = gateway.post(path, body)

    row = gateway.row(str(reply.value("x-tollway-request-id")))
    assert WANTED == found(json.dumps(row).replace("\\\\", "\\").encode())
