"""What the Gemini dialect says of itself."""

import json

import pytest

from gateway.core.errors import REFUSALS, Advice, Refusal, Standing
from gateway.wire import gemini, openai
from gateway.wire.endpoint import Endpoint
from gateway.wire.shapes import Fields


def test_a_refusal_reads_like_googles_own_errors() -> None:
    """Code, message, Google's status name, and details that name the reason."""
    error = json.loads(gemini.refusal_body(Refusal("invalid_key", "Who are you?"), "req_1"))["error"]

    assert (401, "Who are you?", "UNAUTHENTICATED") == (error["code"], error["message"], error["status"])
    assert ("INVALID_KEY", "req_1") == (error["details"][0]["reason"], error["details"][0]["metadata"]["request_id"])


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_status_has_googles_name(kind: str) -> None:
    """No refusal is UNKNOWN."""
    assert b'"status":"UNKNOWN"' not in gemini.refusal_body(Refusal(kind, "x"), "req_1")


@pytest.mark.parametrize(
    ("status", "name"),
    [(429, "RESOURCE_EXHAUSTED"), (402, "RESOURCE_EXHAUSTED"), (403, "PERMISSION_DENIED"), (422, "INVALID_ARGUMENT")],
)
def test_a_spent_budget_has_the_status_that_was_chosen(status: int, name: str) -> None:
    """Clients that send a 429 again can be told otherwise."""
    refusal = Refusal("budget_exceeded", "No more.", advice=Advice(status=status))

    error = json.loads(gemini.refusal_body(refusal, "req_1"))["error"]

    assert (status, name, "BUDGET_EXCEEDED") == (error["code"], error["status"], error["details"][0]["reason"])


def test_a_rate_limit_says_when_to_come_again() -> None:
    """In Google's own way; it has no headers for that."""
    refusal = Refusal("rate_limited", "Later.", advice=Advice(retry_after_ms=1_200))

    details = json.loads(gemini.refusal_body(refusal, "req_1"))["error"]["details"]

    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"} == details[1]
    assert [] == gemini.limit_headers(Standing("requests", 1, 1, 1, 1))


def test_an_error_inside_a_stream_is_a_plain_data_line() -> None:
    """Its SDK reads nothing but lines that begin with `data: `."""
    event = gemini.error_event(Refusal("overloaded", "Later."), "req_1", Endpoint(name="generate_content"))

    assert event.startswith(b'data: {"error":{"code":503')
    assert event.endswith(b"}\r\n\r\n")


@pytest.mark.parametrize("endpoint", [openai.CHAT, openai.RESPONSES])
def test_behind_the_door_to_openais_dialect_an_error_is_openais(endpoint: Endpoint) -> None:
    """Its clients stream there."""
    refusal = Refusal("budget_exceeded", "No more.")

    assert openai.error_event(refusal, "req_1", endpoint) == gemini.error_event(refusal, "req_1", endpoint)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1beta/models/g:generateContent", "generate_content"),
        ("POST", "/v1beta/models/g:batchEmbedContents", "embeddings"),
        ("POST", "/v1beta/models/g:countTokens", "count_tokens"),
        ("POST", "/v1beta/models/imagen:predict", "image"),
        ("POST", "/v1beta/models/g:somethingNew", "models"),
        ("GET", "/v1beta/models/g", "models"),
        ("POST", "/v1beta/openai/embeddings", "embeddings"),
        ("GET", "/v1beta/files/f", "other"),
        ("GET", "/v1beta/tunedModels", "other"),
        ("GET", "/v1beta/tunedModels/t/operations", "other"),
    ],
)
def test_the_action_behind_the_colon_decides(method: str, path: str, name: str) -> None:
    """Without a known one the path's words do."""
    assert name == gemini.endpoint(method, path).name


def test_models_have_googles_names() -> None:
    """`models/x`, with what can be done with it."""
    listed = json.loads(gemini.models_body(["g"]))["models"]

    assert ["models/g"] == [model["name"] for model in listed]
    assert listed[0] == json.loads(gemini.model_body("g"))
    assert not gemini.wants_usage_injection(Endpoint(name="generate_content"), Fields(stream=True))
