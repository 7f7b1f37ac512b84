"""Teams and keys are told with what they used lately, and nothing that opens anything."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.parts import COMPANY, ENV, Port, serving
from tests.records import DAY_MS, NOON_MS, finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path, COMPANY, ENV) as port:
        yield port


async def test_a_team_with_what_it_may_and_used(port: Port) -> None:
    """Its keys by name, its own budgets and limits, and sums of seven days unless somebody says otherwise."""
    before = NOON_MS - 8 * DAY_MS
    port.store.commit([finished(record(at_ms, cost_nano_usd=3)) for at_ms in (NOON_MS, NOON_MS - 1, before)], {})
    answer = await port.json("/api/teams")
    search, web = answer["teams"]

    assert "2026-11-16T12:00:00Z" == answer["since"]
    assert {
        "team": "search",
        "file": "teams/search.toml",
        "keys": ["ci", "idle"],
        "models": ["gpt-*"],
        "forward_credentials": False,
        "bodies": "full",
        "max_body_bytes": 1 << 20,
        "budgets": ["search/day"],
        "limits": ["search/fast"],
        "requests": 2,
        "failures": 0,
        "input_tokens": 200,
        "output_tokens": 40,
        "cached_tokens": 0,
        "cost_nano_usd": 6,
        "cost_usd": "0.000000006",
    } == search
    assert ("web", None, 0, "0") == (web["team"], web["models"], web["requests"], web["cost_usd"])
    assert 3 == (await port.json("/api/teams?since=30d"))["teams"][0]["requests"]


async def test_a_key_with_when_it_was_used(port: Port) -> None:
    """By its name; one that was not used says so, and no answer holds a hash."""
    one = record(cost_nano_usd=7)
    port.store.commit([finished(one), finished(record(NOON_MS - DAY_MS))], {})
    text = await (await port.ask("/api/keys?team=search")).text()
    ci, idle = (await port.json("/api/keys"))["keys"]

    assert ("search", "ci", "2026-11-23T12:00:00Z", one.id, 2) == (
        *(ci[name] for name in ("team", "key", "last_used_at", "last_exchange", "requests")),
    )
    assert ("idle", None, None, 0) == (idle["key"], idle["last_used_at"], idle["last_exchange"], idle["requests"])
    assert {"abab", "cdcd", "sha256"} & {word for word in ("abab", "cdcd", "sha256") if word in text} == set()
    assert [] == (await port.json("/api/keys?team=web"))["keys"]
