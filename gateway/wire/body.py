"""What does a JSON request body ask for? Reads the few fields that matter and edits them in place, byte for byte.

A body in which one of these fields could be read in two ways is refused: what is checked is what is sent.
"""

import re
from typing import NoReturn

import msgspec

from gateway.core.errors import Refusal
from gateway.wire.scan import UNREADABLE, value_end

READ = frozenset({"model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens", "n"})
READ_OPTIONS = frozenset({"include_usage"})

Span = tuple[int, int]

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_key = msgspec.json.Decoder(str).decode
_TO_VALUE = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*(?:\\.[^"\\]*)*)"[ \t\r\n]*:[ \t\r\n]*')
_to_value = _TO_VALUE.match
_END = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*\Z")
_EMPTY = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\}[ \t\r\n]*\Z")
_INJECTED = b'{"include_usage":true}'


class Fields(msgspec.Struct, kw_only=True):
    """What was read. Spans are byte offsets [start, end) of values in the body."""

    model: str | None = None
    stream: bool = False
    include_usage: bool = False
    max_output_tokens: int | None = None
    n: int | None = None
    model_span: Span | None = None
    options_span: Span | None = None
    include_usage_span: Span | None = None


def read(body: bytes) -> Fields:
    """Read the fields of a request body; raise Refusal("bad_request") where it is not one unambiguous JSON object."""
    values, spans = _members(body, READ)
    fields = Fields()
    for name, value in values.items():
        if name == "model":
            fields.model = _model(value)
            fields.model_span = spans[name]
        elif name == "stream":
            fields.stream = _flag(value, name)
        elif name == "stream_options":
            _read_options(fields, value, spans[name])
        elif name == "n":
            fields.n = _count(value)
        else:
            fields.max_output_tokens = _larger(fields.max_output_tokens, _count(value))
    return fields


def with_model(body: bytes, fields: Fields, new_model: str) -> bytes:
    """Replace the model's name and nothing else."""
    name = msgspec.json.encode(new_model)
    if fields.model_span is None:
        return _insert_first(body, b'"model":' + name)
    start, end = fields.model_span
    return b"".join((body[:start], name, body[end:]))


def with_usage(body: bytes, fields: Fields) -> bytes:
    """Ask for the usage event of a stream, keeping every other byte."""
    if fields.include_usage_span is not None:
        start, end = fields.include_usage_span
        return b"".join((body[:start], b"true", body[end:]))
    if fields.options_span is None:
        return _insert_last(body, b'"stream_options":' + _INJECTED)
    start, end = fields.options_span
    options = body[start:end]
    edited = _INJECTED if options == b"null" else _insert_last(options, _INJECTED[1:-1])
    return b"".join((body[:start], edited, body[end:]))


def _members(body: bytes, wanted: frozenset[str]) -> tuple[dict[str, bytes], dict[str, Span]]:
    """Return the values and spans of the wanted members; refuse one that stands twice or under a look-alike name.

    The decoder keeps only the last of equal keys. Walking the body along the decoded values notices that: a step
    whose bytes differ, or members left over at the end, mean that a key stood twice.
    """
    try:
        decoded = _decode_object(body)
    except UNREADABLE as error:
        _bad(f"The request body is not a JSON object: {error}")
    values: dict[str, bytes] = {}
    spans: dict[str, Span] = {}
    at = 0
    for key, value in decoded.items():
        found = _to_value(body, at)
        raw = bytes(value)
        if found is None or not body.startswith(raw, start := found.end()):
            return _members_with_repeats(body, wanted)
        at = start + len(raw)
        if key in wanted:
            values[key] = raw
            spans[key] = (start, at)
        elif key.casefold() in wanted:
            _bad(f"The field {key!r} looks like {key.casefold()!r}; write it in lower case.", key.casefold())
    if not (_END.match(body, at) or (at == 0 and _EMPTY.match(body))):
        return _members_with_repeats(body, wanted)
    return values, spans


def _members_with_repeats(body: bytes, wanted: frozenset[str]) -> tuple[dict[str, bytes], dict[str, Span]]:
    """Do the same for a valid object in which some key stands twice: only those that we do not read may."""
    values: dict[str, bytes] = {}
    spans: dict[str, Span] = {}
    at = 0
    while found := _to_value(body, at):
        start = found.end()
        behind = value_end(body, start)
        if behind is None:
            _bad("The request body is not one JSON object.")
        at = start + len(body[start:behind].rstrip(b" \t\r\n"))
        key = _decode_key(b'"%b"' % found[1])
        folded = key.casefold()
        if folded not in wanted:
            continue
        if folded in values or key != folded:
            _bad(f"The field {folded!r} stands twice in the request body, or under two spellings.", folded)
        values[key] = body[start:at]
        spans[key] = (start, at)
    if not (_END.match(body, at) or _EMPTY.match(body)):
        _bad("The request body is not one JSON object.")
    return values, spans


def _read_options(fields: Fields, options: bytes, span: Span) -> None:
    fields.options_span = span
    if options == b"null":
        return
    if not options.startswith(b"{"):
        _bad("The field 'stream_options' must be an object.", "stream_options")
    values, spans = _members(options, READ_OPTIONS)
    fields.include_usage = _flag(values.get("include_usage"), "stream_options.include_usage")
    if "include_usage" in spans:
        start, end = spans["include_usage"]
        fields.include_usage_span = (span[0] + start, span[0] + end)


def _model(raw: bytes | None) -> str | None:
    if raw is None or raw == b"null":
        return None
    if not raw.startswith(b'"'):
        _bad("The field 'model' must be a string.", "model")
    try:
        return _decode_key(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _bad(f"The field 'model' is not a valid string: {error}", "model")


def _flag(raw: bytes | None, name: str) -> bool:
    if raw is None or raw in (b"false", b"null"):
        return False
    if raw != b"true":
        _bad(f"The field {name!r} must be true or false.", name)
    return True


def _count(raw: bytes | None) -> int | None:
    """Read a whole number; what is not one is the provider's to judge."""
    return int(raw) if raw is not None and raw.isdigit() and len(raw) < 16 else None


def _larger(one: int | None, other: int | None) -> int | None:
    return other if one is None or (other is not None and other > one) else one


def _insert_first(text: bytes, member: bytes) -> bytes:
    start = text.index(b"{") + 1
    comma = b"" if _EMPTY.match(text) else b","
    return b"".join((text[:start], member, comma, text[start:]))


def _insert_last(text: bytes, member: bytes) -> bytes:
    end = text.rindex(b"}")
    comma = b"" if _EMPTY.match(text) else b","
    return b"".join((text[:end], comma, member, text[end:]))


def _bad(message: str, param: str | None = None) -> NoReturn:
    raise Refusal("bad_request", message, param=param)
