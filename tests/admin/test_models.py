"""Models are told with where they go and what they cost, as exchanges are booked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.parts import COMPANY, ENV, Port, serving


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path, COMPANY, ENV) as port:
        yield port


async def test_what_the_config_names(port: Port) -> None:
    """Each target of a route, then every provider's own, so named that it is the one that is asked."""
    answer = await port.json("/api/models")

    assert [
        ("fast", "openai", "gpt-4o-mini", "genai-prices", "route fast, 90%"),
        ("fast", "local", "smol", "free", "route fast, 10%"),
        ("openai/o3", "openai", "o3", "genai-prices", "routing sends it there"),
        ("openai/mine", "openai", "mine", "config", "routing sends it there"),
        ("local/smol", "local", "smol", "free", "routing sends it there"),
    ] == [
        (one["model"], one["provider"], one["provider_model"], one["price"]["price_source"], one["why"])
        for one in answer["models"]
    ]
    assert {"input": {"usd": "1", "per": 10**6}, "output": {"usd": "2", "per": 10**6}} == (
        answer["models"][3]["price"]["prices"]
    )
    assert answer["price_list"].startswith("genai-prices ")
    assert "2026-11-23T12:00:00Z" == answer["at"]


async def test_any_model_can_be_asked_about(port: Port) -> None:
    """As `tollway price` does: at whom it would go to, or at somebody; also one whose price nobody knows."""
    [listed] = (await port.json("/api/models?model=gpt-4o&at=2026-01-01"))["models"]
    [unknown] = (await port.json("/api/models?model=what&provider=openai"))["models"]

    assert ("openai", "2026-01-01T00:00:00Z") == (listed["provider"], listed["price"]["at"])
    assert ("default", True) == (unknown["price"]["price_source"], "[providers.openai]" in unknown["price"]["advice"])
    assert ["smol"] == [one["model"] for one in (await port.json("/api/models?provider=local"))["models"]]


async def test_a_provider_that_is_none_is_named(port: Port) -> None:
    """With the nearest one."""
    assert "Did you mean 'openai'?" in (await port.json("/api/models?provider=opena", 404))["error"]["message"]


async def test_without_a_provider_there_are_no_models(tmp_path: Path) -> None:
    """An empty list, and an answer to who asks for one."""
    async with serving(tmp_path, {}) as port:
        assert [] == (await port.json("/api/models"))["models"]
        assert "no provider" in (await port.json("/api/models?model=gpt-4o", 404))["error"]["message"]
