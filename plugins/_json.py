"""What does a text say as JSON, read strictly? And the one form in which equal values are equal texts."""

import json  # noqa: TID251 - the only reader here that tells duplicate keys and NaN apart from their absence
from collections.abc import Sequence
from typing import Any, Final

import orjson

SPACE: Final = " \t\r\n\ufeff"  # what may stand around a document, and a byte order mark


class NotJson(Exception):
    """Why a text is no JSON, in one word."""


class _Broken(ValueError):
    """A document that is grammatical, and still not to be relied on."""


def _object(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise _Broken("duplicate_keys")
    return found


def _constant(_name: str) -> Any:
    raise _Broken("not_a_number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def read(text: str) -> Any:
    """Return the value of a document; raise NotJson: unparsable, duplicate_keys, not_a_number or too_deep."""
    try:
        return _DECODER.decode(text.strip(SPACE))
    except _Broken as broken:
        raise NotJson(str(broken)) from None
    except RecursionError:
        raise NotJson("too_deep") from None
    except ValueError:
        raise NotJson("unparsable") from None


def first_object(text: str) -> Any:
    """Return the object that begins at the first brace, whatever follows it; raise NotJson."""
    try:
        return _DECODER.raw_decode(text, text.index("{"))[0]
    except (ValueError, RecursionError):
        raise NotJson("unparsable") from None


def canonical(arguments: str) -> str:
    """Return arguments of a tool with sorted keys and without spaces; what is no JSON stays as it is."""
    try:
        return orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS).decode()
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return arguments.strip()


def equal(one: Any, other: Any) -> bool:
    """Compare two JSON values: 1 equals 1.0, and True is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
