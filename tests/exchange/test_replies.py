"""What the gateway says itself."""

import msgspec
import pytest

from gateway.core.errors import REFUSALS, Advice, Refusal, Standing
from gateway.exchange.replies import id_line, render, render_bad_request, unknown_path
from gateway.http.guard import BadRequest


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_is_said_in_every_dialect(kind: str, dialect: str) -> None:
    """Valid JSON with the advice, the exchange's id under every name, and the kind as a header."""
    block, body = render(Refusal(kind, "Do this."), dialect, "id-1")

    assert "Do this." in str(msgspec.json.decode(body))
    for line in (b"x-tollway-error: " + kind.encode(), b"x-request-id: id-1", b"request-id: id-1"):
        assert line in block.split(b"\r\n")
    assert (b"retry-after" in block) is (REFUSALS[kind].retry_after_s is not None)


@pytest.mark.parametrize(
    ("wait_ms", "lines"),
    [
        (1, (b"retry-after: 1", b"retry-after-ms: 1")),
        (0, (b"retry-after: 1", b"retry-after-ms: 1")),
        (1_200, (b"retry-after: 2", b"retry-after-ms: 1200")),
        (3_600_000, (b"retry-after: 60", b"retry-after-ms: 60000")),
    ],
)
def test_a_wait_is_told_to_the_millisecond_and_is_at_most_a_minute(wait_ms: int, lines: tuple[bytes, bytes]) -> None:
    """Older SDKs take no longer one, and then come back too soon."""
    block, _ = render(Refusal("rate_limited", "Later.", advice=Advice(retry_after_ms=wait_ms)), "openai", "id-1")

    assert [line for line in block.split(b"\r\n") if line.startswith(b"retry-after")] == list(lines)
    assert b"x-should-retry" not in block


def test_a_spent_budget_is_not_to_be_asked_for_again() -> None:
    """No time to come back stands there for SDKs, only for people and programs that know of budgets."""
    headers = ((b"x-tollway-budget-reset", b"2026-12-01T00:00:00Z"),)
    block, _ = render(Refusal("budget_exceeded", "No.", advice=Advice(headers=headers)), "openai", "id-1")

    lines = block.split(b"\r\n")
    assert b"x-should-retry: false" in lines
    assert b"x-tollway-budget-reset: 2026-12-01T00:00:00Z" in lines
    assert b"retry-after" not in block


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("openai", b"x-ratelimit-limit-tokens: 9"),
        ("anthropic", b"anthropic-ratelimit-tokens-limit: 9"),
        ("gemini", b""),
    ],
)
def test_how_a_rate_stands_is_told_in_the_dialects_headers(dialect: str, line: bytes) -> None:
    """Clients read their own provider's."""
    advice = Advice(standing=Standing("tokens", 9, 0, 1, 1))

    block, _ = render(Refusal("rate_limited", "Later.", advice=advice), dialect, "id-1")

    assert line in block.split(b"\r\n")
    assert (b"ratelimit" in block) is bool(line)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"),
        (405, "method_not_allowed"),
        (408, "request_timeout"),
        (413, "body_too_large"),
        (414, "bad_request"),
        (417, "bad_request"),
        (426, "upgrade_required"),
        (431, "bad_request"),
        (505, "bad_request"),
    ],
)
def test_unreadable_message_is_answered_as_json(status: int, kind: str) -> None:
    """Whose dialect it is cannot be known; kind and id are headers as on every refusal."""
    block, body = render_bad_request(BadRequest(status, "no Host"), "id-1")

    for line in (b"x-tollway-error: " + kind.encode(), b"x-tollway-request-id: id-1", b"x-should-retry: false"):
        assert line in block.split(b"\r\n")
    assert "no Host" in msgspec.json.decode(body)["error"]["message"]


def test_every_answer_names_its_exchange() -> None:
    """So that a client can ask for it."""
    assert b"x-tollway-request-id: id\r\n" == id_line("id")


def test_unknown_path_gets_a_hint() -> None:
    """A doubled version is told apart."""
    assert "/v1/v1" in unknown_path("/v1/v1/chat/completions")
    assert "/nowhere" in unknown_path("/nowhere")
