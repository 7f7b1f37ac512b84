"""What the OpenAI dialect says of itself."""

import json

import pytest

from gateway.core.errors import Advice, Refusal, Standing
from gateway.wire import openai
from gateway.wire.endpoint import Endpoint
from gateway.wire.shapes import Fields


def test_a_refusal_reads_like_openais_own_errors() -> None:
    """Message, type, param and code, as its SDK maps them."""
    body = json.loads(openai.refusal_body(Refusal("model_not_found", "No such model.", param="model"), "req_1"))

    expected = {
        "message": "No such model.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    assert {"error": expected} == body


def test_an_error_inside_a_stream_is_an_event_of_that_stream() -> None:
    """Chat streams have plain data events, Responses streams typed ones."""
    refusal = Refusal("internal_error", "Gone.")

    chat = openai.error_event(refusal, "req_1", openai.CHAT)
    responses = openai.error_event(refusal, "req_1", openai.RESPONSES)

    assert chat.startswith(b'data: {"error":{')
    assert responses.startswith(b'event: error\ndata: {"type":"error",')
    assert chat.endswith(b"}\n\n")
    assert responses.endswith(b"}\n\n")


def test_among_lines_an_error_is_a_line() -> None:
    """Ollama's own client raises what stands under `error`."""
    event = openai.error_event(Refusal("internal_error", "Gone."), "req_1", openai.LINES)

    assert b'{"error":"Gone."}\n' == event


def spent(client: str | None = None) -> Refusal:
    """Refuse for a budget."""
    refusal = Refusal("budget_exceeded", "$25.00 of $25.00 used.", advice=Advice(resets_s=1_796_083_200))
    refusal.client = client
    return refusal


def test_a_spent_budget_is_a_quota_to_openais_clients() -> None:
    """An error of a type that none of them sends again."""
    expected = {
        "message": "$25.00 of $25.00 used.",
        "type": "insufficient_quota",
        "param": None,
        "code": "budget_exceeded",
    }

    assert {"error": expected} == json.loads(openai.refusal_body(spent(), "req_1"))


def test_codex_shows_a_spent_budget_as_a_usage_limit() -> None:
    """With the time when it is over; other refusals are to it what they are to others."""
    error = json.loads(openai.refusal_body(spent("codex"), "req_1"))["error"]
    other = Refusal("internal_error", "Gone.")
    plain = openai.refusal_body(other, "req_1")
    other.client = "codex"

    assert ("usage_limit_reached", 1_796_083_200) == (error["type"], error["resets_at"])
    assert plain == openai.refusal_body(other, "req_1")


def test_a_budget_that_never_resets_says_no_time() -> None:
    """Codex shows none then."""
    refusal = Refusal("budget_exceeded", "All spent.")
    refusal.client = "codex"

    error = json.loads(openai.refusal_body(refusal, "req_1"))["error"]

    assert "usage_limit_reached" == error["type"]
    assert "resets_at" not in error


def test_a_budget_that_ends_a_stream_ends_the_turn_of_codex_for_good() -> None:
    """Other clients get the event that their SDK raises."""
    usual = openai.error_event(spent(), "req_1", openai.RESPONSES)
    codex = openai.error_event(spent("codex"), "req_1", openai.RESPONSES)

    assert usual.startswith(b'event: error\ndata: {"type":"error",')
    assert codex.startswith(b"event: response.failed\ndata: ")
    event = json.loads(codex.partition(b"data: ")[2])
    assert ("response.failed", "insufficient_quota") == (event["type"], event["response"]["error"]["code"])


@pytest.mark.parametrize("unit", ["requests", "tokens"])
def test_a_rate_limit_says_what_it_counts(unit: str) -> None:
    """In the type of the error and in OpenAI's own headers."""
    standing = Standing(unit, most=600, left=0, full_ms=61_500, full_at_s=0)
    refusal = Refusal("rate_limited", "Later.", advice=Advice(standing=standing))

    error = json.loads(openai.refusal_body(refusal, "req_1"))["error"]

    assert (unit, "rate_limit_exceeded") == (error["type"], error["code"])
    assert [
        (b"x-ratelimit-limit-%b" % unit.encode(), b"600"),
        (b"x-ratelimit-remaining-%b" % unit.encode(), b"0"),
        (b"x-ratelimit-reset-%b" % unit.encode(), b"1m1.5s"),
    ] == openai.limit_headers(standing)


@pytest.mark.parametrize(
    ("whole_ms", "text"),
    [(0, b"0ms"), (20, b"20ms"), (1_000, b"1s"), (10_000, b"10s"), (1_050, b"1.05s"), (360_000, b"6m0s")],
)
def test_durations_are_written_as_openai_does(whole_ms: int, text: bytes) -> None:
    """Its clients read them."""
    assert text == openai.limit_headers(Standing("requests", 1, 1, whole_ms, 0))[2][1]


def test_models_are_a_list_of_objects() -> None:
    """The shape that every OpenAI client expects."""
    listed = json.loads(openai.models_body(["fast", "gpt-4o"]))

    assert "list" == listed["object"]
    assert ["fast", "gpt-4o"] == [model["id"] for model in listed["data"]]
    assert listed["data"][0] == json.loads(openai.model_body("fast"))


@pytest.mark.parametrize(
    ("endpoint", "fields", "wants"),
    [
        (openai.CHAT, Fields(stream=True), True),
        (openai.TEXT_COMPLETION, Fields(stream=True), True),
        (openai.CHAT, Fields(stream=True, include_usage=True), False),
        (openai.CHAT, Fields(), False),
        (openai.RESPONSES, Fields(stream=True), False),
    ],
)
def test_usage_is_asked_for_where_it_would_not_come(endpoint: Endpoint, fields: Fields, wants: bool) -> None:
    """Only streams of chat and completions, only where the client did not ask itself."""
    assert wants == openai.wants_usage_injection(endpoint, fields)
