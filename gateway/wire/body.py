"""What does a JSON request body ask for? Reads the few fields that matter and edits them in place, byte for byte.

A body in which one of these fields could be read in two ways is refused: what is checked is what is sent.
"""

import re
from collections.abc import Iterator
from typing import Final, NoReturn

import msgspec

from gateway.core.errors import Refusal
from gateway.wire.scan import UNREADABLE, value_end
from gateway.wire.shapes import Fields

READ: Final = frozenset(
    {"model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens", "n"}
)
# In which a body may say whom it is for: claims, which nobody checks. Of one that stands twice the last counts.
CLAIMING: Final = frozenset(
    (
        *("user", "safety_identifier", "metadata", "prompt_cache_key", "client_metadata", "conversation"),
        *("litellm_session_id", "litellm_metadata"),
    )
)
# A longer one is none: nothing that counts is.
LONGEST_CLAIM: Final = 16_384
READ_OPTIONS: Final = frozenset({"include_usage"})

Span = tuple[int, int]

_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.Encoder().encode
_to_value = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*(?:\\.[^"\\]*)*)"[ \t\r\n]*:[ \t\r\n]*').match
_is_empty = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\}[ \t\r\n]*\Z").match
_INJECTED = b'{"include_usage":true}'


def read(body: bytes) -> Fields:
    """Read the fields of a request body; raise Refusal("bad_request") where it is not one unambiguous JSON object."""
    fields = Fields()
    decoded = parse(body)
    for name, value in select(body, decoded, READ).items():
        if name == "model":
            fields.model = _model(value)
        elif name == "stream":
            fields.stream = _flag(value, name)
        elif name == "stream_options":
            fields.options = value
            fields.include_usage = _read_options(value)
        elif name == "n":
            fields.n = _count(value)
        else:
            fields.max_output_tokens = _larger(fields.max_output_tokens, _count(value))
    if not CLAIMING.isdisjoint(decoded):
        fields.claims = _claims(decoded)
    return fields


def with_model(body: bytes, new_model: str) -> bytes:
    """Replace the model's name and nothing else."""
    name = _encode(new_model)
    span = _span(body, "model")
    if span is None:
        return _insert_first(body, b'"model":' + name)
    start, end = span
    return b"".join((body[:start], name, body[end:]))


def with_usage(body: bytes, options: bytes | None) -> bytes:
    """Ask for the usage event of a stream, keeping every other byte. `options`: as read."""
    if options is None:
        return insert_last(body, b'"stream_options":' + _INJECTED)
    span = _span(body, "stream_options")
    start, end = span if span is not None else (0, 0)
    inner = None if options == b"null" else _span(options, "include_usage")
    if inner is not None:
        edited = b"".join((options[: inner[0]], b"true", options[inner[1] :]))
    else:
        edited = _INJECTED if options == b"null" else insert_last(options, _INJECTED[1:-1])
    return b"".join((body[:start], edited, body[end:]))


def _members(body: bytes, wanted: frozenset[str]) -> dict[str, bytes]:
    """Return the raw values of the wanted members; refuse one that stands twice or under a look-alike name."""
    return select(body, parse(body), wanted)


def parse(body: bytes) -> dict[str, msgspec.Raw]:
    """Return all members of a JSON object by name, undecoded; refuse what is none."""
    try:
        return _decode_object(body)
    except UNREADABLE as error:
        _bad(f"The request body is not a JSON object: {error}")


def select(body: bytes, decoded: dict[str, msgspec.Raw], wanted: frozenset[str]) -> dict[str, bytes]:
    """Return the wanted of a body's members, sure of what they say; refuse one that could be read in two ways."""
    if not _is_plain(body, decoded):
        _refuse_repeats(body, wanted)
    found: dict[str, bytes] = {}
    for key, value in decoded.items():
        if key in wanted:
            found[key] = _encode(value)  # quicker than bytes()
        elif (folded := key.casefold()) in wanted:
            _bad(f"The field {key!r} looks like {folded!r}; write it in lower case.", folded)
    return found


def _claims(decoded: dict[str, msgspec.Raw]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in CLAIMING:
        value = decoded.get(name)
        if value is not None and memoryview(value).nbytes <= LONGEST_CLAIM:
            found[name] = bytes(value)
    return found


def _is_plain(body: bytes, decoded: dict[str, msgspec.Raw]) -> bool:
    """Whether the members stand as the usual encoders write them: then no key stands twice.

    The decoder keeps only the last of equal keys. A body that is as short as its members can be written holds nothing
    else, and neither does one that equals them written with a blank behind each comma and colon.
    """
    if len(_encode(decoded)) == len(body):
        return True
    spaced: list[bytes] = [b"{"]
    for key, value in decoded.items():
        spaced += (_encode(key), b": ", value, b", ")
    spaced[-1] = b"}"  # behind the last member; an empty object is as short as can be, unless it holds blanks
    return b"".join(spaced) == body


def _refuse_repeats(body: bytes, wanted: frozenset[str]) -> None:
    """Walk a valid object, however it is spelled: of its keys only those that we do not read may stand twice."""
    seen: set[str] = set()
    for key, _ in walk(body):
        name = key if key in wanted else key.casefold()
        if name in wanted and (name in seen or key != name):
            _bad(f"The field {name!r} stands twice in the request body, or under two spellings.", name)
        seen.add(name)


def _span(body: bytes, name: str) -> Span | None:
    """Find where a member's value stands in a valid object."""
    return next((span for key, span in walk(body) if key == name), None)


def walk(body: bytes) -> Iterator[tuple[str, Span]]:
    """Give the key and the place of the value of each member of a valid object, repeats included."""
    at = 0
    while found := _to_value(body, at):
        start = found.end()
        behind = value_end(body, start)
        if behind is None:
            _bad("The request body is not one JSON object.")
        at = start + len(body[start:behind].rstrip(b" \t\r\n"))
        yield _decode_text(b'"%b"' % found[1]), (start, at)


def _read_options(options: bytes) -> bool:
    if options == b"null":
        return False
    if not options.startswith(b"{"):
        _bad("The field 'stream_options' must be an object.", "stream_options")
    return _flag(_members(options, READ_OPTIONS).get("include_usage"), "stream_options.include_usage")


def _model(raw: bytes | None) -> str | None:
    if raw is None or raw == b"null":
        return None
    if not raw.startswith(b'"'):
        _bad("The field 'model' must be a string.", "model")
    try:
        return _decode_text(raw)
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
    comma = b"" if _is_empty(text) else b","
    return b"".join((text[:start], member, comma, text[start:]))


def insert_last(text: bytes, member: bytes) -> bytes:
    """Put a member behind the last one of a valid object."""
    end = text.rindex(b"}")
    comma = b"" if _is_empty(text) else b","
    return b"".join((text[:end], comma, member, text[end:]))


def _bad(message: str, param: str | None = None) -> NoReturn:
    raise Refusal("bad_request", message, param=param)
