"""Whose a request is: what its head and body claim stands in its record, and in no other's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import KEY, Gateway, standing_before
from tests.provider import Provider, answer, providing
from tests.wire.claiming import CLIENTS, UUID

HEADERS = [("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}")]
SESSION = "0f9c7c1e-5b7a-4c3d-9e2f-1a2b3c4d5e6f"
CLAUDE_CODE = json.dumps({"device_id": "dev", "account_uuid": "", "session_id": SESSION})


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as provider:
        provider.otherwise = lambda _: answer(b"{}")
        yield provider


@pytest.fixture
def gateway(provider: Provider, tmp_path: Path) -> Iterator[Gateway]:
    with standing_before(provider, tmp_path, ("openai", "anthropic")) as run:
        yield run


def test_every_request_of_a_connection_has_its_own_claims(gateway: Gateway, provider: Provider) -> None:
    """Heads that repeat are worked out once: bodies are not. What the client sent goes on as it came."""
    asked: list[tuple[str, list[tuple[str, str]], dict[str, Any], tuple[str | None, str | None]]] = [
        ("/v1/chat/completions", [], {"user": "ann"}, ("ann", None)),
        ("/v1/chat/completions", [], {}, (None, None)),
        ("/v1/chat/completions", [], {"user": "bob", "metadata": {"session_id": "s"}}, ("bob", "s")),
        ("/v1/chat/completions", [("x-tollway-user", "eve")], {"user": "bob"}, ("eve", None)),
        ("/v1/messages", [], {"metadata": {"user_id": CLAUDE_CODE}}, ("dev", SESSION)),
    ]
    ids = []
    with gateway.client() as client:
        for path, more, said, _ in asked:
            body = json.dumps({"model": "gpt-4o", **said}).encode()
            ids.append(client.ask("POST", path, [*HEADERS, *more], body).id)

    rows = [gateway.row(each) for each in ids]

    assert [expected for *_, expected in asked] == [(row["user"], row["session"]) for row in rows]
    assert [json.dumps({"model": "gpt-4o", **said}).encode() for _, _, said, _ in asked] == [
        each.body for each in provider.asked
    ]


SECOND = "5e0c0d00-5b7a-4c3d-9e2f-1a2b3c4d5e6f"
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
ANSWERS = {
    "/v1/chat/completions": b'{"id":"c-1","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":10,"completion_tokens":2}}',
    "/v1/messages": b'{"id":"msg_1","type":"message","content":[{"type":"tool_use"}],"stop_reason":"tool_use",'
    b'"usage":{"input_tokens":10,"output_tokens":2}}',
    "/v1/responses": b'{"id":"resp_1","status":"completed","output":[{"type":"function_call"},{"type":"x_call"}],'
    b'"usage":{"input_tokens":10,"output_tokens":2}}',
}
ENDS = {
    "chat": ("c-1", "stop", 0),
    "messages": ("msg_1", "tool_use", 1),
    "responses": ("resp_1", "completed", 2),
}
LEFT = (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-remaining-tokens", "149984"), ("x-request-id", "req_1"))
NAMED = ("Claude Code from 2.1.78 on, an object in a text", "Claude Code from 2.1.139 on, a subagent",
         "Codex before it had headers for that", "Codex, a subagent", "plain headers")  # fmt: skip


def test_two_sessions_of_one_key_are_told_apart(gateway: Gateway, provider: Provider) -> None:
    """Whatever the client, its sessions' costs add up to the key's; and each row says who told, and how it ended."""
    provider.otherwise = lambda asked: answer(
        ANSWERS[asked.target], headers=(("Content-Type", "application/json"), *LEFT)
    )
    asked = []
    for client in (each for each in CLIENTS if each.name in NAMED):
        session = client.said["session"]
        for name in (session, SECOND, session):
            heads = [(field, value.replace(session, name)) for field, value in client.headers.items()]
            body = json.dumps({"model": "gpt-4o-mini", **client.body}).replace(session, name).encode()
            said = json.loads(json.dumps(client.said).replace(session, name))
            reply = gateway.ask("POST", PATHS[client.endpoint], [*HEADERS, *heads], body)
            asked.append((said, ENDS[client.endpoint], gateway.row(reply.id)))

    for said, end, row in asked:
        assert said == {field: row[field] for field in said}
        assert end == (row["response_id"], row["finish_reason"], row["tool_calls"])
        attempt = row["attempts"][0]
        assert (0, 149_984) == (attempt["left_requests"], attempt["left_tokens"])
        assert ("req_1", True, 0) == (attempt["upstream_request_id"], row["overhead_us"] > 0, row["waited_us"])
    names = {said["session"] for said, *_ in asked}
    costs = {name: sum(row["cost_nano_usd"] for row in gateway.rows(session=name)) for name in names}
    assert {UUID, SECOND, "run-7"} == names
    assert min(costs.values()) > 0
    assert sum(costs.values()) == sum(row["cost_nano_usd"] for row in gateway.rows(key="key0"))
