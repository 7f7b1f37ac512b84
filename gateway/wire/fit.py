"""How is the maximum of output tokens lowered in a request body, or put in? Byte for byte nothing else is changed."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.wire.body import insert_last, walk


class _Maximum(NamedTuple):
    """The names under which a maximum may stand, the one to put it in by first, and those of the object around it."""

    names: tuple[str, ...]
    around: tuple[str, ...] = ()


_CHAT: Final = _Maximum(("max_tokens", "max_completion_tokens"))
_RESPONSES: Final = _Maximum(("max_output_tokens",))
_MAXIMA: Final[Mapping[tuple[str, str], _Maximum]] = {
    ("openai", "chat"): _CHAT,
    ("openai", "text_completion"): _Maximum(("max_tokens",)),
    ("openai", "responses"): _RESPONSES,
    ("anthropic", "messages"): _Maximum(("max_tokens",)),
    ("gemini", "generate_content"): _Maximum(
        ("maxOutputTokens", "max_output_tokens"), ("generationConfig", "generation_config")
    ),
    # Behind /v1beta/openai Google speaks the other dialect.
    ("gemini", "chat"): _CHAT,
    ("gemini", "responses"): _RESPONSES,
}
# OpenAI's models that think refuse `max_tokens`. Of other servers that speak its dialect some do not know the newer
# name, and what they do not know they ignore: then nothing would bound the answer.
_NEWER: Final = _Maximum(("max_completion_tokens", "max_tokens"))
_THINKS: Final = re.compile(r"(?:.*/)?(?:gpt-(?:[5-9]|\d\d)|o\d|codex-|chatgpt-)")
_NOTHING: Final = (b"null", b"0")


def with_max_output(dialect: str, endpoint: str, model: str | None, body: bytes, most: int) -> bytes | None:
    """Hold an answer to `most` tokens: lower every maximum that is larger, put one in where there is none.

    `model`: as the provider is asked for it. `body`: one whose fields could be read (`read_asked`). None: no call of
    this kind has a maximum.
    """
    maximum = _MAXIMA.get((dialect, endpoint))
    if maximum is None:
        return None
    if maximum is _CHAT and model is not None and _THINKS.match(model.lower()):
        maximum = _NEWER
    if not maximum.around:
        return _with_number(body, maximum.names, most)
    return _with_inner(body, maximum, most)


def _with_inner(body: bytes, maximum: _Maximum, most: int) -> bytes:
    """Do it in an object inside the body, which may be missing."""
    found = next((span for key, span in walk(body) if key in maximum.around), None)
    if found is None:
        inner = _with_number(b"{}", maximum.names, most)
        return insert_last(body, b'"%b":%b' % (maximum.around[0].encode(), inner))
    start, end = found
    inner = body[start:end]
    edited = _with_number(b"{}" if inner == b"null" else inner, maximum.names, most)
    return b"".join((body[:start], edited, body[end:]))


def _with_number(text: bytes, names: tuple[str, ...], most: int) -> bytes:
    """Edit the numbers of these names in a valid object; where none of them says anything, let one say it."""
    number = b"%d" % most
    edits: list[tuple[int, int]] = []
    empty: dict[str, tuple[int, int]] = {}  # what stands there and says nothing
    bounded = False
    for key, (start, end) in walk(text):
        if key not in names:
            continue
        value = text[start:end]
        if value in _NOTHING:
            empty[key] = (start, end)
            continue
        bounded = True
        if not (value.isdigit() and len(value) < 16 and int(value) <= most):
            edits.append((start, end))
    if not bounded:
        if names[0] not in empty:
            return insert_last(text, b'"%b":%b' % (names[0].encode(), number))
        edits.append(empty[names[0]])
    pieces: list[bytes] = []
    at = 0
    for start, end in edits:
        pieces += (text[at:start], number)
        at = end
    return b"".join((*pieces, text[at:]))
