"""Where in a JSON answer does the usage stand? Read whole, or from the ends of one that is too long to keep."""

import re
from typing import Final

import msgspec

from gateway.wire.scan import UNREADABLE, value_end
from gateway.wire.shapes import Answer, ToldAnswer

NESTED_MOST: Final = 16  # how many look-alikes of the usage member are tried, from the end

_decode_told: Final = msgspec.json.Decoder(ToldAnswer).decode
_decode_answer: Final = msgspec.json.Decoder(Answer).decode
_to_value = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*").match
_BOM: Final = b"\xef\xbb\xbf"


def parse(body: bytes) -> Answer | None:
    """Read a whole document; of a list, the last one (Google's errors come in a list of one)."""
    try:
        return _decode_told(body)
    except UNREADABLE:
        pass  # what tells how it ended may stand there in another shape, the usage all the same
    try:
        return _decode_answer(body)
    except UNREADABLE:
        rest = body.removeprefix(_BOM).lstrip()
    try:
        if rest.startswith(b"["):
            return msgspec.json.decode(rest, type=list[Answer])[-1]
        return _decode_answer(rest) if len(rest) < len(body) else None
    except (*UNREADABLE, IndexError):
        return None


def parse_ends(head: bytes, tail: bytes, key: bytes) -> Answer | None:
    """Read a long document whose usage stands at its end or, before what makes it long, at its beginning."""
    answer = _parse_tail(tail, key) or _parse_head(head.removeprefix(_BOM), key)
    if answer is not None:
        # What stands on the far side of `key` is in the head, or near it in the tail.
        answer.model = (
            answer.model or _string_behind(head.partition(b'"model"')) or _string_behind(tail.rpartition(b'"model"'))
        )
        answer.service_tier = answer.service_tier or _string_behind(tail.rpartition(b'"service_tier"'))
    return answer


def parse_far_ends(head: bytes, tail: bytes, key: bytes) -> Answer | None:
    """Read a document of which no more is kept than its ends: with its id, and why the model stopped, if they do."""
    answer = parse_ends(head, tail, key)
    if answer is not None:
        answer.id = answer.id or _string_behind(head.partition(b'"id"'))
        for name in (b'"finish_reason"', b'"finishReason"', b'"stop_reason"'):
            answer.finish_reason = answer.finish_reason or _string_behind(tail.rpartition(name))
    return answer


def _parse_tail(tail: bytes, key: bytes) -> Answer | None:
    """Read from `key` on: what stands behind it must be the rest of one object, or it is nested."""
    at = len(tail)
    for _ in range(NESTED_MOST):
        at = tail.rfind(key, 0, at)
        if at < 0:
            return None
        try:
            return _decode_answer(b"{" + tail[at:])
        except UNREADABLE:
            continue
    return None


def _parse_head(head: bytes, key: bytes) -> Answer | None:
    """Read up to the value of `key`: what stands before it must be the beginning of one object, or it is nested."""
    behind = 0
    for _ in range(NESTED_MOST):
        at = head.find(key, behind)
        if at < 0:
            return None
        behind = at + len(key)
        value = _to_value(head, behind)
        end = value_end(head, value.end()) if value else None
        try:
            if end is not None:
                return _decode_answer(head[:end] + b"}")
        except UNREADABLE:
            continue
    return None


def _string_behind(parted: tuple[bytes, bytes, bytes]) -> str | None:
    """Return the string that follows a key in raw JSON."""
    _, found, rest = parted
    parts = rest.split(b'"', 2)
    if not found or len(parts) < 3 or parts[0].strip() != b":":
        return None
    return parts[1].decode("utf-8", "replace")
