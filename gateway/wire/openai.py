"""How the OpenAI dialect looks from outside: endpoints, credential, refusals, model lists."""

from collections.abc import Sequence

import msgspec

from gateway.core.errors import Refusal, Standing
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
    "budget_exceeded": ("insufficient_quota", "budget_exceeded"),
    "unbounded_request": ("invalid_request_error", "unbounded_request"),
    "bound_exceeded": ("invalid_request_error", "bound_exceeded"),
    "ledger_down": ("server_error", "ledger_down"),
    "rate_limited": ("requests", "rate_limit_exceeded"),
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


# Codex shows a spent budget as a limit of its user's plan, with the time when it is over.
_CODEX = {"budget_exceeded": ("usage_limit_reached", "budget_exceeded")}
_CODEX_FINAL = "insufficient_quota"  # the code inside a stream that ends a turn for good


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """Write a refusal as the error body that OpenAI clients understand."""
    return msgspec.json.encode({"error": _error(refusal)})


def error_event(refusal: Refusal, request_id: str, endpoint: Endpoint) -> bytes:
    """Write a refusal as an event inside a stream."""
    if endpoint.lines:
        return msgspec.json.encode({"error": refusal.message}) + b"\n"
    if endpoint.name == "responses":
        if refusal.client == "codex" and refusal.kind in _CODEX:
            failure = {"code": _CODEX_FINAL, "message": refusal.message}
            response = {"id": request_id, "object": "response", "status": "failed", "error": failure}
            return _event("response.failed", {"response": response})
        return _event("error", {"error": _error(refusal)})
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


def limit_headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    """Say how a rate stands, as OpenAI does on every answer."""
    unit = standing.unit.encode()
    return [
        (b"x-ratelimit-limit-" + unit, b"%d" % standing.most),
        (b"x-ratelimit-remaining-" + unit, b"%d" % standing.left),
        (b"x-ratelimit-reset-" + unit, _duration(standing.full_ms)),
    ]


def _duration(whole_ms: int) -> bytes:
    """Write a duration as Go does: 20ms, 1.5s, 6m0s."""
    seconds, rest_ms = divmod(whole_ms, 1_000)
    if not seconds:
        return b"%dms" % rest_ms
    minutes, seconds = divmod(seconds, 60)
    part = b"%d.%03d" % (seconds, rest_ms) if rest_ms else b"%d" % seconds
    return (b"%dm" % minutes if minutes else b"") + (part.rstrip(b"0") if rest_ms else part) + b"s"


def _event(kind: str, more: dict[str, object]) -> bytes:
    event = {"type": kind, "sequence_number": 0} | more
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(event))


def _error(refusal: Refusal) -> dict[str, object]:
    kind, code = _REFUSALS[refusal.kind]
    standing, resets_s = refusal.advice.standing, refusal.advice.resets_s
    if refusal.kind == "rate_limited" and standing is not None:
        kind = standing.unit
    error: dict[str, object] = {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}
    if refusal.client == "codex" and refusal.kind in _CODEX:
        error["type"], error["code"] = _CODEX[refusal.kind]
        if resets_s is not None:
            error["resets_at"] = resets_s
    return error


def _model(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "tollway"}
