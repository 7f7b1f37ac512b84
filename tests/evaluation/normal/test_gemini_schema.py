"""Gemini's schemas as JSON schema."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.evaluation.normal.gemini_schema import json_schema

OWN = {
    "type": "OBJECT",
    "properties": {
        "name": {"type": "STRING", "minLength": "2", "nullable": True},
        "type": {"type": "STRING", "enum": ["A", "B"], "nullable": True},
        "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "maxItems": "2"},
        "either": {"any_of": [{"type": "INTEGER"}, {"type": "NULL"}]},
    },
    "required": ["name"],
    "propertyOrdering": ["name", "type"],
}


def test_it_says_the_same_as_json_schema() -> None:
    """Types in small letters, bounds as numbers, null where it is allowed; a property may be called `type`."""
    found = json_schema(OWN)
    Draft202012Validator.check_schema(found)
    validator = Draft202012Validator(found)

    assert validator.is_valid({"name": None, "type": None, "tags": ["a"], "either": 3})
    assert not validator.is_valid({"name": "x"})
    assert not validator.is_valid({"name": "xy", "type": "C"})
    assert not validator.is_valid({"name": "xy", "tags": ["a", "b", "c"]})
    assert not validator.is_valid({"name": "xy", "either": "no"})


def test_json_schema_stays_as_it_is() -> None:
    """Some send it in the same place."""
    schema = {"type": ["string", "null"], "minLength": 2, "$defs": {"a": {"type": "integer"}}}

    assert schema == json_schema(schema)


def test_what_was_sent_is_not_changed() -> None:
    """The request is read only."""
    before = repr(OWN)
    json_schema(OWN)

    assert before == repr(OWN)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=4),
        lambda inner: (
            st.dictionaries(st.sampled_from([*OWN, "items", "anyOf", "nullable", "enum"]), inner, max_size=4)
            | st.lists(inner, max_size=3)
        ),
        max_leaves=20,
    )
)
def test_hostile_schemas_never_fail(given_: Any) -> None:
    """Members of any type."""
    if isinstance(given_, dict):
        assert isinstance(json_schema(given_), dict)
