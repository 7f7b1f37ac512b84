"""Config beats our table, our table beats the price list, whose round windows are not trusted blindly."""

import pytest
from genai_prices import data_snapshot

from gateway.policies import model_facts
from gateway.policies.model_facts import FactBook, Facts
from gateway.policies.routing import Provider

OPENAI = Provider(name="openai", dialect="openai", host="api.openai.com", base_path="/v1")
GOOGLE = Provider(name="gemini", dialect="gemini", host="generativelanguage.googleapis.com")
ANTHROPIC = Provider(name="anthropic", dialect="anthropic", host="api.anthropic.com")
LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1", tls=False, port=9)


def facts(model: str, provider: Provider = OPENAI, **overrides: Facts) -> Facts:
    """Look a model up."""
    return FactBook(overrides).facts(provider, (model,))


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gpt-4o", 16_384),
        ("gpt-4o-mini-2024-07-18", 16_384),
        ("gpt-5-pro", 272_000),
        ("gpt-5.1-chat-latest", 128_000),
        ("chatgpt-4o-latest", 16_384),
        ("chatgpt-image-latest", None),
        ("openai/gpt-4o:extended", 65_536),
        ("gpt-5.4-mini", 128_000),
        ("gpt-6-sol", 128_000),
        ("gpt-4", 8_192),
        ("gpt-4-0613", 8_192),
        ("gpt-3.5-turbo-16k-0613", 16_385),
        ("gemini-2.0-flash-thinking-exp", 65_536),
        ("gemini-2.0-flash", 8_192),
        ("o3-mini", 100_000),
        ("openai/gpt-4.1", 32_768),
        ("CLAUDE-OPUS-4-1-20250805", 32_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-6", 128_000),
        ("claude-sonnet-5-5", 128_000),
        ("models/gemini-2.5-flash", 65_536),
        ("gemini-4-argon", 1_048_576),
        ("nobody-knows", None),
    ],
)
def test_what_models_write_at_most(model: str, most: int | None) -> None:
    """By the first row that matches the name, or what stands behind the maker's."""
    assert most == facts(model).max_output_tokens


def test_a_listed_window_is_taken_with_room_for_its_rounding() -> None:
    """Where the list says 1,000,000 the provider may mean 1,048,576; ours and config's are exact."""
    listed = facts("gpt-4.1").context_window

    assert listed is not None
    assert listed >= 1_048_576
    assert 131_072 == facts("gpt-oss-120b").context_window
    assert 9_000 == facts("gpt-4.1", **{"gpt-4.1": Facts(context_window=9_000)}).context_window
    assert facts("nobody-knows", LOCAL).context_window is None


@pytest.mark.parametrize(
    ("provider", "model", "least"),
    [
        (ANTHROPIC, "claude-sonnet-4-20250514", 1_000_000),
        (ANTHROPIC, "claude-sonnet-4-5", 1_000_000),
        (ANTHROPIC, "claude-opus-4-5", 200_000),
        (GOOGLE, "gemini-1.5-pro", 2_097_152),
        (GOOGLE, "gemini-2.0-flash", 1_048_576),
        (GOOGLE, "gemini-3.1-pro-preview", 1_048_576),
        (OPENAI, "gpt-5.4-mini", 1_050_000),
        (OPENAI, "gpt-5.5", 1_050_000),
        (OPENAI, "gpt-6-sol", 1_050_000),
        (OPENAI, "gpt-4.1", 1_047_576),
        (Provider(name="xai", dialect="openai", host="api.x.ai"), "grok-2-1212", 131_072),
        (Provider(name="deepseek", dialect="openai", host="api.deepseek.com"), "deepseek-v4-pro", 1_048_576),
    ],
)
def test_no_window_is_smaller_than_any_source_says(provider: Provider, model: str, least: int) -> None:
    """A beta header opens more of some; the price list gives the window without it."""
    window = facts(model, provider).context_window

    assert window is not None
    assert least <= window


def test_config_says_what_nobody_knows_and_corrects_what_is_wrong() -> None:
    """Setting by setting; an exact name before a pattern; a route's name, too."""
    book = FactBook(
        {
            "gpt-*": Facts(max_output_tokens=1, max_image_tokens=2),
            "gpt-4o": Facts(max_output_tokens=3),
            "fast": Facts(strict_ceiling_nano_usd=4),
        }
    )

    found = book.facts(OPENAI, ("fast", "gpt-4o"))

    assert (3, 2, 4) == (found.max_output_tokens, found.max_image_tokens, found.strict_ceiling_nano_usd)
    assert found.context_window is not None
    assert 1 == book.facts(OPENAI, ("gpt-4o-mini",)).max_output_tokens


def test_who_thinks_beyond_its_maximum_is_known() -> None:
    """Unless the operator says how much it writes at most: then that is vouched for."""
    assert facts("grok-4.5").thinks_beyond
    assert not facts("grok-4.5", **{"grok-*": Facts(max_output_tokens=9)}).thinks_beyond
    assert not facts("gpt-4o").thinks_beyond


@pytest.mark.parametrize(
    "model", ["gpt-4o-search-preview", "o3-deep-research", "sonar-pro", "perplexity/sonar", "groq/compound"]
)
def test_models_that_act_on_their_own_have_no_bound(model: str) -> None:
    """They search and call others as they like."""
    assert facts(model).unbounded


def test_the_memory_is_bounded() -> None:
    """Model names are the callers' to invent."""
    book = FactBook({"m*": Facts(max_output_tokens=1)})
    for number in range(model_facts.CACHED_MOST + 10):
        assert 1 == book.facts(LOCAL, (f"m{number}",)).max_output_tokens

    assert len(book._cache) <= model_facts.CACHED_MOST


def test_main_models_of_the_price_list_are_known() -> None:
    """A new family shows up here: without a maximum every request would have to bring one."""
    families = {
        "openai": ("gpt-4", "gpt-5", "gpt-6", "o1", "o3", "o4"),
        "anthropic": ("claude-",),
        "google": ("gemini-2.5", "gemini-3", "gemini-4"),
    }
    ours = {"openai": OPENAI, "anthropic": ANTHROPIC, "google": OPENAI}
    # What no text comes from, or that is not sold to everybody.
    others = ("audio", "image", "realtime", "transcribe", "cyber", "rosalind", "extended", "ft-", "search", "research")
    unknown = [
        model.id
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        if model.id.startswith(families.get(provider.id, ("-",)))
        and not any(word in model.id for word in others)
        and facts(model.id, ours[provider.id]).max_output_tokens is None
    ]

    assert [] == unknown
