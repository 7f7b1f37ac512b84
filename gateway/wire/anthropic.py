"""How the Anthropic dialect looks from outside: endpoints, credential, refusals, model lists."""

from collections.abc import Sequence

import msgspec

from gateway.core.clock import stamp
from gateway.core.errors import Refusal, Standing
from gateway.wire.endpoint import AN_ID, ASKS, POLLS, RESULTS, Endpoint, EndpointTable, JobPath
from gateway.wire.shapes import Fields

MESSAGES: Endpoint = Endpoint(name="messages", reads_body=True, meters=True)
_POLLED = Endpoint(name="batch", meters=True, job=POLLS)

ENDPOINTS: EndpointTable = EndpointTable(
    posts={
        "messages": MESSAGES,
        "messages/count_tokens": Endpoint(name="count_tokens", reads_body=True),
        "messages/batches": Endpoint(name="batch", meters=True, job=ASKS),
        "complete": Endpoint(name="text_completion", reads_body=True, meters=True),
    },
    families={"batches": "batch", "messages": "messages", "models": "models", "files": "other", "skills": "other"},
    jobs=(
        JobPath("GET", ("messages", "batches", AN_ID), _POLLED),
        JobPath("POST", ("messages", "batches", AN_ID, "cancel"), _POLLED),
        JobPath("GET", ("messages", "batches", AN_ID, "results"), Endpoint(name="batch", meters=True, job=RESULTS)),
    ),
)

_REFUSALS = {
    "invalid_key": "authentication_error",
    "bad_request": "invalid_request_error",
    "not_found": "not_found_error",
    "method_not_allowed": "invalid_request_error",
    "model_not_allowed": "permission_error",
    "model_not_found": "not_found_error",
    "path_not_allowed": "permission_error",
    "body_too_large": "request_too_large",
    "unsupported_encoding": "invalid_request_error",
    "request_timeout": "timeout_error",
    "upgrade_required": "invalid_request_error",
    "price_unknown": "permission_error",
    "budget_exceeded": "billing_error",
    "unbounded_request": "invalid_request_error",
    "bound_exceeded": "permission_error",
    "ledger_down": "overloaded_error",
    "rate_limited": "rate_limit_error",
    "no_provider": "api_error",
    "journal_down": "overloaded_error",
    "overloaded": "overloaded_error",
    "draining": "overloaded_error",
    "upstream_connect": "api_error",
    "upstream_protocol": "api_error",
    "upstream_timeout": "timeout_error",
    "internal_error": "api_error",
}


# How Anthropic begins a message of this kind: its clients show it so.
_BEGINS = {"budget_exceeded": "spend limit reached: "}


def credential(key: bytes) -> tuple[bytes, bytes]:
    """Return the header that carries a provider key."""
    return b"x-api-key", key


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """Write a refusal as the error body that Anthropic clients understand."""
    return msgspec.json.encode(_error(refusal) | {"request_id": request_id})


def error_event(refusal: Refusal, request_id: str, endpoint: Endpoint) -> bytes:
    """Write a refusal as an event inside a stream."""
    return b"event: error\ndata: " + refusal_body(refusal, request_id) + b"\n\n"


def models_body(models: Sequence[str]) -> bytes:
    """Write the answer of GET /v1/models: one page that holds them all."""
    page = {
        "data": [_model(name) for name in models],
        "has_more": False,
        "first_id": models[0] if models else None,
        "last_id": models[-1] if models else None,
    }
    return msgspec.json.encode(page)


def model_body(model: str) -> bytes:
    """Write the answer of GET /v1/models/{id}."""
    return msgspec.json.encode(_model(model))


def wants_usage_injection(endpoint: Endpoint, fields: Fields) -> bool:
    """Say no: these streams always end with their usage."""
    return False


def limit_headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    """Say how a rate stands, as Anthropic does on every answer."""
    begin = b"anthropic-ratelimit-%b-" % standing.unit.encode()
    return [
        (begin + b"limit", b"%d" % standing.most),
        (begin + b"remaining", b"%d" % standing.left),
        (begin + b"reset", stamp(standing.full_at_s).encode()),
    ]


def _error(refusal: Refusal) -> dict[str, object]:
    message = _BEGINS.get(refusal.kind, "") + refusal.message
    return {"type": "error", "error": {"type": _REFUSALS[refusal.kind], "message": message}}


def _model(name: str) -> dict[str, str]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
