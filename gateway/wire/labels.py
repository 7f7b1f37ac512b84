"""What does a request say about itself besides whose it is: its tags, and its metadata? docs/sessions.md.

As of claims: what cannot be taken is as if it were not there, and nothing is made up.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from gateway.core.record import Record
from gateway.wire.plain import decoded, header_text, plain

MOST_TAGS: Final = 32
MOST_TAG_CHARS: Final = 64
MOST_PAIRS: Final = 16
MOST_NAME_CHARS: Final = 64
MOST_VALUE_CHARS: Final = 512
_MOST_JSON_BYTES: Final = 16_384

_TAG_HEADERS: Final = (b"x-tollway-tags", b"x-litellm-tags")
# Names and values in one JSON object; the first that says a name counts.
_JSON_HEADERS: Final = (b"x-litellm-spend-logs-metadata", b"x-portkey-metadata")
PROPERTY: Final = b"helicone-property-"
_NAMED_HEADERS: Final = {
    b"helicone-session-path": "session_path",
    b"helicone-session-name": "session_name",
    b"x-portkey-span-id": "span_id",
    b"x-portkey-parent-span-id": "parent_span_id",
}
LABELLING: Final = frozenset((*_TAG_HEADERS, *_JSON_HEADERS, *_NAMED_HEADERS))
# They say whose a request is, or are its tags.
_CLAIMS: Final = frozenset(("_user", "user_id", "session_id", "tags"))

_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def note_labels(record: Record, index: Mapping[bytes, bytes]) -> None:
    """Write the tags and the metadata of a request's head into its record. `index`: lower-cased names."""
    tags = [word for name in _TAG_HEADERS if name in index for word in _words(index[name])]
    if tags:
        record.tags = list(dict.fromkeys(tags))[:MOST_TAGS]
    metadata = _joined({}, _pairs_in_head(index))
    if metadata:
        record.metadata = metadata


def note_body_labels(record: Record, tags: Any, metadata: bytes | None) -> None:
    """Add those of its body. The head's are shared by all requests with that head, so they stay as they are."""
    if tags:
        record.tags = list(dict.fromkeys([*record.tags, *_listed(tags)]))[:MOST_TAGS]
    if metadata is not None and (more := _joined(record.metadata, _members(metadata))):
        record.metadata = more


def _joined(first: dict[str, str], pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    joined = dict(first)
    for name, value in pairs:
        if len(joined) >= MOST_PAIRS:
            break
        joined.setdefault(name, value)
    return joined


def _pairs_in_head(index: Mapping[bytes, bytes]) -> Iterator[tuple[str, str]]:
    yield from _members(index.get(_JSON_HEADERS[0]))
    for header, value in index.items():
        name = _NAMED_HEADERS.get(header)
        if name is None and header.startswith(PROPERTY):
            name = header_text(header[len(PROPERTY) :], MOST_NAME_CHARS)
        said = header_text(value, MOST_VALUE_CHARS)
        if name is not None and said is not None:
            yield name, said
    yield from _members(index.get(_JSON_HEADERS[1]))


def _members(raw: bytes | None) -> Iterator[tuple[str, str]]:
    """Give the members of a JSON object that can be taken: texts, and numbers and truth values as they are written."""
    if raw is None or len(raw) > _MOST_JSON_BYTES:
        return
    for key, value in (decoded(raw, _decode_object) or {}).items():
        name = None if key in _CLAIMS else plain(key, MOST_NAME_CHARS)
        said = plain(_text_of(bytes(value)), MOST_VALUE_CHARS)
        if name is not None and said is not None:
            yield name, said


def _text_of(raw: bytes) -> str | None:
    if raw.startswith(b'"'):
        return decoded(raw, _decode_text)
    return None if raw.startswith((b"{", b"[", b"null")) else raw.decode("ascii", "replace")


def _words(value: bytes) -> list[str]:
    words = (header_text(word.strip(), MOST_TAG_CHARS) for word in value.split(b","))
    return [word for word in words if word]


def _listed(tags: Any) -> list[str]:
    return [tag for each in tags if (tag := plain(each, MOST_TAG_CHARS))] if isinstance(tags, list) else []
