"""Who a request says it is for: user, session and agent, as the caller claims them. docs/sessions.md.

Of several sources the first counts whose value can be taken. What is not printable, or too long, is as if it were not
there; it is never cut to something else. Nothing is made up, and nothing is kept.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from gateway.core.record import Record
from gateway.wire.clients import client_of
from gateway.wire.labels import LABELLING, PROPERTY, note_body_labels, note_labels
from gateway.wire.plain import decoded, header_text, plain
from gateway.wire.shapes import Conversation, Fields, Metadata, PortkeyMetadata, UserParts

# W3C trace context: version, trace id, parent id, flags; versions to come may say more behind them.
_TRACEPARENT: Final = re.compile(
    rb"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|\Z)"
)
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
_MAX_VENDOR_BYTES: Final = 64  # of the header's name: it stands in the record
_LAST_SESSION_HEADERS: Final = (b"x-session-id", b"x-opencode-session", b"x-openwebui-chat-id", b"x-portkey-trace-id")
_USER_HEADERS: Final = (b"x-tollway-user", b"x-litellm-customer-id", b"x-litellm-end-user-id", b"helicone-user-id")
_PORTKEY: Final = b"x-portkey-metadata"
_LAST_USER_HEADERS: Final = (b"x-openwebui-user-id", b"x-openwebui-user-email")
# Of others, and of Codex: its names are too common to mean this everywhere.
_AGENTS: Final = (b"x-tollway-agent", b"x-claude-code-agent-id")
_AGENT_HEADERS: Final = (_AGENTS, (*_AGENTS, b"x-openai-subagent", b"originator"))
_PARENTS: Final = (b"x-tollway-parent-agent", b"x-claude-code-parent-agent-id")
_PARENT_HEADERS: Final = (_PARENTS, (*_PARENTS, b"x-codex-parent-thread-id"))
_BAGGAGE: Final = b"baggage"
_CLAIMING: Final = LABELLING.union(
    *(_SESSION_HEADERS, _CODEX_SESSION_HEADERS, _LAST_SESSION_HEADERS),
    *(_USER_HEADERS, (_PORTKEY, _BAGGAGE), _LAST_USER_HEADERS),
    *(*_AGENT_HEADERS, *_PARENT_HEADERS),
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

# What is claimed, and which header or field says it.
Claim = tuple[str, str]
_NOTHING: Final = (None, None)


def note_claims(record: Record, index: Mapping[bytes, bytes]) -> None:
    """Write what a request's head claims into its record. `index`: lower-cased names."""
    record.client = header_text(index.get(b"user-agent"))
    trace = index.get(b"traceparent")
    if trace is not None and (match := _TRACEPARENT.match(trace)):
        record.trace_id = match[1].decode()
    if _CLAIMING.isdisjoint(index):
        names = b"\n".join(index)
        if names.find(_VENDOR_SESSION) < 0 and names.find(PROPERTY) < 0:
            return
    codex = _is_codex(record)
    record.session, record.session_source = next(_sessions(index, codex=codex), _NOTHING)
    record.user, record.user_source = next(_users(index), _NOTHING)
    record.agent, record.agent_source = next(_texts(index, _AGENT_HEADERS[codex]), _NOTHING)
    record.parent_agent, _ = next(_texts(index, _PARENT_HEADERS[codex]), _NOTHING)
    note_labels(record, index)


def note_body_claims(record: Record, fields: Fields) -> None:
    """Add what a request's body claims, where its head claimed nothing. `fields`: as read from the body."""
    if not fields.claims:
        return
    said = _Said(fields.claims)
    if record.session is None:
        record.session, record.session_source = next(said.sessions(record), _NOTHING)
    if record.user is None:
        record.user, record.user_source = next(said.users(), _NOTHING)
    note_body_labels(record, said.metadata.tags, fields.claims.get("metadata"))


class _Said:
    """The claims of one body, in the order in which they count."""

    __slots__ = ("_claims", "_user", "metadata")

    def __init__(self, claims: Mapping[str, bytes]) -> None:
        self._claims = claims
        self.metadata = self._metadata("metadata")
        self._user = _user_parts(self.metadata.user_id)

    def sessions(self, record: Record) -> Iterator[Claim]:
        """Give every session that the body names."""
        claims = self._claims
        yield from _claimed("metadata.session_id", self.metadata.session_id)
        yield from self._text("litellm_session_id")
        yield from _claimed("litellm_metadata.session_id", self._metadata("litellm_metadata").session_id)
        yield from _claimed("metadata.user_id", self._user.session_id)
        if ("client_metadata" in claims or "prompt_cache_key" in claims) and _is_codex(record):
            yield from _claimed("client_metadata.session_id", self._metadata("client_metadata").session_id)
            # Of other clients it is a hint for the provider's cache that many users share.
            yield from (claim for claim in self._text("prompt_cache_key") if _UUID.match(claim[0]))
        if record.endpoint == "responses":
            conversation = decoded(claims.get("conversation"), _decode_conversation)
            yield from _claimed("conversation", getattr(conversation, "id", conversation))

    def users(self) -> Iterator[Claim]:
        """Give every user that the body names."""
        yield from self._text("safety_identifier")
        yield from self._text("user")
        yield from _claimed("metadata.user_id", self._user.account_uuid)
        yield from _claimed("metadata.user_id", self._user.device_id)

    def _text(self, name: str) -> Iterator[Claim]:
        return _claimed(name, decoded(self._claims.get(name), _decode_text))

    def _metadata(self, name: str) -> Metadata:
        return decoded(self._claims.get(name), _decode_metadata) or _NO_METADATA


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
        parts = decoded(user_id.encode(errors="replace"), _decode_user)
        if parts is not None and (parts.session_id or parts.account_uuid or parts.device_id):
            return parts
    return UserParts(device_id=user_id)


def _sessions(index: Mapping[bytes, bytes], *, codex: bool) -> Iterator[Claim]:
    yield from _texts(index, _SESSION_HEADERS)
    if codex:
        yield from _texts(index, _CODEX_SESSION_HEADERS)
    yield from _texts(index, tuple(filter(_is_vendors, index)))
    yield from _texts(index, _LAST_SESSION_HEADERS)
    yield from _from_baggage(index, b"session.id")


def _users(index: Mapping[bytes, bytes]) -> Iterator[Claim]:
    yield from _texts(index, _USER_HEADERS)
    yield from _claimed("x-portkey-metadata", (decoded(index.get(_PORTKEY), _decode_portkey) or PortkeyMetadata()).user)
    yield from _texts(index, _LAST_USER_HEADERS)
    yield from _from_baggage(index, b"user.id")


def _is_vendors(name: bytes) -> bool:
    return (
        name.endswith(_VENDOR_SESSION)
        and name.startswith(b"x-")
        and name.isascii()
        and len(_VENDOR_SESSION) + 2 < len(name) <= _MAX_VENDOR_BYTES
    )


def _from_baggage(index: Mapping[bytes, bytes], key: bytes) -> Iterator[Claim]:
    baggage = index.get(_BAGGAGE, b"")
    if not baggage or len(baggage) > _MAX_BAGGAGE_BYTES:
        return
    for member in baggage.split(b","):
        name, _, value = member.partition(b";")[0].partition(b"=")
        if name.strip() == key and (text := header_text(unquote_to_bytes(value.strip()))):
            yield text, "baggage"


def _texts(index: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> Iterator[Claim]:
    for name in names:
        if text := header_text(index.get(name)):
            yield text, name.decode("ascii")


def _claimed(source: str, value: Any) -> Iterator[Claim]:
    if text := plain(value):
        yield text, source
