"""From the stretches of a body that were kept to its JSON: decoded, a stream as its events."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from gateway.evaluation.cut_json import closed
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
    """A body as it was kept. `is_whole`: nothing of it was cut; `head_bytes`: how much stands before the first gap."""

    data: bytes
    is_whole: bool
    head_bytes: int


def body_of(stretches: list[tuple[int, bytes]], length: int, encoding: str | None) -> Body:
    """Put the stretches together and undo a content-encoding. What lies behind a gap of a coded body is lost."""
    if len(stretches) == 1 and stretches[0][0] == 0:
        data = stretches[0][1]
        body = Body(data, len(data) >= length, len(data))
    else:
        body = _joined(stretches, length, encoding)
    if encoding is None or not body.data:
        return body
    decode = Decoder(encoding.encode())
    decoded = decode(body.data)
    if decode.blind and not decoded:
        return body
    return Body(decoded, body.is_whole and not decode.blind, len(decoded))


def document(data: bytes) -> Any:
    """Read a whole JSON document; None: it is none."""
    try:
        return _decode(data)
    except UNREADABLE:
        return _repaired(data)


def beginning(body: Body) -> Any:
    """Read a document, or of one that was cut what stands before the cut."""
    found = document(body.data)
    return closed(body.data[: body.head_bytes]) if found is None and not body.is_whole else found


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


def _joined(stretches: list[tuple[int, bytes]], length: int, encoding: str | None) -> Body:
    at = 0
    parts: list[bytes] = []
    head_bytes = None
    for offset, data in stretches:
        if offset > at:
            head_bytes = head_bytes if head_bytes is not None else sum(map(len, parts))
            if encoding is not None:
                break
            # So that what is left of an event before the gap does not run into what is left of one behind it.
            parts.append(b"\n\n")
        parts.append(data)
        at = offset + len(data)
    whole = b"".join(parts)
    return Body(whole, head_bytes is None and at >= length, len(whole) if head_bytes is None else head_bytes)


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
