"""Routing: from dialect and model to the provider that is asked, and under which name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Refusal
from gateway.policies.access import Principal
from gateway.policies.patterns import Patterns
from gateway.policies.routing import CACHED_MOST, Provider, Routing, Target, Weighted


def provider(name: str, *models: str, dialect: str = "openai") -> Provider:
    return Provider(name=name, dialect=dialect, host=f"{name}.test", models=Patterns(models))


OPENAI = provider("openai", "gpt-*", "o?")
GROQ = provider("groq", "llama-*", "groq/compound", "openai/gpt-oss-120b")
ANTHROPIC = provider("anthropic", "claude-*", dialect="anthropic")
ROUTER = provider("router", "*/*")
ALL = [OPENAI, GROQ, ANTHROPIC, ROUTER]


@pytest.mark.parametrize(
    ("dialect", "model", "expected"),
    [
        ("openai", "gpt-5", Target(OPENAI, None)),
        ("openai", "llama-3", Target(GROQ, None)),
        ("anthropic", "claude-5", Target(ANTHROPIC, None)),
        # nobody's pattern: the first provider of the dialect
        ("openai", "unheard-of", Target(OPENAI, None)),
        ("anthropic", "unheard-of", Target(ANTHROPIC, None)),
        ("openai", None, Target(OPENAI, None)),
        ("anthropic", None, Target(ANTHROPIC, None)),
        # provider/model goes there, without the provider's name
        ("openai", "groq/gpt-5", Target(GROQ, "gpt-5")),
        ("openai", "openai/gpt-oss-120b", Target(OPENAI, "gpt-oss-120b")),
        ("openai", "groq/openai/gpt-oss-120b", Target(GROQ, "openai/gpt-oss-120b")),
        # a provider's own name is a part of some of its models' names
        ("openai", "groq/compound", Target(GROQ, None)),
        # a prefix that is no provider belongs to the model's name
        ("openai", "meta/llama", Target(ROUTER, None)),
        # a prefix that is a provider of another dialect: by pattern, if there is one
        ("openai", "anthropic/claude-5", Target(ROUTER, None)),
        ("openai", "groq/", Target(ROUTER, None)),
    ],
)
def test_model_that_no_route_names(dialect: str, model: str | None, expected: Target) -> None:
    """`provider/model`, else the first provider whose patterns match, else the first of the dialect."""
    choice = Routing(ALL).choose(dialect, model, 0.5)

    assert (None, (expected,)) == choice


def test_file_order_decides_between_overlapping_patterns() -> None:
    """The first provider in the file wins."""
    first, second = provider("first", "gpt-*"), provider("second", "gpt-5")

    assert first is Routing([first, second]).choose("openai", "gpt-5", 0).candidates[0].provider
    assert second is Routing([second, first]).choose("openai", "gpt-5", 0).candidates[0].provider


@pytest.mark.parametrize("model", ["claude-5", "anthropic/claude-5"])
def test_model_of_another_dialect_is_refused_with_who_serves_it(model: str) -> None:
    """Nothing is translated: the answer names the provider and the API that it speaks."""
    with pytest.raises(Refusal, match=r"anthropic \(speaks anthropic\)") as caught:
        Routing([OPENAI, ANTHROPIC]).choose("openai", model, 0)

    assert "no_provider" == caught.value.kind
    assert "model" == caught.value.param


def test_dialect_that_nobody_speaks_is_refused_with_what_is_there() -> None:
    """The answer says what is configured and what to add."""
    with pytest.raises(Refusal, match=r"openai \(openai\).*dialect = \"gemini\""):
        Routing([OPENAI]).choose("gemini", "gemini-3", 0)
    with pytest.raises(Refusal, match="Configured: none"):
        Routing([]).choose("openai", None, 0)


FAST = {"fast": [Weighted(Target(OPENAI, "gpt-5-mini"), 9), Weighted(Target(GROQ, "llama-3"), 1)]}


@pytest.mark.parametrize(("draw", "expected"), [(0.0, OPENAI), (0.89, OPENAI), (0.91, GROQ), (0.999999, GROQ)])
def test_route_shares_traffic_by_weight(draw: float, expected: Provider) -> None:
    """Weights 9 and 1: nine tenths of all draws go to the first."""
    choice = Routing(ALL, FAST).choose("openai", "fast", draw)

    assert "fast" == choice.route
    assert [expected] == [target.provider for target in choice.candidates]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any), st.floats(0, 1, exclude_max=True))
def test_every_draw_hits_a_target_that_has_weight(weights: list[int], draw: float) -> None:
    """Weight 0 takes a target out; no draw falls beside the targets, whatever floats do."""
    targets = [Weighted(Target(OPENAI, str(weight)), weight) for weight in weights]

    (target,) = Routing([OPENAI], {"r": targets}).choose("openai", "r", draw).candidates

    assert "0" != target.model


def test_route_uses_only_targets_that_speak_the_dialect() -> None:
    """One route may serve several dialects, each by its own targets."""
    routes = {"smart": [Weighted(Target(OPENAI, "gpt-5"), 1), Weighted(Target(ANTHROPIC, "claude-5"), 1)]}
    routing = Routing([*ALL, provider("g", dialect="gemini")], routes)

    for draw in (0.0, 0.4, 0.6, 0.99):
        assert (Target(OPENAI, "gpt-5"),) == routing.choose("openai", "smart", draw).candidates
        assert (Target(ANTHROPIC, "claude-5"),) == routing.choose("anthropic", "smart", draw).candidates
    with pytest.raises(Refusal, match=r"openai \(speaks openai\), anthropic \(speaks anthropic\)"):
        routing.choose("gemini", "smart", 0.5)


def test_route_wins_over_every_other_rule() -> None:
    """A route may be named like a model or like provider/model."""
    routes = {"openai/gpt-5": [Weighted(Target(GROQ, "llama-3"), 1)]}

    assert ("openai/gpt-5", (Target(GROQ, "llama-3"),)) == Routing(ALL, routes).choose("openai", "openai/gpt-5", 0)


def test_allowed_model_may_also_be_asked_for_with_its_provider() -> None:
    """`gpt-5` allows `openai/gpt-5`; a prefix that is no provider, or a route, is not taken off."""
    principal = Principal(team="t", key="k", allow_models=("gpt-5", "fast"))
    routing = Routing(ALL, {"groq/gpt-5": [Weighted(Target(ANTHROPIC, "claude-5"), 1)]})

    assert routing.allowed(principal, "gpt-5")
    assert routing.allowed(principal, "openai/gpt-5")
    assert routing.allowed(principal, "models/gpt-5")  # as Google writes it
    assert not routing.allowed(principal, "openai/o3")
    assert not routing.allowed(principal, "models/o3")
    assert not routing.allowed(principal, "nobody/gpt-5")
    assert not routing.allowed(principal, "groq/gpt-5")
    assert not routing.allowed(principal, "groq/openai/gpt-5")


def test_models_for_lists_what_this_key_can_ask_for() -> None:
    """Routes of the dialect, names in config without wildcards, names of the key's own list; nothing forbidden."""
    routing = Routing([*ALL, provider("g", "gemini-3", dialect="gemini")], FAST)

    assert ["fast", "groq/compound", "openai/gpt-oss-120b"] == routing.models_for(Principal("t", "k"), "openai")
    assert ["fast", "gpt-5"] == routing.models_for(Principal("t", "k", ("fast", "gpt-5", "claude-5")), "openai")
    assert ["claude-5"] == routing.models_for(Principal("t", "k", ("fast", "gpt-5", "claude-5")), "anthropic")
    assert ["gemini-3"] == routing.models_for(Principal("t", "k"), "gemini")
    assert [] == routing.models_for(Principal("t", "k", company_models=("x",)), "gemini")


