"""A body is read whole where its fields count, looked through where it is a form, else passed."""

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.intake import HOLD_BYTES, Intake, taking
from gateway.wire.endpoint import Endpoint
from tests.exchange.parts import head

CHAT = Endpoint(name="chat", reads_body=True, meters=True)
OTHER = Endpoint(name="other")


def expecting(endpoint: Endpoint, *, listed: bool = False, length: int | None = 3, **headers: bytes) -> Intake:
    """An intake for a POST with these headers."""
    intake = Intake(1000)
    intake.expect(taking(head(b"POST", b"/v1/x", **headers), endpoint, listed=listed), length)
    return intake


def test_how_a_body_is_taken_follows_from_its_head() -> None:
    """JSON of a known endpoint whole; a form looked through; anything else passed, unless the key is held to models."""
    json = {"content_type": b"application/json"}

    assert expecting(CHAT, **json).whole
    assert expecting(CHAT, content_type=b"multipart/form-data; boundary=x").is_form
    assert not expecting(OTHER, **json).whole
    assert expecting(OTHER, listed=True, **json).whole
    assert not expecting(OTHER, listed=True, content_type=b"audio/wav").whole


def test_long_bodies_are_refused_by_head_and_by_count() -> None:
    """The message names the limit, whatever its size."""
    with pytest.raises(Refusal, match=r"allows: 1000 bytes\. "):
        expecting(CHAT, length=1001)
    intake = expecting(CHAT, length=None)
    intake.count(b"x" * 1000)
    with pytest.raises(Refusal):
        intake.count(b"x")


def test_compressed_json_is_refused() -> None:
    """What is checked must be what is sent."""
    with pytest.raises(Refusal) as caught:
        expecting(CHAT, content_encoding=b"gzip")

    assert "unsupported_encoding" == caught.value.kind


def test_what_is_held_comes_out_once() -> None:
    """In order, as one piece."""
    intake = expecting(CHAT)
    intake.hold(b"ab")
    intake.hold(b"c")

    assert not intake.full
    assert [b"abc", b""] == [intake.release(), intake.release()]
    intake.hold(b"x" * HOLD_BYTES)
    assert intake.full
