"""What does Gemini's own kind of schema say as JSON schema? Its types are in capitals, its bounds may be texts."""

from typing import Any

from gateway.evaluation.normal.shape import Document

_DEPTH = 64
_INSIDE = frozenset({"items", "additionalProperties", "additional_properties"})
_BY_NAME = frozenset({"properties", "defs", "$defs"})
_LISTS = frozenset({"anyOf", "any_of", "prefixItems"})
_BOUNDS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_NAMES = {
    "any_of": "anyOf",
    "defs": "$defs",
    "ref": "$ref",
    "additional_properties": "additionalProperties",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
}
# Of no meaning for what a value may be.
_LEFT_OUT = frozenset({"nullable", "propertyOrdering", "property_ordering", "example", "format"})


def json_schema(given: Document, depth: int = _DEPTH) -> Document:
    """Translate a schema; what is JSON schema already stays as it is."""
    found: Document = {}
    for written, value in given.items():
        name = _NAMES.get(written, written)
        if name not in _LEFT_OUT:
            found[name] = _member(name, value, depth - 1)
    return _or_null(found) if given.get("nullable") is True else found


def _member(name: str, value: Any, depth: int) -> Any:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name in _BOUNDS and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if depth <= 0:
        return value
    if name in _INSIDE and isinstance(value, dict):
        return json_schema(value, depth)
    if name in _BY_NAME and isinstance(value, dict):
        return {each: json_schema(inner, depth) if isinstance(inner, dict) else inner for each, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [json_schema(inner, depth) if isinstance(inner, dict) else inner for inner in value]
    return value


def _or_null(found: Document) -> Document:
    """Let a value also be null."""
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    if isinstance(found.get("enum"), list):
        found["enum"] = [*found["enum"], None]
    if isinstance(found.get("anyOf"), list):
        found["anyOf"] = [*found["anyOf"], {"type": "null"}]
    return found
