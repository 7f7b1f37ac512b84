"""Texts that must be there, and such as must not."""

import pytest
from pydantic import ValidationError

from gateway_plugins.contains import Contains
from tests.plugins.making import CALL, made, outcome, results, said


@pytest.mark.parametrize(
    ("params", "text", "expected"),
    [
        ({"must_match": ["Paris"]}, "It is Paris.", True),
        ({"must_match": ["paris"]}, "It is Paris.", False),
        ({"must_match": ["STRASSE"], "ignore_case": True}, "die Straße", True),
        ({"must_match": ["Paris", "France"]}, "It is Paris.", False),
        ({"must_match": ["Paris", "France"], "mode": "any"}, "It is Paris.", True),
        ({"must_match": ["Rome", "Italy"], "mode": "any"}, "It is Paris.", False),
        ({"must_not_match": ["Rome", "Berlin"]}, "It is Paris.", True),
        ({"must_not_match": ["Rome", "Paris"]}, "It is Paris.", False),
        ({"must_not_match": ["Rome", "Paris"], "mode": "any"}, "It is Paris.", False),
        ({"must_match": ["Paris"], "must_not_match": ["Rome"]}, "Paris, not Rome", False),
        ({"must_match": ["caf\u00e9"]}, "cafe\u0301", True),
        ({"must_match": ["caf\u00e9"], "nfc": False}, "cafe\u0301", False),
        ({"must_match": [" a"]}, " a", False),
        ({"must_match": [" a"], "trim": False}, " a", True),
        ({"must_match": ["a.c"]}, "abc", False),
    ],
)
def test_contains(params: dict[str, object], text: str, expected: bool) -> None:
    """All or any of what is wanted, and none of what is not."""
    assert expected is outcome(made(Contains, **params), said(text))


def test_evidence_tells_which_by_number() -> None:
    """The texts themselves stand in the configuration."""
    plugin = made(Contains, must_match=["a", "x", "y"], must_not_match=["z", "b"])

    assert {"missing": [1, 2], "unwelcome": [1]} == results(plugin, said("a b"))[""].evidence
    assert {} == results(made(Contains, must_match=["a", "x"], mode="any"), said("a"))[""].evidence


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said(calls=(CALL,)), "tool_calls"),
        (said(" "), "no_text"),
        (said(refusal="no"), "refused"),
        (said("Par", is_complete=False), "incomplete"),
    ],
)
def test_nothing_to_look_at_is_skipped(exchange: object, why: str) -> None:
    """A tool call that has no words does not lack any."""
    assert f"skip {why}" == outcome(made(Contains, must_match=["Paris"]), exchange)


@pytest.mark.parametrize("params", [{}, {"must_match": []}, {"must_match": [""]}, {"must_match": ["a"], "mode": "one"}])
def test_conditions_that_say_nothing_are_errors(params: dict[str, object]) -> None:
    """Every answer contains the empty text."""
    with pytest.raises(ValidationError):
        made(Contains, **params)
