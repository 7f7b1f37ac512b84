"""One normal form for all the shapes of `usage`."""

import json
from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.wire.openai_usage import read_usage

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "chat: the details are inside the totals",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 40, "audio_tokens": 1},
        },
        {
            "input_total": 100, "output_total": 50, "input_cached_read": 30, "input_cache_write_other": 20,
            "input_audio": 5, "output_reasoning": 40, "output_audio": 1,
        },
    ),
    (
        "responses",
        {
            "input_tokens": 100,
            "output_tokens": 50,
            "total_tokens": 150,
            "input_tokens_details": {"cached_tokens": 30},
            "output_tokens_details": {"reasoning_tokens": 40},
        },
        {"input_total": 100, "output_total": 50, "input_cached_read": 30, "output_reasoning": 40},
    ),
    (
        "images",
        {
            "input_tokens": 10,
            "output_tokens": 50,
            "input_tokens_details": {"image_tokens": 4, "text_tokens": 6},
            "output_tokens_details": {"image_tokens": 50},
        },
        {"input_total": 10, "output_total": 50, "input_image": 4, "output_image": 50},
    ),
    ("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, {"input_total": 8}),
    ("embeddings: only the total", {"total_tokens": 1000}, {"input_total": 1000}),
    (
        "Mistral: what was heard only in the total",
        {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635, "total_tokens": 3264},
        {"input_total": 2629, "output_total": 635, "input_audio": 2625},
    ),
    (
        "Mistral: nothing was heard",
        {"prompt_audio_seconds": {}, "prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10},
        {"input_total": 4, "output_total": 6},
    ),
    (
        "transcription by tokens",
        {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "input_token_details": {"audio_tokens": 14}},
        {"input_total": 14, "output_total": 3, "input_audio": 14},
    ),
    ("transcription by time", {"type": "duration", "seconds": 9}, {"seconds": 9}),
    (
        "DeepSeek: hits beside the total",
        {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
        {"input_total": 10, "output_total": 1, "input_cached_read": 6},
    ),
    (
        "Together: cached beside the total",
        {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 6},
        {"input_total": 10, "output_total": 1, "input_cached_read": 6},
    ),
    (
        "xAI: reasoning comes on top, the total says so",
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        {"input_total": 32, "output_total": 103, "output_reasoning": 94},
    ),
    (
        "xAI: fewer thoughts than words, still on top",
        {
            "prompt_tokens": 10,
            "completion_tokens": 9,
            "total_tokens": 24,
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        {"input_total": 10, "output_total": 14, "output_reasoning": 5},
    ),
    (
        "Google's compatible API: thoughts only in the total",
        {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 298},
        {"input_total": 3, "output_total": 295, "output_reasoning": 288},
    ),
    (
        "OpenRouter: searches and its charge",
        {
            "prompt_tokens": 3,
            "completion_tokens": 7,
            "cost": 0.00014645,
            "server_tool_use_details": {"web_search_requests": 2},
        },
        {"input_total": 3, "output_total": 7, "web_searches": 2, "provider_cost_nano_usd": 146_450},
    ),
    (
        "OpenRouter with the customer's own key: its fee and the provider's bill",
        {
            "prompt_tokens": 3,
            "completion_tokens": 7,
            "cost": 0.00001,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.002},
        },
        {"input_total": 3, "output_total": 7, "provider_cost_nano_usd": 2_010_000},
    ),
    (
        "nulls, floats and text",
        {"prompt_tokens": "12", "completion_tokens": 4.0, "prompt_tokens_details": None, "total_tokens": None},
        {"input_total": 12, "output_total": 4},
    ),
    (
        "parts larger than their totals are cut",
        {
            "prompt_tokens": 5,
            "completion_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9},
        },
        {"input_total": 5, "input_cached_read": 5},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("usage", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_usage_has_one_normal_form(usage: dict[str, Any], expected: dict[str, Any]) -> None:
    """Whatever the spelling, totals hold everything and parts lie inside."""
    raw = json.dumps(usage).encode()

    found = read_usage(raw)

    assert found is not None
    assert raw == bytes(found.raw)
    found.raw = Usage().raw
    assert Usage(**expected) == found


@pytest.mark.parametrize("raw", [b"", b"null", b"{}", b"[1]", b"7", b'{"a":1}', b'{"prompt_tokens":', b"[" * 9999])
def test_what_says_nothing_is_no_usage(raw: bytes) -> None:
    """None, never an exception."""
    assert None is read_usage(raw)


def test_what_stands_beside_the_usage_is_read_too() -> None:
    """The served tier, and the searches of hosted tools."""
    usage = read_usage(b'{"input_tokens":1,"output_tokens":1}', "flex", {"web_search": {"num_requests": 3}})

    assert usage is not None
    assert ("flex", 3) == (usage.service_tier, usage.web_searches)


def test_a_cost_that_is_split_counts_by_its_total() -> None:
    """Perplexity says what each part did cost."""
    told = b'{"prompt_tokens":1,"completion_tokens":1,"cost":{"request_cost":0.005,"total_cost":0.006}}'
    usage = read_usage(told)

    assert usage is not None
    assert 6_000_000 == usage.provider_cost_nano_usd


def test_xai_charges_in_ticks() -> None:
    """Ten billion of them are a dollar; a part of a nano-dollar is one."""
    usage = read_usage(b'{"prompt_tokens":1,"completion_tokens":1,"cost_in_usd_ticks":37756001}')

    assert usage is not None
    assert 3_775_601 == usage.provider_cost_nano_usd


def test_a_total_beside_an_answer_of_nothing_adds_nothing() -> None:
    """What it holds more than its parts was neither heard nor thought."""
    usage = read_usage(b'{"prompt_tokens":5,"completion_tokens":0,"total_tokens":9}')

    assert usage is not None
    assert (5, 0) == (usage.input_total, usage.output_total)


def test_a_cost_of_zero_is_a_placeholder_unless_it_says_how_it_was_billed() -> None:
    """Believed from everybody, a team would be billed nothing for what its provider bills."""
    told = b'{"prompt_tokens":1,"completion_tokens":1,"cost":0'
    bare, billed = read_usage(told + b"}"), read_usage(told + b',"is_byok":false}')

    assert bare is not None
    assert billed is not None
    assert (None, 0) == (bare.provider_cost_nano_usd, billed.provider_cost_nano_usd)
