"""Why an exchange went where it went: what the record tells, and else the config of now."""

from typing import Any

import pytest

from gateway.core.record import Attempt
from gateway.policies.explained_way import why
from gateway.policies.patterns import Patterns
from gateway.policies.routing import Provider, Routing
from tests.records import record

ROUTING = Routing(
    [
        Provider("first", "openai", "a.example", models=Patterns(("llama-*",))),
        Provider("openai", "openai", "b.example", models=Patterns(("o?", "gpt-*"))),
        Provider("idle", "openai", "c.example"),
    ],
    {},
)


@pytest.mark.parametrize(
    ("fields", "by", "said"),
    [
        ({"provider": None}, "none", "No provider"),
        (
            {"route": "fast", "attempts": [Attempt(provider="openai", model="gpt-4o")]},
            "route",
            "The route 'fast' chose openai, to be asked for 'gpt-4o'",
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
