"""Who a request says it is for: every source, in the order in which they count, and nothing that somebody made up."""

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.record import Record
from gateway.wire import body
from gateway.wire.claims import note_body_claims, note_claims
from tests.wire.claiming import ACCOUNT, CLIENTS, UUID, Body, Client, Headers

CODEX = {"user-agent": "codex_cli_rs/0.63.0 (Mac OS 15.1)"}
# What a record may hold of claims.
CLAIMED = (
    *("session", "session_source", "user", "user_source", "agent", "agent_source", "parent_agent"),
    *("tags", "metadata"),
)


def noted(headers: Headers | None = None, said: Body | None = None, endpoint: str = "chat") -> Record:
    """Note what a request claims: its head, then its body."""
    record = Record(id="", started_at="", team="t", key="k", endpoint=endpoint)
    index = {name.encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
    note_claims(record, index)
    if said is not None:
        note_body_claims(record, body.read(msgspec.json.encode(said)))
    return record


def claude(**parts: str) -> Body:
    """Write Claude Code's user as it does since version 2.1.78."""
    return {"metadata": {"user_id": msgspec.json.encode(parts).decode()}}


# Every source of a session, in the order in which they count: (headers, body, what it says).
SESSIONS: list[tuple[Headers, Body, str]] = [
    ({"x-tollway-session": "s-1"}, {}, "s-1"),
    ({"x-litellm-session-id": "s-2"}, {}, "s-2"),
    ({"x-litellm-trace-id": "s-3"}, {}, "s-3"),
    ({"helicone-session-id": "s-4"}, {}, "s-4"),
    ({"x-claude-code-session-id": "s-5"}, {}, "s-5"),
    (CODEX | {"session-id": "s-6"}, {}, "s-6"),
    (CODEX | {"session_id": "s-7"}, {}, "s-7"),
    (CODEX | {"thread-id": "s-8"}, {}, "s-8"),
    (CODEX | {"conversation_id": "s-9"}, {}, "s-9"),
    ({"x-acme-agent-session-id": "s-10"}, {}, "s-10"),
    ({"x-session-id": "s-11"}, {}, "s-11"),
    ({"x-opencode-session": "s-11a"}, {}, "s-11a"),
    ({"x-openwebui-chat-id": "s-11b"}, {}, "s-11b"),
    ({"x-portkey-trace-id": "s-12"}, {}, "s-12"),
    ({"baggage": "a=b, session.id = s%2D13;prop=1,c=d"}, {}, "s-13"),
    ({}, {"metadata": {"session_id": "s-14"}}, "s-14"),
    ({}, {"litellm_session_id": "s-15"}, "s-15"),
    ({}, {"litellm_metadata": {"session_id": "s-16"}}, "s-16"),
    ({}, claude(device_id="d", account_uuid=ACCOUNT, session_id="s-17"), "s-17"),
    (CODEX, {"client_metadata": {"session_id": "s-18"}}, "s-18"),
    (CODEX, {"prompt_cache_key": UUID}, UUID),
    ({}, {"conversation": "conv_20"}, "conv_20"),
]
USERS: list[tuple[Headers, Body, str]] = [
    ({"x-tollway-user": "u-1"}, {}, "u-1"),
    ({"x-litellm-customer-id": "u-2"}, {}, "u-2"),
    ({"x-litellm-end-user-id": "u-3"}, {}, "u-3"),
    ({"helicone-user-id": "u-4"}, {}, "u-4"),
    ({"x-portkey-metadata": '{"env":"prod","_user":"u-5"}'}, {}, "u-5"),
    ({"x-openwebui-user-id": "u-6"}, {}, "u-6"),
    ({"x-openwebui-user-email": "ann@example.com"}, {}, "ann@example.com"),
    ({"baggage": "user.id=u%208"}, {}, "u 8"),
    ({}, {"safety_identifier": "u-9"}, "u-9"),
    ({}, {"user": "u-10"}, "u-10"),
    ({}, {"metadata": {"user_id": "u-11"}}, "u-11"),
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_programs_say_is_noted(client: Client) -> None:
    """All that they say about who calls, and where they said it; nothing else."""
    record = noted(client.headers, client.body, client.endpoint)

    assert client.said == {name: value for name in CLAIMED if (value := getattr(record, name))}


@pytest.mark.parametrize(("headers", "said", "expected"), SESSIONS)
def test_every_source_of_a_session_is_read(headers: Headers, said: Body, expected: str) -> None:
    """Alone, each names the session."""
    assert expected == noted(headers, said, "responses").session


@pytest.mark.parametrize(("headers", "said", "expected"), USERS)
def test_every_source_of_a_user_is_read(headers: Headers, said: Body, expected: str) -> None:
    """Alone, each names the user."""
    assert expected == noted(headers, said).user


@pytest.mark.parametrize(("first", "second"), [*pairwise(SESSIONS), *zip(SESSIONS, SESSIONS[2:], strict=False)])
def test_the_first_source_of_a_session_counts(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """Of any two that follow each other the one that stands higher in the list."""
    metadata = {**second[1].get("metadata", {}), **first[1].get("metadata", {})}
    said = second[1] | first[1] | ({"metadata": metadata} if metadata else {})

    assert first[2] == noted(second[0] | first[0], said, "responses").session


@pytest.mark.parametrize(("first", "second"), [*pairwise(USERS), *zip(USERS, USERS[2:], strict=False)])
def test_the_first_source_of_a_user_counts(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """Of any two that follow each other the one that stands higher in the list."""
    assert first[2] == noted(second[0] | first[0], second[1] | first[1]).user


@pytest.mark.parametrize(
    ("said", "user", "session"),
    [
        (claude(device_id="dev", account_uuid=ACCOUNT, session_id=UUID), ACCOUNT, UUID),
        (claude(device_id="dev", account_uuid="", session_id=UUID), "dev", UUID),
        ({"metadata": {"user_id": f"user_{'a1' * 32}_account_{ACCOUNT}_session_{UUID}"}}, ACCOUNT, UUID),
        ({"metadata": {"user_id": f"user_{'a1' * 32}_account__session_{UUID}"}}, "a1" * 32, UUID),
        ({"metadata": {"user_id": f"user_x_account__session_{UUID}"}}, f"user_x_account__session_{UUID}", None),
        ({"metadata": {"user_id": '{"id": 7}'}}, '{"id": 7}', None),
        ({"metadata": {"user_id": '{"session_id": 7}'}}, None, None),
        ({"metadata": {"user_id": "{broken"}}, "{broken", None),
        ({"metadata": {"user_id": "ann", "session_id": "s"}}, "ann", "s"),
    ],
)
def test_claude_codes_user_is_taken_apart(said: Body, user: str | None, session: str | None) -> None:
    """Both of its forms; what only looks like one is a user like any other."""
    record = noted({}, said, "messages")

    assert (user, session) == (record.user, record.session)


@pytest.mark.parametrize(
    ("headers", "said", "endpoint"),
    [
        ({"session-id": "x", "conversation_id": "x"}, {"prompt_cache_key": UUID}, "responses"),
        ({}, {"client_metadata": {"session_id": "x"}}, "responses"),
        (CODEX, {"prompt_cache_key": "docs-v2"}, "responses"),
        ({}, {"conversation": "conv_1"}, "chat"),
        ({"x--session-id": "", "session-id-x": "x", "-session-id": "x"}, {"previous_response_id": "r"}, "responses"),
        ({"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {}, "chat"),
        ({"acme-session-id": "x"}, {}, "chat"),
        ({"baggage": "session.id=x" + "," * 8_192}, {}, "chat"),
        ({"baggage": "session.idx=a,xsession.id=b,session.id"}, {}, "chat"),
    ],
)
def test_what_is_no_session_is_not_taken_for_one(headers: Headers, said: Body, endpoint: str) -> None:
    """Names that others use for other things mean a session only where Codex writes them; none is made up."""
    assert None is noted(headers, said, endpoint).session


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-tollway-agent": "planner", "x-claude-code-agent-id": "a-1"}, "planner"),
        ({"x-claude-code-agent-id": "a-1"}, "a-1"),
        (CODEX | {"x-openai-subagent": "review", "originator": "codex_cli_rs"}, "review"),
        (CODEX | {"originator": "codex_cli_rs"}, "codex_cli_rs"),
        ({"originator": "mailer"}, None),
    ],
)
def test_agents_name_themselves(headers: Headers, expected: str | None) -> None:
    """By our header, or the one that coding agents send."""
    assert expected == noted(headers).agent


def test_a_body_adds_nothing_to_the_head_it_came_with() -> None:
    """Requests with one head share what was noted of it: the body of one must not show in another's record."""
    shared = noted({"x-tollway-tags": "eu"})
    first = msgspec.structs.replace(shared)
    note_body_claims(first, body.read(b'{"user":"ann","metadata":{"session_id":"s","tags":["x"],"a":"b"}}'))

    assert ("ann", "s", ["eu", "x"], {"a": "b"}) == (first.user, first.session, first.tags, first.metadata)
    assert (None, None, ["eu"], {}) == (shared.user, shared.session, shared.tags, shared.metadata)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",  # not sampled, a trace all the same
        f"cc-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-brings",
    ],
)
def test_a_valid_trace_context_names_the_trace(traceparent: str) -> None:
    """Also one of a version to come, which may say more."""
    record = noted({"user-agent": "OpenAI/Python 3.54.0", "traceparent": traceparent})

    assert ("OpenAI/Python 3.54.0", TRACE) == (record.client, record.trace_id)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "rubbish",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"FF-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}0-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_an_invalid_trace_context_names_none(traceparent: str) -> None:
    """Upper case, an unknown spelling, zeros, a version that cannot be: as if it were not there."""
    assert noted({"traceparent": traceparent}).trace_id is None


@pytest.mark.parametrize("bad", ["", "a\x01b", "s" * 257, "\u202eevil", "line\nbreak", "tab\there", "nul\0"])
def test_what_cannot_be_taken_is_as_if_it_were_not_there(bad: str) -> None:
    """Never cut to something else: the next source counts."""
    record = noted({}, {"safety_identifier": bad, "user": "ann", "metadata": {"session_id": bad}})

    assert ("ann", None) == (record.user, record.session)


@pytest.mark.parametrize("bad", ["", "a\x01b", "s" * 257, "\xfcber"])
def test_headers_are_plain_text(bad: str) -> None:
    """The same of headers, in which other signs than ASCII have no agreed meaning."""
    record = noted({"x-tollway-user": bad, "x-tollway-session": bad, "x-tollway-tags": f"ok,{bad}"}, {"user": "ann"})

    assert ("ann", None, ["ok"]) == (record.user, record.session, record.tags)


def test_a_longest_value_is_taken_whole() -> None:
    """256 signs, of any script."""
    assert "ü" * 256 == noted({}, {"user": "ü" * 256}).user
    assert "s" * 256 == noted({"x-tollway-session": "s" * 256}).session


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=600),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["session_id", "user_id", "tags", "id", "_user", "x"]) | st.text(max_size=70),
            inner,
            max_size=20,
        )
    ),
    max_leaves=6,
)
SAID = VALUES.map(lambda value: msgspec.json.encode(value).decode("utf-8", "replace"))
HEADER_NAMES = st.sampled_from(
    [
        *("baggage", "x-portkey-metadata", "x-litellm-spend-logs-metadata", "x-a-session-id", "x-tollway-tags"),
        *("x-tollway-session", "x-tollway-user", "x-tollway-agent", "x-tollway-parent-agent", "originator"),
        *("x-claude-code-agent-id", "session-id", "helicone-session-path", "traceparent", "user-agent"),
        *("helicone-property-a", "helicone-property-", "x-" + "v" * 70 + "-session-id"),
    ]
) | st.integers(0, 30).map(lambda number: f"helicone-property-{number}")


