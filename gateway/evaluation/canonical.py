"""Which bytes stand for a JSON value, so that equal values have equal hashes?"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_DEPTH: Final = 200


class NotJson(ValueError):
    """A value that JSON cannot hold; the message says which."""


def canonical(value: Any) -> bytes:
    """Write JSON with sorted names and without spaces. 2 and 2.0 differ; what is not finite, or no JSON, is NotJson."""
    try:
        return _encode(_checked(value, _DEPTH))
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise NotJson(str(error)) from None


def _checked(value: Any, depth: int) -> Any:
    """Return a value that only has what JSON has."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"{value} is no JSON number")
        return value
    if not depth:
        raise NotJson(f"nested deeper than {_DEPTH}")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise NotJson("the names of an object are texts")
        return {name: _checked(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(inner, depth - 1) for inner in value]
    raise NotJson(f"{type(value).__name__} is no JSON")
