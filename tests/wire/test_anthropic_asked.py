"""What bounds a request in the Anthropic dialect, and what breaks the bound."""

from typing import Any

import pytest

from gateway.core.asked import Asked
from tests.wire.asking import asked

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000}}


def messages(content: Any = "Hi", **more: Any) -> Asked:
    """Read a request for an answer."""
    return asked(
        "anthropic",
        {"model": "claude-9", "max_tokens": 100, "messages": [{"role": "user", "content": content}], **more},
    )


def test_a_usual_request_is_text() -> None:
    """With tools of its own, thoughts, and what other tools gave."""
    found = messages(
        [
            {"type": "text", "text": "Hi"},
            {"type": "thinking", "thinking": "Hm", "signature": "AAAA"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "5"}]},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Hi"}]}},
        ],
        system=[{"type": "text", "text": "Be kind."}],
        tools=[{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g"}, {"type": "bash_20250124"}],
        thinking={"type": "enabled", "budget_tokens": 50},
        service_tier="standard_only",
        speed="fast",
        inference_geo="us",
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )

    assert ("", "") == (found.unbounded, found.elsewhere)
    assert (100, 51, 1, 4, 1) == (
        found.max_output_tokens, found.least_output_tokens, found.steps, found.framed, found.kits,
    )  # fmt: skip
    assert ("standard_only", "fast", "us") == (found.service_tier, found.speed, found.geo)


@pytest.mark.parametrize("place", ["alone", "in a result", "in a document"])
def test_pictures_are_counted_and_are_no_text(place: str) -> None:
    """Wherever they stand."""
    content = {
        "alone": [PICTURE],
        "in a result": [{"type": "tool_result", "content": [PICTURE]}],
        "in a document": [{"type": "document", "source": {"type": "content", "content": [PICTURE]}}],
    }[place]

    found = messages(content)

    assert (1, "") == (found.images, found.elsewhere)
    assert found.text_bytes < found.body_bytes - 1_000


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        {"type": "image"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "container_upload", "file_id": "f"},
        {"type": "tool_reference", "tool_name": "f"},
        {"type": "tool_result", "content": [{"type": "of_next_year"}]},
        {"type": "tool_search_tool_result", "content": {"type": "tool_search_tool_search_result"}},
    ],
)
def test_what_is_not_in_the_body(block: Any) -> None:
    """Addresses, files, documents whose pages are not text, and blocks that nobody knows."""
    found = messages([block])

    assert found.elsewhere or found.unbounded
    assert not found.images


def test_no_maximum_is_what_the_model_can_write() -> None:
    """Also where it is written as 0: what a server makes of that nobody knows."""
    assert messages(max_tokens=0).max_output_tokens is None


def test_a_thread_that_the_provider_keeps_is_not_in_the_body() -> None:
    """Its length is not known."""
    assert messages(thread={"id": "t"}).elsewhere


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"mcp_servers": []}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "compact_20260112"),
        ({"tools": [{"type": "code_execution_20260120"}]}, "code_execution_20260120"),
        ({"tools": [{"type": "web_search_20250305"}]}, "'max_uses' is missing"),
        ({"tools": [{"type": "web_fetch_20250910", "max_uses": "3"}]}, "'max_uses' is missing"),
        ({"tools": [{"type": "tool_search_tool_bm25_20251119", "max_uses": 3}]}, "tool_search_tool"),
        ({"max_tokens": "64000"}, "max_tokens"),
        ({"system": 5}, "'system'"),
        ({"thinking": 5}, "'thinking'"),
    ],
)
def test_what_breaks_the_bound(more: dict[str, Any], told: str) -> None:
    """Tools at the provider without an end, compaction, and what is written oddly."""
    assert told in messages(**more).unbounded


def test_tools_at_the_provider_are_bounded_by_their_uses() -> None:
    """The model reads again after each; searches have a fee."""
    found = messages(
        tools=[{"type": "web_search_20250305", "max_uses": 3}, {"type": "web_fetch_20250910", "max_uses": 2}]
    )

    assert ("", 6, 3) == (found.unbounded, found.steps, found.searches)
    assert not found.text_only


@pytest.mark.parametrize(
    ("more", "cache"),
    [
        ({}, ""),
        ({"system": [{"type": "text", "text": "x", "cache_control": None}]}, ""),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}, "5m"),
        ({"cache_control": {"type": "ephemeral", "ttl": "5m"}}, "5m"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "1h"),
        ({"tools": [{"name": "f", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}, "1h"),
        ({"tools": [{"name": "f", "cache_control": {"type": "ephemeral", "ttl": "of next year"}}]}, "1h"),
    ],
)
def test_the_longest_wish_to_cache_counts(more: dict[str, Any], cache: str) -> None:
    """Writing for an hour costs twice what reading costs; wherever it is asked for."""
    assert cache == messages(**more).cache


def test_a_wish_to_cache_inside_a_result_counts() -> None:
    """And is not made less by a shorter one behind it."""
    inside = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    behind = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}

    assert "1h" == messages([{"type": "tool_result", "content": [inside]}, behind]).cache
