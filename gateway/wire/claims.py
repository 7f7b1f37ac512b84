"""Who a request says it is for: user, session, agent and tags, as the caller claims them."""

import re
from collections.abc import Mapping

from gateway.core.record import Record

_MAX_TAGS = 32
_MAX_TAG_CHARS = 64
_PRINTABLE = re.compile(rb"[\x20-\x7e]{1,256}\Z")
# W3C trace context: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")


def note_claims(record: Record, index: Mapping[bytes, bytes]) -> None:
    """Write a request's claims into its record. What is not printable or too long is ignored, never cut."""
    record.client = _text(index.get(b"user-agent"))
    trace = index.get(b"traceparent")
    if trace is not None and (match := _TRACEPARENT.match(trace)):
        record.trace_id = match[1].decode()
    if b"x-tollway-session" in index:
        record.session = _text(index[b"x-tollway-session"])
    if b"x-tollway-user" in index:
        record.user = _text(index[b"x-tollway-user"])
    if b"x-tollway-agent" in index:
        record.agent = _text(index[b"x-tollway-agent"])
    if b"x-tollway-tags" in index:
        record.tags = _tags(index[b"x-tollway-tags"])


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and _PRINTABLE.match(value) else None


def _tags(value: bytes) -> list[str]:
    words = (_text(word.strip()) for word in value.split(b","))
    return [word for word in words if word and len(word) <= _MAX_TAG_CHARS][:_MAX_TAGS]
