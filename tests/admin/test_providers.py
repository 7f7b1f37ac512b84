"""Providers are told as configured, without a credential, and as the last exchanges say that they are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.record import Attempt
from tests.admin.parts import COMPANY, ENV, Port, serving
from tests.records import NOON_MS, finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path, COMPANY, ENV) as port:
        yield port


def tried(provider: str, result: str = "ok", **fields: object) -> Attempt:
    """Make a try."""
    return Attempt(provider=provider, model="m", result=result, **fields)  # type: ignore[arg-type]


async def test_a_provider_is_told_without_its_keys(port: Port) -> None:
    """Where each comes from, and whether it is there."""
    text = await (await port.ask("/api/providers")).text()
    openai, local = (await port.json("/api/providers"))["providers"]

    assert [{"from": "env:OPENAI_API_KEY", "found": True}, {"from": "file:not-there", "found": False}] == openai["keys"]
    assert ("https://api.openai.com/v1", ["gpt-*", "o3"]) == (openai["base_url"], openai["models"])
    assert ("http://127.0.0.1:9/v1", True, []) == (local["base_url"], local["free"], local["keys"])
    assert "canary" not in text
    assert (0, None, None) == tuple(local["lately"][name] for name in ("attempts", "last_failure", "left"))


async def test_how_it_was_lately(port: Port) -> None:
    """Each try counts for who was tried, also where another one answered in the end; limits as they were told last."""
    failed = record(
        NOON_MS - 5000,
        attempts=[tried("openai", "429", status=429, error="slow down", left_requests=0), tried("local")],
    )
    fine = record(NOON_MS - 9000, attempts=[tried("openai", left_requests=5, left_tokens=100)])
    gone = record(NOON_MS - 1000, attempts=[tried("openai", "cancelled")])
    old = record(NOON_MS - 3_600_001, attempts=[tried("openai", "5xx")])
    port.store.commit([finished(one) for one in (failed, fine, gone, old)], {})
    answer = await port.json("/api/providers")
    openai, local = (one["lately"] for one in answer["providers"])

    assert (3, True) == (answer["exchanges"], answer["complete"])
    assert (3, 1, {"429": 1, "ok": 1, "cancelled": 1}) == (openai["attempts"], openai["failures"], openai["results"])
    last = openai["last_failure"]
    assert (failed.id, "429", 429, "slow down") == tuple(
        last[name] for name in ("exchange", "result", "status", "error")
    )
    assert {"at": failed.started_at, "requests": 0, "tokens": None} == openai["left"]
    assert (1, 0) == (local["attempts"], local["failures"])
    assert 2 == (await port.json("/api/providers?since=2h"))["providers"][0]["lately"]["failures"]


async def test_not_more_than_the_newest_are_looked_at(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is said."""
    monkeypatch.setattr("gateway.admin.providers.MOST_LOOKED_AT", 2)
    port.store.commit([finished(record(NOON_MS - number)) for number in range(3)], {})
    answer = await port.json("/api/providers")

    assert (2, False) == (answer["exchanges"], answer["complete"])
