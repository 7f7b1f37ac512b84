"""Can a text from outside be taken as it is: printable, and no longer than is kept of its kind? It is never cut."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from gateway.wire.scan import UNREADABLE

T = TypeVar("T")

MOST_CHARS: Final = 256
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]+\Z")


def plain(value: Any, most: int = MOST_CHARS) -> str | None:
    """Take a text of a body, in which Unicode may stand."""
    return value if isinstance(value, str) and 0 < len(value) <= most and value.isprintable() else None


def header_text(value: bytes | None, most: int = MOST_CHARS) -> str | None:
    """Take the value of a header, in which other signs than ASCII have no agreed meaning."""
    return value.decode("ascii") if value is not None and len(value) <= most and _PRINTABLE.match(value) else None


def decoded(raw: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    """Read JSON; what is not shaped as it should be says nothing."""
    if raw is None:
        return None
    try:
        return decode(raw)
    except UNREADABLE:
        return None
