"""Who a request says it is for: user, session, agent and tags, as the caller claims them. docs/sessions.md.

Of several sources the first counts whose value can be taken. What is not printable, or too long, is as if it were not
there; it is never cut to something else. Nothing is made up, and nothing is kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from gateway.core.record import Record
from gateway.wire.clients import client_of
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Conversation, Fields, Metadata, PortkeyMetadata, UserParts

T = TypeVar("T")

_MAX_TAGS: Final = 32
_MAX_TAG_CHARS: Final = 64
_MAX_CHARS: Final = 256
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]{1,256}\Z")
# W3C trace context: version, trace id, parent id, flags.
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")
# W3C baggage: no more is looked at.
_MAX_BAGGAGE_BYTES: Final = 8_192

_SESSION_HEADERS: Final = (
    b"x-tollway-session",
    b"x-litellm-session-id",
    b"x-litellm-trace-id",
    b"helicone-session-id",
    b"x-claude-code-session-id",
)
_CODEX_SESSION_HEADERS: Final = (b"session-id", b"session_id", b"thread-id", b"conversation_id")
_VENDOR_SESSION: Final = b"-session-id"  # x-VENDOR-session-id, whoever that is
_LAST_SESSION_HEADERS: Final = (b"x-session-id", b"x-portkey-trace-id")
_USER_HEADERS: Final = (b"x-tollway-user", b"x-litellm-customer-id", b"x-litellm-end-user-id", b"helicone-user-id")
_PORTKEY: Final = b"x-portkey-metadata"
_LAST_USER_HEADERS: Final = (b"x-openwebui-user-id", b"x-openwebui-user-email")
_AGENT_HEADERS: Final = (b"x-tollway-agent", b"x-claude-code-agent-id")
_CODEX_AGENT_HEADERS: Final = (b"x-openai-subagent", b"originator")
_TAG_HEADERS: Final = (b"x-tollway-tags", b"x-litellm-tags")
_CLAIMING: Final = frozenset(
    (
        *(*_SESSION_HEADERS, *_CODEX_SESSION_HEADERS, *_LAST_SESSION_HEADERS),
        *(*_USER_HEADERS, _PORTKEY, *_LAST_USER_HEADERS),
        *(*_AGENT_HEADERS, *_CODEX_AGENT_HEADERS, *_TAG_HEADERS, b"baggage"),
    )
)

# How Claude Code writes its user before version 2.1.78; later it is an object in a text.
_CLAUDE_CODE_USER: Final = re.compile(r"user_([0-9a-fA-F]*)_account_([0-9a-fA-F-]*)_session_([0-9a-fA-F-]+)\Z")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")

_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode
_decode_portkey: Final = msgspec.json.Decoder(PortkeyMetadata).decode
_decode_user: Final = msgspec.json.Decoder(UserParts).decode
_decode_conversation: Final = msgspec.json.Decoder(str | Conversation).decode
_NO_METADATA: Final = Metadata()
_NOBODY: Final = UserParts()


def note_claims(record: Record, index: Mapping[bytes, bytes]) -> None:
    """Write what a request's head claims into its record. `index`: lower-cased names."""
    record.client = _text(index.get(b"user-agent"))
    trace = index.get(b"traceparent")
    if trace is not None and (match := _TRACEPARENT.match(trace)):
        record.trace_id = match[1].decode()
    if _CLAIMING.isdisjoint(index) and b"\n".join(index).find(_VENDOR_SESSION) < 0:
        return
    codex = _is_codex(record)
    record.session = next(_sessions(index, codex=codex), None)
    record.user = next(_users(index), None)
    agent_headers = _AGENT_HEADERS + _CODEX_AGENT_HEADERS if codex else _AGENT_HEADERS
    record.agent = next(_texts(index, agent_headers), None)
    tags = [word for name in _TAG_HEADERS if name in index for word in _words(index[name])]
    if tags:
        record.tags = list(dict.fromkeys(tags))[:_MAX_TAGS]


def note_body_claims(record: Record, fields: Fields) -> None:
    """Add what a request's body claims, where its head claimed nothing. `fields`: as read from the body."""
    if not fields.claims:
        return
    said = _Said(fields.claims)
    if record.session is None:
        record.session = next(said.sessions(record), None)
    if record.user is None:
        record.user = next(said.users(), None)
    if said.metadata.tags:
        # The head's list is shared by all requests with that head.
        record.tags = list(dict.fromkeys([*record.tags, *_listed(said.metadata.tags)]))[:_MAX_TAGS]


