"""Whose a request is: what its head and body claim stands in its record, and in no other's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import KEY, Gateway, standing_before
from tests.provider import Provider, answer, providing

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
