"""Why an exchange went where it went: what the record tells, and else the config of now."""

from typing import Any

import pytest

from gateway.core.record import Attempt
from gateway.policies.explained_way import candidates, why
from gateway.policies.patterns import Patterns
from gateway.policies.routing import Provider, Routing, Target, Weighted
from tests.records import record

ROUTING = Routing(
    [
        Provider("first", "openai", "a.example", models=Patterns(("llama-*",))),
        Provider("openai", "openai", "b.example", models=Patterns(("o?", "gpt-*"))),
        Provider("idle", "openai", "c.example"),
        Provider("late", "openai", "e.example", models=Patterns(("gpt-4o*",))),
        Provider("claude", "anthropic", "d.example"),
    ],
    {},
)


@pytest.mark.parametrize(
    ("fields", "by", "said"),
    [
        ({"provider": None}, "none", "No provider"),
        (
            {"route": "fast", "model_requested": "fast", "attempts": [Attempt(provider="openai", model="gpt-4o")]},
            "route",
            "The route 'fast' chose openai, to be asked for 'gpt-4o'",
        ),
        (
            {"route": "cheap", "attempts": [Attempt(provider="openai", model="gpt-4o-mini")]},
            "fallback",
            "A budget had no room for 'gpt-4o-mini' and wants another route then: the route 'cheap' chose openai",
        ),
        ({"path": "/openai/v1/chat/completions"}, "path", "/openai/"),
        ({"model_requested": "openai/gpt-4o"}, "prefix", "openai/"),
        ({}, "pattern", "serves 'gpt-*'"),
        ({"provider": "first", "model_requested": "new"}, "first", "a model that no other names"),
        ({"provider": "first", "model_requested": None}, "first", "a call without a model"),
        ({"provider": "idle"}, "unknown", "no longer in force"),
        ({"provider": "gone"}, "unknown", "gone"),
    ],
)
def test_each_rule_is_told(fields: Any, by: str, said: str) -> None:
    """In the order in which the rules are tried; what the record cannot tell is not made up."""
    reason = why(record(**fields), ROUTING)

    assert by == reason.by
    assert said in reason.told


def test_candidates_of_a_route_have_their_shares() -> None:
    """Who could be drawn how often, who could not and why, and who was."""
    openai, idle, claude = (routing_provider(name) for name in ("openai", "idle", "claude"))
    targets = [
        Weighted(Target(openai, "gpt-4o"), 9),
        Weighted(Target(idle, None), 1),
        Weighted(Target(idle, "off"), 0),
        Weighted(Target(claude, "claude-x"), 5),
    ]
    routing = Routing([openai, idle, claude], {"fast": targets})
    one = record(route="fast", model_requested="fast", attempts=[Attempt(provider="openai", model="gpt-4o")])
    found = candidates(one, routing)

    assert [
        ("openai", "gpt-4o", 9, True, "gets 9 of 10 requests, by lot"),
        ("idle", "fast", 1, False, "gets 1 of 10 requests, by lot"),
        ("idle", "off", 0, False, "has no share: weight 0"),
        ("claude", "claude-x", 5, False, "speaks anthropic, and this came as openai"),
    ] == found
    assert "gets every request" == candidates(one, Routing([openai], {"fast": targets[:1]}))[0].told


def routing_provider(name: str) -> Provider:
    """Return one of the providers above."""
    found = ROUTING.provider(name)
    assert found is not None
    return found


def test_candidates_by_pattern_stand_in_the_order_of_the_file() -> None:
    """The first whose pattern matches gets it; the others say whom they stand behind."""
    assert [
        ("openai", "gpt-4o-mini", None, True, "serves 'gpt-*', and stands first"),
        ("late", "gpt-4o-mini", None, False, "serves 'gpt-4o*', but stands behind openai"),
    ] == candidates(record(), ROUTING)
    (other,) = candidates(record(provider="first", model_requested="new"), ROUTING)
    assert "serves no model of that name, but gets what nobody else serves" == other.told
    (named,) = candidates(record(path="/openai/v1/chat/completions"), ROUTING)
    assert ("openai", True) == (named.provider, named.chosen)


def test_refused_exchange_would_go_somewhere() -> None:
    """It went nowhere: what the config of now would choose is told as that."""
    refused = {"provider": None, "status": 429, "outcome": "budget_blocked"}

    assert [("openai", "gpt-4o-mini", None, False, "would get it, by the config of now")] == candidates(
        record(**refused), ROUTING
    )
    assert [] == candidates(record(**{**refused, "dialect": None}), ROUTING)
    assert [] == candidates(record(**{**refused, "dialect": "gemini"}), ROUTING)
