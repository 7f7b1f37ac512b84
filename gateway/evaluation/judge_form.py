"""Which forms may a verdict be given? Plain ones: it is compared with them where no plugin's limits hold."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from gateway.wire.scan import UNREADABLE

FORM_BYTES: Final = 64 << 10
# What would have something fetched, go round in circles, or take for ever.
_NEVER: Final = ("$ref", "$dynamicRef", "$recursiveRef", "pattern", "patternProperties", "uniqueItems")
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class BadForm(Exception):
    """What is wrong with a form, for the plugin's author."""


def form_of(schema: bytes) -> dict[str, Any]:
    """Read a plugin's schema; raise BadForm for one that is none, or not plain."""
    if len(schema) > FORM_BYTES:
        raise BadForm(f"it has {len(schema)} bytes; at most {FORM_BYTES} are taken")
    try:
        form = _decode(schema)
        for name in _NEVER:
            if any(_has(each, name) for each in _objects(form)):
                raise BadForm(f"a judge's form must do without {name}")
        Draft202012Validator.check_schema(form)
    except SchemaError as error:
        raise BadForm(error.message) from None
    except UNREADABLE as error:
        raise BadForm(str(error)) from None
    return form


def _has(schema: dict[str, Any], keyword: str) -> bool:
    """A property may be called like a keyword: then a schema stands there, which no keyword but one has."""
    return keyword in schema and (keyword == "patternProperties" or not isinstance(schema[keyword], dict))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)