def texts_in(value: Any) -> Iterator[str]:
    """Give every text in a value, also those inside a text that is JSON, or is quoted as URLs are."""
    if isinstance(value, str):
        yield from (value, unquote(value))
        try:
            inner = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return
        yield from texts_in(inner) if isinstance(inner, dict | list) else ()
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


def assert_sound(record: Record) -> None:
    """Everything that is noted is printable and within its bounds, and what is claimed has a source."""
    for name in ("session", "user", "agent"):
        claimed, source = getattr(record, name), getattr(record, f"{name}_source")
        assert (claimed is None) == (source is None)
        assert source is None or (0 < len(source) <= 64 and source.isascii() and source.isprintable())
    for value in (record.session, record.user, record.agent, record.parent_agent, record.client):
        assert value is None or (0 < len(value) <= 256 and value.isprintable())
    assert len(record.tags) <= 32
    assert all(0 < len(tag) <= 64 and tag.isprintable() for tag in record.tags)
    assert len(record.metadata) <= 16
    for name, value in record.metadata.items():
        assert 0 < len(name) <= 64
        assert 0 < len(value) <= 512
        assert (name + value).isprintable()


@given(
    st.dictionaries(HEADER_NAMES, st.binary(max_size=600) | SAID.map(str.encode), max_size=25),
    st.dictionaries(st.sampled_from(sorted(body.CLAIMING)), VALUES | SAID),
    st.sampled_from(["codex_cli_rs/1", "claude-cli/2", None]),
)
def test_whatever_is_claimed_nothing_breaks(index: dict[str, bytes], said: Body, client: str | None) -> None:
    """Of every type, in every place: what is noted is printable and bounded, and somebody said it."""
    record = Record(id="", started_at="", team="t", key="k", endpoint="responses")
    agent = {b"user-agent": client.encode()} if client else {}
    note_claims(record, agent | {name.encode(): value for name, value in index.items()})
    assert_sound(record)
    head = msgspec.structs.replace(record, tags=list(record.tags), metadata=dict(record.metadata))
    raw = msgspec.json.encode(said)
    note_body_claims(record, body.read(raw))

    assert_sound(record)
    assert head.session in (None, record.session)
    sent = [*texts_in([value.decode("latin-1") for value in index.values()]), *texts_in(said)]
    for value in (record.session, record.user, record.agent, record.parent_agent, *record.tags):
        assert value is None or any(value in text for text in sent)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metadata":' + b"[" * 500 + b"]" * 500 + b',"user":"ann"}',
        b'{"metadata":{"user_id":"' + b"x" * 20_000 + b'"},"user":"ann"}',
        b'{"metadata":{"user_id":"{' + b'\\"a\\":{' * 1_000 + b'"},"user":"ann"}',
        b'{"metadata":{"session_id":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b'},"user":"ann"}',
        b'{"user":"bob","user":"ann"}',
    ],
)
def test_hostile_bodies_claim_nothing_and_pass(raw: bytes) -> None:
    """Deep, long, broken or said twice: a claim is no reason to refuse a request."""
    record = Record(id="", started_at="", team="t", key="k")
    note_body_claims(record, body.read(raw))

    assert ("ann", None) == (record.user, record.session)


def test_claims_are_not_kept() -> None:
    """A hundred thousand users and sessions leave nothing behind."""

    def request(number: int) -> None:
        headers = {"x-tollway-session": f"s-{number}", f"x-v{number}-session-id": "s"}
        said = {"user": f"u-{number}", "metadata": {"session_id": f"m-{number}", "tags": [f"t-{number}"]}}
        noted(headers, said | claude(session_id=f"c-{number}"))

    for number in range(1_000):
        request(number)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(100_000):
            request(number)
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert left < 50_000
