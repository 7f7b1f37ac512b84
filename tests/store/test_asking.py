"""Filters as people write them are read exactly, and refused by name where they make no sense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import asking
from gateway.store.asking import instant_ms, query
from gateway.store.filters import BadFilter
from gateway.store.interface import Query, ScoreIs
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


# As written -> what is written, the field of the query that it becomes, and its value there, in the store's units.
CURSOR = new_id()
FILTERS: dict[str, tuple[str, str, object]] = {
    "team": ("a*", "team", "a*"),
    "key": ("b", "key", "b"),
    "model": ("c", "model", "c"),
    "provider": ("d", "provider", "d"),
    "status": ("5xx", "status", "5xx"),
    "outcome": ("ok", "outcome", "ok"),
    "session": ("e", "session", "e"),
    "user": ("f", "user", "f"),
    "since": ("1h", "since_ms", NOON_MS - 3_600_000),
    "until": ("1m", "until_ms", NOON_MS - 60_000),
    "min_cost": ("0.05", "min_cost_nano_usd", 50_000_000),
    "max_cost": ("1e2", "max_cost_nano_usd", 100 * 10**9),
    "min_duration": ("2.5s", "min_duration_ms", 2500.0),
    "max_duration": ("1m", "max_duration_ms", 60_000.0),
    "min_first_token": ("10ms", "min_first_token_ms", 10.0),
    "max_first_token": ("1s", "max_first_token_ms", 1000.0),
    "min_tokens": ("5", "min_tokens", 5),
    "max_tokens": ("6", "max_tokens", 6),
    "score": (
        "a:fail,b.c:>=-0.5,*:missing",
        "scores",
        (ScoreIs("a", "fail"), ScoreIs("b.c", ">=", -0.5), ScoreIs("*", "missing")),
    ),
    "text": ("hello", "text", "hello"),
    "limit": ("7", "limit", 7),
    "cursor": (CURSOR, "before", CURSOR),
    "route": ("fast", "route", "fast"),
    "endpoint": ("chat", "endpoint", "chat"),
    "error": ("reset", "error", "reset"),
    "finish_reason": ("stop", "finish_reason", "stop"),
    "usage_source": ("partial", "usage_source", "partial"),
    "bodies": ("none", "bodies", "none"),
    "stream": ("true", "stream", True),
    "ok": ("false", "ok", False),
    "tool_calls": ("false", "has_tool_calls", False),
    "agent": ("planner", "agent", "planner"),
    "client": ("claude-cli*", "client", "claude-cli*"),
    "tag": ("a, b", "any_tag", ("a", "b")),
    "all_tags": ("c", "all_tags", ("c",)),
    "metadata": ("ticket=4711=x", "metadata", ("ticket", "4711=x")),
    "id": ("01a2", "id", "01a2"),
    "response_id": ("r1", "response_id", "r1"),
    "trace_id": ("t1", "trace_id", "t1"),
}


def test_all_filters_are_read() -> None:
    """Every filter reaches its field."""
    fields = {field: value for _, field, value in FILTERS.values()}

    assert set(FILTERS) == set(asking._READERS)
    assert set(fields) == set(Query.__struct_fields__)
    assert Query(**fields) == query({name: text for name, (text, _, _) in FILTERS.items()}, NOON_MS)  # type: ignore[arg-type]


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
