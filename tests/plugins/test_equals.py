"""Answers that must be one value."""

import pytest

from gateway_plugins.equals import Equals
from tests.plugins.making import made, outcome, said


@pytest.mark.parametrize(
    ("params", "text", "expected"),
    [
        ({"expected": "Paris"}, " Paris\n", True),
        ({"expected": "Paris"}, "Paris.", False),
        ({"expected": "Paris", "trim": False}, " Paris", False),
        ({"expected": "paris"}, "Paris", False),
        ({"expected": "paris", "ignore_case": True}, "PARIS", True),
        ({"expected": "caf\u00e9"}, "cafe\u0301", True),
        ({"expected": "caf\u00e9", "nfc": False}, "cafe\u0301", False),
        ({"expected": 1, "as_json": True}, "1.0", True),
        ({"expected": True, "as_json": True}, "1", False),
        ({"expected": [True], "as_json": True}, "[1]", False),
        ({"expected": {"a": 1, "b": [1, 2]}, "as_json": True}, '{"b": [1.0, 2], "a": 1}', True),
        ({"expected": {"a": [1, 2]}, "as_json": True}, '{"a": [2, 1]}', False),
        ({"expected": {"a": 1}, "as_json": True}, '{"a": 1, "b": null}', False),
        ({"expected": '{"a": 1}', "as_json": True}, '{"a":1}', True),
        ({"expected": "Paris", "as_json": True}, '"Paris"', True),
        ({"expected": "Paris", "as_json": True}, "Paris", False),
        ({"expected": {"a": 1}}, '{"a": 1}', "skip reference_not_text"),
        ({}, "Paris", "skip no_reference"),
    ],
)
def test_equals(params: dict[str, object], text: str, expected: object) -> None:
    """Texts by their spelling, JSON by its value."""
    assert expected == outcome(made(Equals, **params), said(text))


def test_reference_stands_in_for_a_parameter() -> None:
    """Where the exchange has an expected answer, that is meant; a parameter goes before it."""
    exchange = said("Paris", reference="Paris")

    assert outcome(made(Equals), exchange) is True
    assert outcome(made(Equals, expected="Rome"), exchange) is False
