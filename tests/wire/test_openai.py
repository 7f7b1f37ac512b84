"""What the OpenAI dialect says of itself."""

import json

import pytest

from gateway.core.errors import Refusal
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
