"""How are the fields read that tell what a request may cost? What is not known to be harmless has no bound."""

from collections.abc import Collection
from typing import Final, TypeVar

import msgspec

from gateway.core.asked import Asked
from gateway.wire.body import parse, select
from gateway.wire.scan import UNREADABLE

T = TypeVar("T")
_NULL: Final = b"null"
_INLINE_PICTURE: Final = b'"data:image/'


def words(text: str) -> frozenset[str]:
    """Return the words of a text, where a list of names would fill the page."""
    return frozenset(text.split())


def begins(raw: bytes | msgspec.Raw, text: bytes) -> bool:
    """Tell whether a value begins so; the value is not copied."""
    return bytes(memoryview(raw)[: len(text)]) == text


def read_fields(body: bytes, asked: Asked, known: frozenset[str], read: frozenset[str]) -> dict[str, bytes]:
    """Return the members of a body that are read, nulls left out. One that is not `known` may cost what it likes."""
    decoded = parse(body)
    unknown = decoded.keys() - known
    if unknown:
        no_bound(asked, f"nobody here knows what the field '{min(unknown)}' may cost")
    return {name: value for name, value in select(body, decoded, read).items() if value != _NULL}


def no_bound(asked: Asked, why: str) -> None:
    """Note why the request has no bound; the first reason is told."""
    asked.unbounded = asked.unbounded or why


def is_elsewhere(asked: Asked, what: str) -> None:
    """Note that the model reads something which the body does not hold."""
    asked.elsewhere = asked.elsewhere or what


def whole_number(asked: Asked, name: str, raw: bytes | None) -> int | None:
    """Read a whole number; None: it is not there. One that is written oddly may be read as anything."""
    if raw is None:
        return None
    if raw.isdigit() and len(raw) < 16:
        return int(raw)
    no_bound(asked, f"the field '{name}' is not a whole number")
    return None


def at_least_one(number: int | None) -> int:
    """Return a factor."""
    return max(1, number or 1)


def decoded(asked: Asked, decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, name: str) -> T | None:
    """Decode a part of a body; None: it is not shaped as that part is."""
    try:
        return decoder.decode(raw)
    except (*UNREADABLE, msgspec.ValidationError):
        no_bound(asked, f"the field '{name}' is not written as the provider documents it")
        return None


def note_picture(asked: Asked, raw: msgspec.Raw, url: msgspec.Raw) -> None:
    """Count a picture that stands in the body, whose bytes are no text. One behind an address may be anything."""
    if begins(url, _INLINE_PICTURE):
        asked.images += 1
        asked.text_bytes -= memoryview(raw).nbytes
    else:
        is_elsewhere(asked, "a picture behind an address")


def note_type(asked: Asked, kind: object, allowed: Collection[str], what: str) -> bool:
    """Tell whether a typed part is known; what an unknown one stands for is not in the body."""
    if isinstance(kind, str) and kind in allowed:
        return True
    is_elsewhere(asked, f"{what} '{kind}'" if isinstance(kind, str) else what)
    return False
