"""What must be changed is changed, and nothing else."""

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.outgoing import edit
from gateway.wire.body import read
from gateway.wire.paths import at_root
from tests.exchange.parts import OPENAI

BODY = b'{ "messages": [1.0, 1e2], "model" : "fast",  "stream":true }'


def place(path: str):  # type: ignore[no-untyped-def]
    """Where a POST to that path goes."""
    found = at_root("POST", path, anthropic=False, google=False)
    assert found is not None
    return found


def test_renaming_changes_the_model_only() -> None:
    """Spaces, numbers and order of the body stay as they were."""
    outgoing = edit(place("/v1/responses"), BODY, read(BODY), OPENAI, "gpt-4o-mini")

    assert BODY.replace(b'"fast"', b'"gpt-4o-mini"') == outgoing.body
    assert not outgoing.asked_usage


def test_usage_is_asked_for_where_the_client_did_not() -> None:
    """On a chat stream; the rest of the body stays."""
    outgoing = edit(place("/v1/chat/completions"), BODY, read(BODY), OPENAI, None)

    assert outgoing.asked_usage
    assert BODY[:-1].rstrip() == outgoing.body[: len(BODY[:-1].rstrip())]


def test_model_in_the_path_is_renamed_there() -> None:
    """Gemini's clients put it into the path."""
    before = place("/v1beta/models/fast:streamGenerateContent")

    outgoing = edit(before, b"{}", None, OPENAI, "gemini-2.5-pro")

    assert "/v1beta/models/gemini-2.5-pro:streamGenerateContent" == outgoing.place.path


def test_form_cannot_be_renamed() -> None:
    """It passes as it is, or not at all."""
    with pytest.raises(Refusal):
        edit(place("/v1/audio/transcriptions"), b"", None, OPENAI, "whisper-1")
