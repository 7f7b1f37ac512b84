"""Filters as people write them are read exactly, and refused by name where they make no sense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import asking
from gateway.store.asking import instant_ms, query
from gateway.store.filters import BadFilter
from gateway.store.interface import Query
from tests.records import NOON_MS, new_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOON_MS - 90 * 60_000),
        ("1h", NOON_MS - 3_600_000),
        ("2d", NOON_MS - 2 * 86_400_000),
        ("1.5h", NOON_MS - 5_400_000),
        ("2026-11-23", NOON_MS - 12 * 3_600_000),
        ("2026-11-23T13:00:00+01:00", NOON_MS),
        ("2026-11-23T12:00:00.250Z", NOON_MS + 250),
    ],
)
def test_instants(text: str, expected: int) -> None:
    """Ages count back from now; times are UTC unless they say otherwise."""
    assert expected == instant_ms(text, NOON_MS)


def test_all_filters_are_read() -> None:
    """Every filter reaches its field, in the store's units."""
    cursor = new_id()
    asked = {
        "team": "a*",
        "key": "b",
        "model": "c",
        "provider": "d",
        "status": "5xx",
        "outcome": "ok",
        "session": "e",
        "user": "f",
        "since": "1h",
        "until": "1m",
        "min_cost": "0.05",
        "max_cost": "1e2",
        "min_duration": "2.5s",
        "text": "hello",
        "limit": "7",
        "cursor": cursor,
        "route": "fast",
        "endpoint": "chat",
        "error": "reset",
        "finish_reason": "stop",
        "usage_source": "partial",
        "bodies": "none",
        "stream": "true",
        "tool_calls": "false",
        "agent": "planner",
        "client": "claude-cli*",
        "tag": "a, b",
        "all_tags": "c",
        "metadata": "ticket=4711=x",
        "id": "01a2",
        "response_id": "r1",
        "trace_id": "t1",
        "min_tokens": "5",
        "max_tokens": "6",
        "max_duration": "1m",
        "min_first_token": "10ms",
        "max_first_token": "1s",
    }

    assert set(asked) == set(asking._READERS)
    assert Query(
        team="a*",
        key="b",
        model="c",
        provider="d",
        status="5xx",
        outcome="ok",
        session="e",
        user="f",
        since_ms=NOON_MS - 3_600_000,
        until_ms=NOON_MS - 60_000,
        min_cost_nano_usd=50_000_000,
        max_cost_nano_usd=100 * 10**9,
        min_duration_ms=2500.0,
        text="hello",
        limit=7,
        before=cursor,
        route="fast",
        endpoint="chat",
        error="reset",
        finish_reason="stop",
        usage_source="partial",
        bodies="none",
        stream=True,
        has_tool_calls=False,
        agent="planner",
        client="claude-cli*",
        any_tag=("a", "b"),
        all_tags=("c",),
        metadata=("ticket", "4711=x"),
        id="01a2",
        response_id="r1",
        trace_id="t1",
        min_tokens=5,
        max_tokens=6,
        max_duration_ms=60_000.0,
        min_first_token_ms=10.0,
        max_first_token_ms=1000.0,
    ) == query(asked, NOON_MS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("since", "yesterday"),
        ("since", "1 h"),
        ("limit", "0"),
        ("limit", "10001"),
        ("limit", "many"),
        ("limit", "٣"),
        ("min_cost", "free"),
        ("min_cost", "-1"),
        ("max_cost", "NaN"),
        ("max_cost", "1e400"),
        ("min_duration", "fast"),
        ("status", "6xx"),
        ("outcome", "fine"),
        ("team", ""),
        ("text", "x" * 257),
        ("cursor", "123"),
        ("colour", "red"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, text: str) -> None:
    """The error says which filter is wrong."""
    with pytest.raises(BadFilter) as caught:
        query({name: text}, NOON_MS)
    assert name == caught.value.name or (name, caught.value.name) == ("cursor", "id")


@settings(deadline=None)
@given(st.sampled_from(sorted(asking._READERS)), st.text(max_size=30))
def test_anything_is_a_filter_or_an_error(name: str, text: str) -> None:
    """No text of a client makes anything but a query or a named refusal."""
    try:
        query({name: text}, NOON_MS)
    except BadFilter as error:
        assert str(error)
