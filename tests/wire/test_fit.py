"""A maximum is lowered or put in, nothing else changes, and the request then costs no more than is left."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.asked import Asked
from gateway.policies.bounds import PUT_IN, Bound, Bounds
from gateway.policies.model_facts import FactBook, Facts
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider
from gateway.wire import anthropic, asked, gemini, openai
from gateway.wire.endpoint import Endpoint
from gateway.wire.fit import with_max_output
from tests.wire.asking import encoded

AT_S = 1_795_000_000
LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1", tls=False, port=9)
PRICES = {"input": Decimal("0.001"), "output": Decimal("0.01")}  # 1 and 10 nano-USD a token
HELD = Bounds(
    PriceBook({"local": {"mine": PRICES}}, (Decimal(5), Decimal(25)), "default_price"),
    FactBook({"mine": Facts(context_window=2_000_000)}),
)
CHAT = ("max_tokens", "max_completion_tokens")
# A kind of call, a body of it, the names of its maximum (the one to put in by first) and those around it.
Call = tuple[str, Endpoint, dict[str, Any], tuple[str, ...], tuple[str, ...]]
CALLS: dict[str, Call] = {
    "chat": ("openai", openai.CHAT, {"messages": [{"content": "Hi"}]}, CHAT, ()),
    "text_completion": ("openai", openai.TEXT_COMPLETION, {"prompt": "Hi"}, CHAT[:1], ()),
    "responses": ("openai", openai.RESPONSES, {"input": "Hi"}, ("max_output_tokens",), ()),
    "messages": ("anthropic", anthropic.MESSAGES, {"messages": [{"content": "Hi"}]}, CHAT[:1], ()),
    "generate_content": (
        "gemini",
        gemini.ACTIONS["generatecontent"],
        {"contents": {"parts": [{"text": "Hi"}]}},
        ("maxOutputTokens", "max_output_tokens"),
        ("generationConfig", "generation_config"),
    ),
    "chat at Google": ("gemini", openai.CHAT, {"messages": [{"content": "Hi"}]}, CHAT, ()),
    "responses at Google": ("gemini", openai.RESPONSES, {"input": "Hi"}, ("max_output_tokens",), ()),
}
SPACES = st.sampled_from([(",", ":"), (", ", ": "), ("\n\t , ", " :\r\n")])
MAXIMA = st.none() | st.just(0) | st.integers(1, 300) | st.integers(0, 10**14)


def fitted(name: str, request: dict[str, Any], most: int, model: str | None = "mine") -> dict[str, Any]:
    """Fit a request of that kind, written as clients do, and read it again."""
    dialect, endpoint, base, _, _ = CALLS[name]
    edited = with_max_output(dialect, endpoint.name, model, encoded(base | request), most)
    assert edited is not None
    found: dict[str, Any] = json.loads(edited)
    return {key: value for key, value in found.items() if key not in base}


@st.composite
def requests(draw: st.DrawFn) -> tuple[Call, bytes]:
    """Write a request of any kind, with or without maxima, in any layout."""
    call = CALLS[draw(st.sampled_from(sorted(CALLS)))]
    _, _, base, names, around = call
    maxima: dict[str, Any] = draw(st.dictionaries(st.sampled_from(names), MAXIMA))
    if around:
        maxima |= draw(st.sampled_from([{}, {"candidateCount": 2, "responseModalities": ["TEXT"]}]))
        maxima = draw(st.sampled_from([{around[0]: maxima}, {around[1]: maxima}, {around[0]: None}, {}]))
    members = [*base.items(), *maxima.items(), ("temperature", 1.5)] if not around else [*base.items(), *maxima.items()]
    comma, colon = draw(SPACES)
    text = json.dumps(dict(draw(st.permutations(members))), separators=(comma, colon))
    return call, draw(st.sampled_from(["", " \n"])).encode() + text.encode() + draw(st.sampled_from([b"", b"\t\n"]))


def without(document: dict[str, Any], call: Call) -> dict[str, Any]:
    """Return what a fit must leave alone, in its order."""
    _, _, _, names, around = call
    rest = {}
    for key, value in document.items():
        if key in around:
            rest[key] = {inner: each for inner, each in (value or {}).items() if inner not in names}
        elif around or key not in names:
            rest[key] = value
    return {key: value for key, value in rest.items() if value != {}}


def read(call: Call, body: bytes) -> Asked:
    """Read a request of that kind."""
    return asked.read_asked(call[0], call[1], body)


@given(requests(), st.integers(1, 10**9))
def test_only_the_maximum_changes_and_its_reader_reads_the_new_one(request: tuple[Call, bytes], most: int) -> None:
    """Lowered where it was larger, put in where there was none, left where it was smaller."""
    call, body = request
    before = read(call, body)

    edited = with_max_output(call[0], call[1].name, "mine", body, most)

    assert edited is not None
    after = read(call, edited)
    whole = before.max_output_tokens
    assert (most if whole is None else min(most, whole)) == after.max_output_tokens
    assert "" == after.unbounded
    assert list(without(json.loads(body), call).items()) == list(without(json.loads(edited), call).items())
    if whole is not None and whole <= most:
        assert body == edited
    assert len(edited) - len(body) <= PUT_IN


@given(requests(), st.integers(0, 10**5) | st.integers(0, 10**8))
def test_a_request_that_was_fitted_costs_no_more_than_is_left(request: tuple[Call, bytes], left: int) -> None:
    """The bytes that a maximum takes are counted, too."""
    call, body = request
    most = HELD.shrink(read(call, body), LOCAL, ("mine",), AT_S, left)
    assume(most is not None)
    assert most is not None

    edited = with_max_output(call[0], call[1].name, "mine", body, most)

    assert edited is not None
    bound = HELD.upper(read(call, edited), LOCAL, ("mine",), AT_S)
    assert isinstance(bound, Bound)
    assert bound.nano_usd <= left


def test_every_other_byte_stands() -> None:
    """Layout, numbers and order are the client's."""
    body = b'{ "messages" : [ ], "max_tokens" : 64000 ,\n "temperature": 1.0e0, "max_completion_tokens":9 }'

    edited = with_max_output("openai", "chat", "gpt-4o", body, 500)

    assert body.replace(b"64000", b"500") == edited


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5.1", "max_completion_tokens"),
        ("openai/GPT-6-sol", "max_completion_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("deepseek-chat", "max_tokens"),
        ("mistralai/mistral-large", "max_tokens"),
        (None, "max_tokens"),
    ],
)
def test_the_name_that_is_put_in_suits_the_model(model: str | None, name: str) -> None:
    """OpenAI's models that think refuse the old name; other servers may ignore the new one."""
    assert {name: 500} == fitted("chat", {}, 500, model)


