"""What the gateway says itself."""

import msgspec
import pytest

from gateway.core.errors import REFUSALS, Refusal
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
