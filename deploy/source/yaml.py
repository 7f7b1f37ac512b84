"""How do tables become YAML that people like to read? Text is quoted only where it must be."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_PLAIN = re.compile(r"[A-Za-z/_.$][\w /.:+-]*")
# What YAML would read as something else than text, or as a table.
_NOT_TEXT = re.compile(r"(?i)(true|false|yes|no|on|off|null|~|\.nan|\.inf)|.*: .*|.*:|.* ")


def dumped(value: Any, comment: str = "") -> str:
    """Write a document, with a comment above it."""
    head = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*head, *_lines(value), ""])


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _entry(f"{_scalar(name)}:", inner, "  ")
    else:
        for inner in value:
            yield from _entry("-", inner, "  ")


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """Write one entry of a table or list; a table in a list begins on the list's own line."""
    if isinstance(value, Mapping | list | tuple) and value:
        inner = _lines(value)
        if head == "-":
            yield f"- {next(inner)}"
        else:
            yield head
        yield from (indent + line if line else "" for line in inner)
    elif isinstance(value, str) and "\n" in value:
        yield f"{head} |-"
        yield from (indent + line if line else "" for line in value.split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return value
    if isinstance(value, str) and '"' in value:
        return "'" + value.replace("'", "''") + "'"
    return orjson.dumps(value).decode()
