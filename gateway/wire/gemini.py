"""How the Gemini dialect looks from outside: endpoints, credential, refusals, model lists."""

from collections.abc import Sequence

import msgspec

from gateway.core.errors import Refusal, Standing
from gateway.wire import openai
from gateway.wire.endpoint import ASKS, Endpoint, EndpointTable, classify, words
from gateway.wire.shapes import Fields

_COUNT = Endpoint(name="count_tokens", reads_body=True)
_ASKED_BATCH = Endpoint(name="batch", reads_body=True, meters=True, job=ASKS)
_EMBED = Endpoint(name="embeddings", reads_body=True, meters=True)

# What stands behind the colon of `models/{m}:{action}`, in lower case.
ACTIONS = {
    "generatecontent": Endpoint(name="generate_content", reads_body=True, meters=True),
    "streamgeneratecontent": Endpoint(name="generate_content", reads_body=True, meters=True, streams=True),
    "counttokens": _COUNT,
    "embedcontent": _EMBED,
    "batchembedcontents": _EMBED,
    "predict": Endpoint(name="image", reads_body=True, meters=True, counts="images"),
    "predictlongrunning": Endpoint(name="other", reads_body=True),
    "batchgeneratecontent": _ASKED_BATCH,
    "asyncbatchembedcontent": _ASKED_BATCH,
}

# `/v1beta/openai/…` speaks the OpenAI dialect behind Google's door.
ENDPOINTS: EndpointTable = EndpointTable(
    posts={"interactions": Endpoint(name="other", reads_body=True, meters=True)}
    | {f"openai/{path}": endpoint for path, endpoint in openai.ENDPOINTS.posts.items()},
    families={
        "batches": "batch",
        "models": "models",
        "cachedcontents": "other",
        "files": "other",
        "filesearchstores": "other",
        "tunedmodels": "other",  # of the account: the provider lists them, not we
        "operations": "other",
        "upload": "other",
    },
    jobs=openai.ENDPOINTS.jobs,  # the same paths; the answer tells whose it is
)

# What streams text behind that door, and nowhere else.
_OF_OPENAI = frozenset(("chat", "text_completion", "responses"))

# HTTP status: Google's own name for it
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    426: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def endpoint(method: str, path: str) -> Endpoint:
    """Find the endpoint of a path: by the action behind its last colon, else by its words."""
    if method == "POST":
        parts = words(path)
        action = ACTIONS.get(parts[-1].rpartition(":")[2]) if parts and ":" in parts[-1] else None
        if action is not None:
            return action
    return classify(ENDPOINTS, method, path)


def credential(key: bytes) -> tuple[bytes, bytes]:
    """Return the header that carries a provider key."""
    return b"x-goog-api-key", key


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """Write a refusal as the error body that Google clients understand."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": refusal.kind.upper(),
        "domain": "tollway",
        "metadata": {"request_id": request_id},
    }
    details: list[object] = [info]
    if refusal.advice.retry_after_ms is not None:
        delay = f"{-(-refusal.advice.retry_after_ms // 1_000)}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    error = {
        "code": refusal.status,
        "message": refusal.message,
        "status": _STATUS_NAMES.get(refusal.status, "UNKNOWN"),
        "details": details,
    }
    return msgspec.json.encode({"error": error})


def error_event(refusal: Refusal, request_id: str, endpoint: Endpoint) -> bytes:
    """Write a refusal as an event inside a stream (its SDK reads `data: ` lines only)."""
    if endpoint.name in _OF_OPENAI:
        return openai.error_event(refusal, request_id, endpoint)
    return b"data: " + refusal_body(refusal, request_id) + b"\r\n\r\n"


def limit_headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    """Say nothing: Google has no such headers, and its SDK reads none."""
    return []


def models_body(models: Sequence[str]) -> bytes:
    """Write the answer of GET /v1beta/models."""
    return msgspec.json.encode({"models": [_model(name) for name in models]})


def model_body(model: str) -> bytes:
    """Write the answer of GET /v1beta/models/{m}."""
    return msgspec.json.encode(_model(model))


def wants_usage_injection(endpoint: Endpoint, fields: Fields) -> bool:
    """Say no: every chunk carries the usage so far."""
    return False


def _model(name: str) -> dict[str, str | list[str]]:
    return {
        "name": f"models/{name}",
        "baseModelId": name,
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
