"""The admin port tells of the log: pages with their count, sums by group, and over time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import answers
from tests.admin.parts import Port, serving
from tests.records import DAY_MS, NOON_MS, finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def test_pages_count_what_matches_where_asked(port: Port, monkeypatch: object) -> None:
    """Up to a bound, which is said; without the question nothing is counted."""
    port.store.commit([finished(record(NOON_MS + number, team="web")) for number in range(5)], {})

    assert "count" not in await port.json("/api/exchanges?team=web")
    assert {"count": 5, "capped": False, "complete": True}.items() <= (
        await port.json("/api/exchanges?team=web&count=true&limit=2")
    ).items()
    monkeypatch.setattr(answers, "COUNTED_MOST", 3)
    assert {"count": 3, "capped": True}.items() <= (await port.json("/api/exchanges?count=true")).items()
    assert "count" == (await port.json("/api/exchanges?count=maybe", 400))["error"]["param"]


async def test_spend_takes_filters_and_tells_how_sure_names_are(port: Port) -> None:
    """Two sessions of one key, and requests that named none, add up to the key's."""
    claims = ({"session": "s1", "session_source": "x-tollway-session"}, {"session": "s2"}, {})
    port.store.commit([finished(record(cost_nano_usd=10**at, **claim)) for at, claim in enumerate(claims)], {})
    by_session = await port.json("/api/spend?by=session&key=ci")
    by_key = await port.json("/api/spend?by=key")

    assert [("-", 100, {}), ("s2", 10, {}), ("s1", 1, {"x-tollway-session": 1})] == [
        (row["session"], row["cost_nano_usd"], row["sources"]) for row in by_session["spend"]
    ]
    assert 111 == by_key["spend"][0]["cost_nano_usd"] == by_session["total"]["cost_nano_usd"]
    assert (1, 2) == (
        len((await port.json("/api/spend?by=session&limit=1"))["spend"]),
        (await port.json("/api/spend?by=session&limit=1"))["rest"],
    )
    assert "cursor" == (await port.json("/api/spend?cursor=0", 400))["error"]["param"]


async def test_series_tell_sums_and_latencies_by_step(port: Port) -> None:
    """In order of time, by a group where asked for."""
    port.store.commit(
        [finished(record(NOON_MS + day * DAY_MS, team=team)) for day in (0, 1) for team in ("a", "b")], {}
    )
    series = await port.json("/api/series?step=day&by=team")

    assert [("2026-11-23", "a"), ("2026-11-23", "b"), ("2026-11-24", "a"), ("2026-11-24", "b")] == [
        (row["day"], row["team"]) for row in series["spend"]
    ]
    assert (750.0, 812.345) == (series["spend"][0]["p50_ms"], series["spend"][0]["mean_ms"])
    assert [2, 2] == [row["requests"] for row in (await port.json("/api/series"))["spend"]]
    assert [4] == [row["requests"] for row in (await port.json("/api/series?step=month"))["spend"]]
    for query, param in (("step=year", "step"), ("by=colour", "by"), ("until=x", "until"), ("limit=5", "limit")):
        assert param == (await port.json(f"/api/series?{query}", 400))["error"]["param"]
