"""Forms that verdicts are compared with, in a process that no plugin's limits hold: plain ones only."""

import json
from typing import Any

import pytest

from gateway.evaluation.judge_form import FORM_BYTES, BadForm, form_of
from tests.evaluation.judging import SCHEMA


def test_plain_form_is_taken() -> None:
    """Also where a property is called like a keyword."""
    named = {"type": "object", "properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}}

    assert [SCHEMA, named] == [form_of(json.dumps(each).encode()) for each in (SCHEMA, named)]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"$ref": "http://127.0.0.1:1/secret"}, id="fetched"),
        pytest.param({"properties": {"a": {"$ref": "#"}}}, id="in circles"),
        pytest.param({"allOf": [{"properties": {"a": {"pattern": "^(a+)+$"}}}]}, id="backtracks"),
        pytest.param({"patternProperties": {"^(a+)+$": {}}}, id="names that backtrack"),
        pytest.param({"properties": {"a": {"uniqueItems": True}}}, id="all pairs"),
        pytest.param({"type": "nonsense"}, id="no type"),
        pytest.param({"properties": {"a": {"minLength": "x"}}}, id="no number"),
        pytest.param([1], id="a list"),
    ],
)
def test_what_could_hurt_is_no_form(form: Any) -> None:
    """A form that fetches something, loops, backtracks, or is none, is never compared with anything."""
    with pytest.raises(BadForm):
        form_of(json.dumps(form).encode())


@pytest.mark.parametrize("schema", [b"{", b'{"a":' * 20_000, b"{" + b" " * FORM_BYTES + b"}"])
def test_what_cannot_be_read_is_no_form(schema: bytes) -> None:
    """Broken, too deep, too large."""
    with pytest.raises(BadForm):
        form_of(schema)
