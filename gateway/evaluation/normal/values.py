"""How is a provider's JSON read without trusting it? What is not of the expected type is as if it were not there."""

from typing import Any

import msgspec

from gateway.evaluation.normal.shape import Document

_encode = msgspec.json.Encoder().encode
_DEPTH = 8  # of texts in parts in parts


def dicts(value: Any) -> list[Document]:
    """Return the objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def members(value: Any) -> Document:
    """Return an object's members."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Return a text."""
    return value if isinstance(value, str) else ""


def first(found: Document, *names: str) -> Any:
    """Return the first of these members that says something."""
    for name in names:
        value = found.get(name)
        if value is not None and value != "":
            return value
    return None


def whole(value: Any) -> int | None:
    """Return a whole number that can be a limit."""
    return value if type(value) is int and value > 0 else None


def words(value: Any, depth: int = _DEPTH) -> str:
    """Return the words of a text, of a part, or of a list of parts, one under the other."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, dict):
        return words(first(value, "text", "parts", "content", "thinking"), depth - 1)
    if depth and isinstance(value, list):
        return "\n".join(filter(None, (words(each, depth - 1) for each in value)))
    return ""


def as_json(value: Any) -> str:
    """Write a value as JSON; a text that stands for JSON already stays as it is."""
    return value if isinstance(value, str) else _encode(value).decode()


def schema(value: Any) -> Document | None:
    """Return a JSON schema; `true` is one, too, and says nothing."""
    return value if isinstance(value, dict) else None


def encoded_bytes(value: Any) -> int:
    """Tell how many bytes a base64 text or a data URL stands for; 0: it only refers to them."""
    if not isinstance(value, str) or value.startswith(("http:", "https:", "gs:", "file")):
        return 0
    coded = value.partition(",")[2] if value.startswith("data:") else value
    return len(coded.rstrip("=")) * 3 // 4
