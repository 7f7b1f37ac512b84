"""Defaults: what is known of the usual providers."""

import pytest

from gateway.config.defaults import KNOWN, Known, completed, from_environment
from gateway.config.model import Provider
from gateway.config.rules import RESERVED_NAMES
from gateway.policies.patterns import Patterns


@pytest.mark.parametrize("name", KNOWN)
def test_known_provider_is_complete_and_valid(name: str) -> None:
    """The table goes through the same checks as what people write."""
    provider = completed(name, Provider(), {})

    assert provider == Provider.model_validate(provider.model_dump())
    assert None not in (provider.dialect, provider.base_url, provider.models, provider.free, provider.stream_usage)
    assert name not in RESERVED_NAMES


@pytest.mark.parametrize("name", KNOWN)
def test_no_built_in_pattern_is_listed_as_a_model(name: str) -> None:
    """A list that holds nothing but `whisper-1` would say that there is nothing else."""
    assert () == Patterns(KNOWN[name].models).exact()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("whisper-1", "openai"),
        ("whisper-large-v3", "groq"),
        ("aqa", "gemini"),
        ("sonar", "perplexity"),
        ("gpt-5.6", "openai"),
        ("o3", "openai"),
        ("o4-mini", "openai"),
        ("text-embedding-3-small", "openai"),
        ("text-embedding-004", "gemini"),
        ("claude-opus-4-5", "anthropic"),
        ("gemini-3-pro", "gemini"),
        ("llama-3.3-70b-versatile", "groq"),
        ("groq/compound", "groq"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("grok-4", "xai"),
        ("sonar-pro", "perplexity"),
        ("anthropic/claude-opus-4-5", "openrouter"),
    ],
)
def test_usual_models_are_known_by_their_provider(model: str, expected: str) -> None:
    """With all providers set up, a model goes to whom it belongs."""
    assert expected == next(name for name, known in KNOWN.items() if Patterns(known.models).matches(model))


def test_environment_decides_who_is_there() -> None:
    """A key that is set and not empty makes a provider, in the order of the table."""
    env = {"OPENROUTER_API_KEY": "a", "GEMINI_API_KEY": "b", "OPENAI_API_KEY": "", "HOME": "/"}

    assert ["gemini", "openrouter"] == list(from_environment(env))


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ["env:GEMINI_API_KEY"]),
        ({"GOOGLE_API_KEY": "x"}, ["env:GOOGLE_API_KEY"]),
        ({"GOOGLE_API_KEY": "x", "GEMINI_API_KEY": "y"}, ["env:GEMINI_API_KEY"]),
    ],
)
def test_usual_key_is_the_first_that_is_set(env: dict[str, str], expected: list[str]) -> None:
    """Where none is set, the first name is the one to mention."""
    assert expected == completed("gemini", Provider(), env).api_keys


def test_usual_key_does_not_go_to_another_host() -> None:
    """A changed base_url gets the provider's key only if config says so; what is written always wins."""
    moved = completed("openai", Provider(base_url="http://127.0.0.1:9/v1", models=["m"]), {"OPENAI_API_KEY": "x"})

    assert moved.api_keys is None
    assert ("openai", ["m"], False) == (moved.dialect, moved.models, moved.free)
    assert ["env:OPENAI_API_KEY"] == completed("openai", Provider(base_url=KNOWN["openai"].base_url), {}).api_keys
    assert [] == completed("openai", Provider(api_keys=[]), {}).api_keys


def test_unknown_provider_stays_as_written() -> None:
    """Nothing is guessed."""
    assert Provider() == completed("mine", Provider(), {})


def test_mistral_is_not_asked_for_usage() -> None:
    """It refuses fields that it does not know."""
    assert "off" == completed("mistral", Provider(), {}).stream_usage
    assert "inject" == Known("http://h", (), ()).stream_usage
