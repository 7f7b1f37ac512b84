"""What the Anthropic dialect says of itself."""

import json

from gateway.core.errors import Refusal, Standing
from gateway.wire import anthropic
from gateway.wire.shapes import Fields


def test_a_refusal_reads_like_anthropics_own_errors() -> None:
    """Type, message and request id, as its SDK maps them."""
    body = json.loads(anthropic.refusal_body(Refusal("invalid_key", "Who are you?"), "req_1"))

    error = {"type": "authentication_error", "message": "Who are you?"}
    assert {"type": "error", "error": error, "request_id": "req_1"} == body


def test_an_error_inside_a_stream_is_a_named_event() -> None:
    """Its SDK only reads events that have a name."""
    event = anthropic.error_event(Refusal("overloaded", "Later."), "req_1", anthropic.MESSAGES)

    assert event.startswith(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"')
    assert event.endswith(b"}\n\n")


def test_models_are_one_page() -> None:
    """first_id and last_id name the ends; an empty page has none."""
    page = json.loads(anthropic.models_body(["a", "b"]))

    assert (False, "a", "b") == (page["has_more"], page["first_id"], page["last_id"])
    assert ["a", "b"] == [model["id"] for model in page["data"]]
    assert page["data"][0] == json.loads(anthropic.model_body("a"))
    assert None is json.loads(anthropic.models_body([]))["first_id"]


def test_nothing_is_injected() -> None:
    """A Messages stream always tells its usage."""
    assert not anthropic.wants_usage_injection(anthropic.MESSAGES, Fields(stream=True))


def test_a_spent_budget_reads_like_anthropics_own() -> None:
    """Its clients show it as such, as an answer and inside a stream."""
    refusal = Refusal("budget_exceeded", "$25.00 of $25.00 used.")

    body = json.loads(anthropic.refusal_body(refusal, "req_1"))
    event = anthropic.error_event(refusal, "req_1", anthropic.MESSAGES)

    expected = {"type": "billing_error", "message": "spend limit reached: $25.00 of $25.00 used."}
    assert expected == body["error"]
    assert event.startswith(b"event: error\ndata: ")
    assert expected == json.loads(event.partition(b"data: ")[2])["error"]


def test_a_rate_stands_in_anthropics_headers() -> None:
    """When it is all there again is an instant, there."""
    headers = anthropic.limit_headers(Standing("tokens", most=9, left=2, full_ms=5, full_at_s=1_796_083_200))

    assert [
        (b"anthropic-ratelimit-tokens-limit", b"9"),
        (b"anthropic-ratelimit-tokens-remaining", b"2"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-12-01T00:00:00Z"),
    ] == headers
