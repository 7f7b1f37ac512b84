"""Patterns that must match, and such as must not."""

import pytest
from pydantic import ValidationError

from gateway_plugins.regex import Regex
from tests.plugins.making import made, outcome, results, said


@pytest.mark.parametrize(
    ("params", "text", "expected"),
    [
        ({"must_match": [r"\d{4}"]}, "in 1889", True),
        ({"must_match": [r"^\d{4}$"]}, " 1889\n", True),
        ({"must_match": [r"^\d{4}$"], "trim": False}, " 1889\n", False),
        ({"must_match": [r"^b$"]}, "a\nb\nc", False),
        ({"must_match": [r"(?m)^b$"]}, "a\nb\nc", True),
        ({"must_match": ["paris"]}, "Paris", False),
        ({"must_match": ["paris"], "ignore_case": True}, "Paris", True),
        ({"must_match": ["a", "b"]}, "a", False),
        ({"must_match": ["a", "b"], "mode": "any"}, "a", True),
        ({"must_not_match": ["a"]}, "b", True),
        ({"must_match": ["a"], "must_not_match": ["b"]}, "ab", False),
        ({"must_match": [r"^caf.$"]}, "cafe\u0301", True),
        ({"must_match": [r"^(?!.*Rome)"]}, "Paris", True),
        ({"must_match": [r"(?i)^(\w+) \1$"]}, "New new", True),
    ],
)
def test_match(params: dict[str, object], text: str, expected: bool) -> None:
    """As in `contains`; look-around and back references are run by Python."""
    assert expected is outcome(made(Regex, **params), said(text))


def test_hostile_pattern_takes_linear_time() -> None:
    """What takes Python for ever is nothing to RE2."""
    assert outcome(made(Regex, must_match=["^(a+)+$"]), said("a" * 100_000 + "b")) is False


def test_long_answer_is_cut() -> None:
    """What is behind the limit is not looked at, and the evidence says so."""
    found = results(made(Regex, must_not_match=["b"]), said("a" * 300_000 + "b"))[""]

    assert (True, {"truncated_input": True}) == (found.value, found.evidence)


@pytest.mark.parametrize("params", [{}, {"must_match": ["("]}, {"must_not_match": ["*"]}, {"must_match": [""]}])
def test_wrong_patterns_are_errors(params: dict[str, object]) -> None:
    """They are told when the parameters are read."""
    with pytest.raises(ValidationError):
        made(Regex, **params)
