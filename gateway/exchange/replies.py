"""What the gateway says itself: refusals in the caller's own dialect, and its headers on every answer."""

from gateway.core.errors import REFUSALS, Refusal
from gateway.http.guard import BadRequest
from gateway.wire.dialect import DIALECTS
from gateway.wire.paths import doubled_hint

_LONGEST_WAIT_MS = 60_000
JSON = b"content-type: application/json\r\n"
# The kind of refusal of a message that was not even read to its end, by its status.
_UNREAD = {
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    426: "upgrade_required",
}


def render(refusal: Refusal, dialect: str, exchange_id: str) -> tuple[bytes, bytes]:
    """Return header block and body. The id stands under every name by which an SDK looks for it."""
    kind = REFUSALS[refusal.kind]
    name = exchange_id.encode()
    block = [
        JSON,
        b"x-tollway-request-id: %b\r\nx-request-id: %b\r\nrequest-id: %b\r\n" % (name, name, name),
        b"x-tollway-error: %b\r\n" % refusal.kind.encode(),
    ]
    if kind.should_retry is not None:
        block.append(b"x-should-retry: true\r\n" if kind.should_retry else b"x-should-retry: false\r\n")
    advice = refusal.advice
    if advice.retry_after_ms is not None:
        # Older SDKs do not wait longer than a minute, and fall back to a much shorter time of their own.
        wait_ms = min(max(advice.retry_after_ms, 1), _LONGEST_WAIT_MS)
        block.append(b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (-(-wait_ms // 1000), wait_ms))
    elif kind.retry_after_s is not None:
        block.append(b"retry-after: %d\r\n" % kind.retry_after_s)
    block += [b"%b: %b\r\n" % header for header in advice.headers]
    if advice.standing is not None:
        block += [b"%b: %b\r\n" % header for header in DIALECTS[dialect].limit_headers(advice.standing)]
    return b"".join(block), DIALECTS[dialect].refusal_body(refusal, exchange_id)


def render_bad_request(bad: BadRequest, exchange_id: str) -> tuple[bytes, bytes]:
    """Do the same for a message that could not be read: whose dialect it is cannot be known, most read OpenAI's."""
    return render(Refusal(_UNREAD.get(bad.status, "bad_request"), bad.message), "openai", exchange_id)


def id_line(exchange_id: str) -> bytes:
    """Write the header that stands on every answer."""
    return b"x-tollway-request-id: %b\r\n" % exchange_id.encode()


def unknown_path(path: str) -> str:
    """Say what may have been meant by a path that leads nowhere."""
    return doubled_hint(path) or (
        f"Nothing is served at {path}. OpenAI clients use base_url …/v1, Anthropic and Gemini clients the bare "
        "address; /{provider}/… reaches any path of a configured provider."
    )
