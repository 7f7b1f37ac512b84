"""Does a value fit a JSON schema of a request? No schema can reach out, or hold the process up with a pattern."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import jsonschema
import orjson
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from gateway_plugins._patterns import compiled

MOST_TOLD: Final = 20
_MOST_COUNTED: Final = 1000
_MOST_SCHEMAS: Final = 256
_POINTER_CHARS: Final = 200


class BadSchema(Exception):
    """A schema that nothing can be checked against."""


class Schemas:
    """Validators by schema: agents send the same ones with each request. `formats`: `format` is checked, too."""

    def __init__(self, *, formats: bool = False) -> None:
        self._formats = formats
        self._known: dict[bytes, Any] = {}

    def problems(self, schema: Mapping[str, Any], value: Any) -> list[tuple[str, str]]:
        """Return (JSON pointer, keyword) of what does not fit, at most 1000; raise BadSchema."""
        validator = self._validator(schema)
        try:
            errors = islice(validator.iter_errors(value), _MOST_COUNTED)
            return [(_pointer(error.absolute_path), str(error.validator)) for error in errors]
        except (Unresolvable, RecursionError, ValueError, TypeError) as error:
            raise BadSchema from error

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        try:
            key = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
        except (orjson.JSONEncodeError, RecursionError) as error:
            raise BadSchema from error
        if key not in self._known:
            if len(self._known) >= _MOST_SCHEMAS:
                self._known.clear()
            self._known[key] = _made(schema, formats=self._formats)
        if self._known[key] is None:
            raise BadSchema
        return self._known[key]


def _made(schema: Mapping[str, Any], *, formats: bool) -> Any:
    """Make a validator of the schema's own draft; None: the schema is wrong."""
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        cls.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError, Unresolvable):
        return None
    linear = jsonschema.validators.extend(
        cls, {"pattern": _pattern, "patternProperties": _pattern_properties, **_additional(cls)}
    )
    checker = cls.FORMAT_CHECKER if formats else None
    # A registry without a retriever: what a $ref names must be in the schema itself, or a draft's own.
    return linear(schema, registry=REGISTRY, format_checker=checker)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and compiled(pattern).search(instance) is None:
        yield jsonschema.ValidationError("does not match")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        search = compiled(pattern).search
        for name, value in instance.items():
            if search(name) is not None:
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional(cls: Any) -> dict[str, Any]:
    """Keep `additionalProperties` away from Python's patterns, too."""

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, dict):
            return
        searches = [compiled(pattern).search for pattern in schema.get("patternProperties", ())]
        named = schema.get("properties", {})
        extras = [name for name in instance if name not in named and not any(search(name) for search in searches)]
        if isinstance(allowed, dict):
            for name in extras:
                yield from validator.descend(instance[name], allowed, path=name)
        elif not allowed and extras:
            yield jsonschema.ValidationError("has more properties than allowed")

    return {"additionalProperties": additional}


def _pointer(path: Any) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)[:_POINTER_CHARS]