def test_the_name_that_is_there_is_kept() -> None:
    """What the client wrote was good enough for the provider."""
    assert {"max_completion_tokens": 500} == fitted("chat", {"max_completion_tokens": 64_000}, 500)
    assert {"max_tokens": 500} == fitted("chat", {"max_tokens": 64_000}, 500, "gpt-5")


@pytest.mark.parametrize("nothing", [None, 0])
def test_what_says_nothing_is_written_over(nothing: int | None) -> None:
    """Instead of standing there twice."""
    assert {"max_output_tokens": 500} == fitted("responses", {"max_output_tokens": nothing}, 500)


@pytest.mark.parametrize("odd", ["-1", '"64000"', "1e3", "[5]", "9" * 5_000])
def test_what_is_no_number_does_not_stay(odd: str) -> None:
    """Whatever it means to the provider."""
    edited = with_max_output("openai", "responses", None, b'{"max_output_tokens":%b}' % odd.encode(), 500)

    assert b'{"max_output_tokens":500}' == edited


@pytest.mark.parametrize("around", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("name", ["maxOutputTokens", "max_output_tokens"])
def test_google_writes_every_name_in_two_ways(around: str, name: str) -> None:
    """All of them are read, so all of them are lowered."""
    config = {"temperature": 1, name: 64_000}

    assert {around: config | {name: 500}} == fitted("generate_content", {around: config}, 500)
    assert {around: {"maxOutputTokens": 500}} == fitted("generate_content", {around: {}}, 500)


def test_where_nothing_is_configured_something_is() -> None:
    """The whole object is put in, or written over where it is null."""
    assert {"generationConfig": {"maxOutputTokens": 500}} == fitted("generate_content", {}, 500)
    assert {"generation_config": {"maxOutputTokens": 500}} == fitted(
        "generate_content", {"generation_config": None}, 500
    )


def test_thoughts_that_are_asked_for_keep_their_room() -> None:
    """A maximum that is no larger than they are would make an error of the request."""
    call = CALLS["messages"]
    body = encoded({**call[2], "max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": 10_000}})
    read_cost = HELD.upper(read(call, body), LOCAL, ("mine",), AT_S)
    assert isinstance(read_cost, Bound)
    left = read_cost.nano_usd - 64_000 * 10  # all but what is written

    assert 10_001 == HELD.shrink(read(call, body), LOCAL, ("mine",), AT_S, left + 10_001 * 10)
    assert HELD.shrink(read(call, body), LOCAL, ("mine",), AT_S, left + 10_000 * 10) is None


def test_every_call_that_is_shrunk_can_be_fitted() -> None:
    """Of all that are read; the others write nothing, or have no such maximum."""
    calls = [
        *(("openai", each) for each in openai.ENDPOINTS.posts.values()),
        *(("anthropic", each) for each in anthropic.ENDPOINTS.posts.values()),
        *(("gemini", each) for each in [*gemini.ENDPOINTS.posts.values(), *gemini.ACTIONS.values()]),
    ]
    for dialect, endpoint in calls:
        most = HELD.shrink(asked.read_asked(dialect, endpoint, b"{}"), LOCAL, ("mine",), AT_S, 10**9)

        edited = with_max_output(dialect, endpoint.name, "mine", b"{}", 500)
        assert most is None or edited is not None, (dialect, endpoint.name)
    assert with_max_output("openai", "embeddings", "mine", b"{}", 500) is None