class _Said:
    """The claims of one body, in the order in which they count."""

    __slots__ = ("_claims", "_user", "metadata")

    def __init__(self, claims: Mapping[str, bytes]) -> None:
        self._claims = claims
        self.metadata = _member(claims, "metadata", _decode_metadata) or _NO_METADATA
        self._user = _user_parts(self.metadata.user_id)

    def sessions(self, record: Record) -> Iterator[str]:
        """Give every session that the body names."""
        claims = self._claims
        yield from _printable(self.metadata.session_id)
        yield from _printable(_member(claims, "litellm_session_id", _decode_text))
        yield from _printable((_member(claims, "litellm_metadata", _decode_metadata) or _NO_METADATA).session_id)
        yield from _printable(self._user.session_id)
        if ("client_metadata" in claims or "prompt_cache_key" in claims) and _is_codex(record):
            yield from _printable((_member(claims, "client_metadata", _decode_metadata) or _NO_METADATA).session_id)
            # Of other clients it is a hint for the provider's cache that many users share.
            key = _member(claims, "prompt_cache_key", _decode_text)
            if key is not None and _UUID.match(key):
                yield key
        if record.endpoint == "responses":
            conversation = _member(claims, "conversation", _decode_conversation)
            yield from _printable(conversation.id if isinstance(conversation, Conversation) else conversation)

    def users(self) -> Iterator[str]:
        """Give every user that the body names."""
        yield from _printable(_member(self._claims, "safety_identifier", _decode_text))
        yield from _printable(_member(self._claims, "user", _decode_text))
        yield from _printable(self._user.account_uuid)
        yield from _printable(self._user.device_id)


def _is_codex(record: Record) -> bool:
    return client_of(record.client) == "codex"


def _user_parts(user_id: object) -> UserParts:
    """Take the user of Anthropic's metadata apart, where it is one of Claude Code's; else it is one whole."""
    if not isinstance(user_id, str):
        return _NOBODY
    match = _CLAUDE_CODE_USER.match(user_id)
    if match is not None:
        return UserParts(device_id=match[1], account_uuid=match[2], session_id=match[3])
    if user_id.startswith("{"):
        parts = _decoded(user_id.encode(errors="replace"), _decode_user)
        if parts is not None and (parts.session_id or parts.account_uuid or parts.device_id):
            return parts
    return UserParts(device_id=user_id)


def _sessions(index: Mapping[bytes, bytes], *, codex: bool) -> Iterator[str]:
    yield from _texts(index, _SESSION_HEADERS)
    if codex:
        yield from _texts(index, _CODEX_SESSION_HEADERS)
    for name, value in index.items():
        if name.endswith(_VENDOR_SESSION) and name.startswith(b"x-") and len(name) > len(_VENDOR_SESSION) + 2:
            yield from _taken(value)
    yield from _texts(index, _LAST_SESSION_HEADERS)
    yield from _from_baggage(index, b"session.id")


def _users(index: Mapping[bytes, bytes]) -> Iterator[str]:
    yield from _texts(index, _USER_HEADERS)
    yield from _printable((_decoded(index.get(_PORTKEY), _decode_portkey) or PortkeyMetadata()).user)
    yield from _texts(index, _LAST_USER_HEADERS)
    yield from _from_baggage(index, b"user.id")


def _from_baggage(index: Mapping[bytes, bytes], key: bytes) -> Iterator[str]:
    baggage = index.get(b"baggage", b"")
    if not baggage or len(baggage) > _MAX_BAGGAGE_BYTES:
        return
    for member in baggage.split(b","):
        name, _, value = member.partition(b";")[0].partition(b"=")
        if name.strip() == key:
            yield from _taken(unquote_to_bytes(value.strip()))


def _texts(index: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> Iterator[str]:
    for name in names:
        if name in index:
            yield from _taken(index[name])


def _taken(value: bytes) -> Iterator[str]:
    text = _text(value)
    if text is not None:
        yield text


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and _PRINTABLE.match(value) else None


def _printable(value: object) -> Iterator[str]:
    """Give a text of a body, where it can be taken: Unicode may stand there."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_CHARS and value.isprintable():
        yield value


def _member(claims: Mapping[str, bytes], name: str, decode: Callable[[bytes], T]) -> T | None:
    return _decoded(claims.get(name), decode)


def _decoded(raw: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    """Read JSON; what is not shaped as it should be claims nothing."""
    if raw is None:
        return None
    try:
        return decode(raw)
    except UNREADABLE:
        return None


def _words(value: bytes) -> list[str]:
    words = (_text(word.strip()) for word in value.split(b","))
    return [word for word in words if word and len(word) <= _MAX_TAG_CHARS]


def _listed(tags: object) -> list[str]:
    listed = tags if isinstance(tags, list) else []
    return [tag for each in listed for tag in _printable(each) if len(tag) <= _MAX_TAG_CHARS]
