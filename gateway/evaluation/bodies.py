"""From the stretches of a body that were kept to its JSON: decoded, a stream as its events."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from gateway.evaluation.normal.shape import Document
from gateway.wire.decode import Decoder
from gateway.wire.scan import UNREADABLE
from gateway.wire.sse import Splitter, payload
from gateway.wire.transcript import is_stream

_decode: Final = msgspec.json.Decoder().decode
_BOM: Final = b"\xef\xbb\xbf"
# What ends an OpenAI stream, said as Ollama says it.
_DONE: Final[Document] = {"done": True}
_SURROGATE: Final = re.compile(
    rb"(\\\\)|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class Body(NamedTuple):
    """A body as it was kept. `is_whole`: nothing of it was cut."""

    data: bytes
    is_whole: bool


def body_of(stretches: list[tuple[int, bytes]], length: int, encoding: str | None) -> Body:
    """Put the stretches together and undo a content-encoding. What lies behind a gap of a coded body is lost."""
    if len(stretches) == 1 and stretches[0][0] == 0:
        data, is_whole = stretches[0][1], len(stretches[0][1]) >= length
    else:
        data, is_whole = _joined(stretches, length, encoding)
    if encoding is None or not data:
        return Body(data, is_whole)
    decode = Decoder(encoding.encode())
    decoded = decode(data)
    return Body(decoded, is_whole and not decode.blind) if decoded or not decode.blind else Body(data, is_whole)


def document(data: bytes) -> Any:
    """Read a whole JSON document; None: it is none."""
    try:
        return _decode(data)
    except UNREADABLE:
        return _repaired(data)


def events(data: bytes) -> Iterator[Document] | None:
    """Give the documents of a stream: of events, of lines, or a JSON array of chunks. None: it is one document."""
    if is_stream(data):
        return _events(data)
    start = data.lstrip()[:1]
    if start == b"[":
        chunks = document(data)
        return (each for each in chunks if isinstance(each, dict)) if isinstance(chunks, list) else None
    lines = data.strip().split(b"\n") if start == b"{" else []
    if len(lines) > 1 and isinstance(_line(lines[0]), dict):
        return (found for line in lines if isinstance(found := _line(line), dict))
    return None


def _joined(stretches: list[tuple[int, bytes]], length: int, encoding: str | None) -> tuple[bytes, bool]:
    at = 0
    parts: list[bytes] = []
    is_whole = True
    for offset, data in stretches:
        if offset > at:
            is_whole = False
            if encoding is not None:
                break
            # So that what is left of an event before the gap does not run into what is left of one behind it.
            parts.append(b"\n\n")
        parts.append(data)
        at = offset + len(data)
    return b"".join(parts), is_whole and at >= length


def _events(data: bytes) -> Iterator[Document]:
    splitter = Splitter()
    for event in [*splitter.feed(data), splitter.rest()]:
        told = payload(event)
        if told.startswith(b"[DONE]"):
            yield _DONE
        elif told and isinstance(found := document(told), dict):
            yield found


def _line(line: bytes) -> Any:
    try:
        return _decode(line)
    except UNREADABLE:
        return None


def _repaired(data: bytes) -> Any:
    """Read what is JSON but for halves of surrogate pairs, bytes that are no UTF-8, or a mark before it."""
    whole = data.removeprefix(_BOM).decode("utf-8", "replace").encode()
    whole = _SURROGATE.sub(lambda found: rb"\ufffd" if found[2] else found[0], whole)
    if whole == data:
        return None
    try:
        return _decode(whole)
    except UNREADABLE:
        return None
