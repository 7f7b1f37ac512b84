"""What the Anthropic dialect says of itself."""

import json

from gateway.core.errors import Refusal
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