def test_a_model_is_known_by_route_prefix_or_pattern() -> None:
    """Not by being sent to the first provider of a dialect, which gets whatever nobody else wants."""
    routing = Routing([*ALL, provider("g", "gemini-*", dialect="gemini")], FAST)

    assert routing.knows("openai", "fast")
    assert not routing.knows("gemini", "fast")
    assert routing.knows("openai", "groq/anything")
    assert routing.knows("gemini", "gemini-3")
    assert not routing.knows("openai", "gemini-3")
    assert not routing.knows("gemini", "claude-5")


@pytest.mark.parametrize(
    ("allowed", "path", "expected"),
    [
        ("/organization/costs", "/organization/costs", True),
        ("/v1/organization/costs", "/organization/costs", True),
        ("/organization/costs", "/v1/organization/costs", True),
        ("/v1/organization/*", "/v1/organization/users", True),
        ("/organization/costs", "/organization/users", False),
        ("/organization", "/organization/users", False),
    ],
)
def test_operator_opens_paths_with_or_without_the_version(allowed: str, path: str, expected: bool) -> None:
    """allow_paths names what is open; whether the base URL or the path carries /v1 makes no difference."""
    assert expected == Provider(name="p", dialect="openai", host="h", allow_paths=(allowed,)).opens(path)


@pytest.mark.parametrize(
    ("given_provider", "expected"),
    [
        (Provider("p", "openai", "api.test", base_path="/v1"), "https://api.test/v1"),
        (Provider("p", "openai", "::1", tls=False, port=8000), "http://[::1]:8000"),
        (Provider("p", "openai", "h", tls=False, port=80), "http://h"),
    ],
)
def test_base_url_reads_as_it_was_written(given_provider: Provider, expected: str) -> None:
    """People see a URL, not its parts."""
    assert expected == given_provider.base_url


def test_secrets_do_not_show_in_a_provider() -> None:
    """A provider may be logged."""
    assert "sk-real" not in repr(Provider("p", "openai", "h", api_keys=(b"sk-real",)))


def test_routing_gives_what_it_holds() -> None:
    """Others look providers up by name and list them in the file's order."""
    routing = Routing(ALL, FAST)

    assert GROQ is routing.provider("groq")
    assert routing.provider("nobody") is None
    assert tuple(ALL) == routing.providers()
    assert ("fast",) == routing.routes()


def test_invented_names_do_not_fill_the_memory() -> None:
    """Choices are remembered, per dialect, but not for every name that a caller makes up."""
    routing = Routing(ALL)
    for number in range(CACHED_MOST + 10):
        routing.choose("openai", f"made-up-{number}", 0)

    assert len(routing._chosen) <= CACHED_MOST
    assert routing.choose("openai", "gpt-5", 0) is routing.choose("openai", "gpt-5", 0.5)
    assert ANTHROPIC is routing.choose("anthropic", "made-up-1", 0).candidates[0].provider
    assert OPENAI is routing.choose("openai", "made-up-1", 0).candidates[0].provider
