"""How the OpenAI dialect looks from outside: endpoints, credential, refusals, model lists."""

from collections.abc import Sequence

import msgspec

from gateway.core.errors import Refusal
from gateway.wire.endpoint import AN_ID, ASKS, POLLS, Endpoint, EndpointTable, JobPath
from gateway.wire.shapes import Fields

CHAT = Endpoint(name="chat", reads_body=True, meters=True)
TEXT_COMPLETION = Endpoint(name="text_completion", reads_body=True, meters=True)
RESPONSES = Endpoint(name="responses", reads_body=True, meters=True)
EMBEDDINGS = Endpoint(name="embeddings", reads_body=True, meters=True)
IMAGE = Endpoint(name="image", reads_body=True, meters=True, counts="images")
IMAGE_FORM = Endpoint(name="image", meters=True, counts="images")
SPEECH = Endpoint(name="audio", reads_body=True, meters=True, counts="characters")
LISTENING = Endpoint(name="audio", meters=True, counts="seconds")
OTHER = Endpoint(name="other", reads_body=True, meters=True)
FREE = Endpoint(name="other", reads_body=True)
# Ollama's own API: a document on each line, unless one is asked for.
LINES = Endpoint(name="chat", reads_body=True, meters=True, lines=True)
_POLLED_RESPONSE = Endpoint(name="responses", meters=True, job=POLLS)
_POLLED_BATCH = Endpoint(name="batch", meters=True, job=POLLS)

# Audio and image uploads are multipart: they stream through, and so their model is not read.
ENDPOINTS: EndpointTable = EndpointTable(
    posts={
        "chat/completions": CHAT,
        "completions": TEXT_COMPLETION,
        "responses": RESPONSES,
        "responses/compact": RESPONSES,
        "responses/input_tokens": Endpoint(name="count_tokens", reads_body=True),
        "embeddings": EMBEDDINGS,
        "moderations": FREE,
        "rerank": OTHER,
        "decisions": OTHER,
        "fim/completions": CHAT,
        "images/generations": IMAGE,
        "images/edits": IMAGE_FORM,
        "images/variations": IMAGE_FORM,
        "audio/speech": SPEECH,
        "audio/transcriptions": LISTENING,
        "audio/translations": LISTENING,
        "ocr": OTHER,
        "api/chat": LINES,
        "api/generate": LINES,
        "api/embed": Endpoint(name="embeddings", reads_body=True, meters=True, lines=True),
        "chat": CHAT,
        "embed": EMBEDDINGS,
        "batches": Endpoint(name="batch", meters=True, job=ASKS),
    },
    families={
        "chat": "chat",
        "completions": "text_completion",
        "responses": "responses",
        "embeddings": "embeddings",
        "images": "image",
        "audio": "audio",
        "batches": "batch",
        "models": "models",
        "files": "other",
        "uploads": "other",
        "vector_stores": "other",
        "conversations": "other",
        "threads": "other",
        "assistants": "other",
        "fine_tuning": "other",
        "containers": "other",
        "evals": "other",
        "videos": "other",
    },
    jobs=(
        JobPath("GET", ("responses", AN_ID), _POLLED_RESPONSE),
        JobPath("POST", ("responses", AN_ID, "cancel"), _POLLED_RESPONSE),
        JobPath("GET", ("batches", AN_ID), _POLLED_BATCH),
        JobPath("POST", ("batches", AN_ID, "cancel"), _POLLED_BATCH),
    ),
)

# First words of paths that clients use at the root without /v1.
FIRST_WORDS: frozenset[str] = frozenset(
    ({path.partition("/")[0] for path in ENDPOINTS.posts} | ENDPOINTS.families.keys()) - {"api"}
)

# kind: (error type, error code)
_REFUSALS = {
    "invalid_key": ("invalid_request_error", "invalid_api_key"),
    "bad_request": ("invalid_request_error", "invalid_request"),
    "not_found": ("invalid_request_error", "not_found"),
    "method_not_allowed": ("invalid_request_error", "method_not_allowed"),
    "model_not_allowed": ("invalid_request_error", "model_not_allowed"),
    "model_not_found": ("invalid_request_error", "model_not_found"),
    "path_not_allowed": ("invalid_request_error", "path_not_allowed"),
    "body_too_large": ("invalid_request_error", "request_too_large"),
    "unsupported_encoding": ("invalid_request_error", "unsupported_encoding"),
    "request_timeout": ("invalid_request_error", "request_timeout"),
    "upgrade_required": ("invalid_request_error", "upgrade_required"),
    "price_unknown": ("invalid_request_error", "price_unknown"),
    "no_provider": ("server_error", "no_provider"),
    "journal_down": ("server_error", "journal_down"),
    "overloaded": ("server_error", "overloaded"),
    "draining": ("server_error", "overloaded"),
    "upstream_connect": ("upstream_error", "upstream_connect_error"),
    "upstream_protocol": ("upstream_error", "upstream_protocol_error"),
    "upstream_timeout": ("upstream_error", "upstream_timeout"),
    "internal_error": ("server_error", "internal_error"),
}


def credential(key: bytes) -> tuple[bytes, bytes]:
    """Return the header that carries a provider key."""
    return b"Authorization", b"Bearer " + key


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """Write a refusal as the error body that OpenAI clients understand."""
    return msgspec.json.encode({"error": _error(refusal)})


def error_event(refusal: Refusal, request_id: str, endpoint: Endpoint) -> bytes:
    """Write a refusal as an event inside a stream."""
    if endpoint.name == "responses":
        event = {"type": "error", "sequence_number": 0, "error": _error(refusal)}
        return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"
    return b"data: " + msgspec.json.encode({"error": _error(refusal)}) + b"\n\n"


def models_body(models: Sequence[str]) -> bytes:
    """Write the answer of GET /v1/models."""
    return msgspec.json.encode({"object": "list", "data": [_model(name) for name in models]})


def model_body(model: str) -> bytes:
    """Write the answer of GET /v1/models/{id}."""
    return msgspec.json.encode(_model(model))


def wants_usage_injection(endpoint: Endpoint, fields: Fields) -> bool:
    """Tell whether a stream was asked for that would end without its usage."""
    if endpoint.lines or not fields.stream or fields.include_usage:
        return False
    return endpoint.name in ("chat", "text_completion")


def _error(refusal: Refusal) -> dict[str, str | None]:
    kind, code = _REFUSALS[refusal.kind]
    return {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "tollway"}
