"""What bounds a request in the Gemini dialect, and what breaks the bound."""

from typing import Any

import pytest

from gateway.core.asked import Asked
from gateway.core.errors import Refusal
from gateway.wire import gemini
from tests.wire.asking import asked

PICTURE = {"mimeType": "image/png", "data": "A" * 1_000}


def generate(*parts: Any, **more: Any) -> Asked:
    """Read a request for an answer."""
    return asked("gemini", {"contents": [{"role": "user", "parts": list(parts) or [{"text": "Hi"}]}], **more})


def test_a_usual_request_is_text() -> None:
    """With functions, thoughts and what functions gave."""
    found = generate(
        {"text": "Hi"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "AAAA"},
        {"functionResponse": {"name": "f", "response": {"inlineData": 5}}},
        systemInstruction={"parts": [{"text": "Be kind."}]},
        tools=[{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
        generationConfig={"maxOutputTokens": 100, "candidateCount": 2, "responseModalities": ["TEXT"]},
        serviceTier="flex",
    )

    assert ("", "", 100, 2, 4) == (
        found.unbounded, found.elsewhere, found.max_output_tokens, found.choices, found.framed,
    )  # fmt: skip
    assert found.text_only
    assert found.text_only_answer
    assert "flex" == found.service_tier


def test_google_reads_names_in_two_ways() -> None:
    """So do we; the larger maximum counts where both stand, and one field under both names is refused."""
    found = asked(
        "gemini",
        {
            "contents": {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]},
            "system_instruction": {"parts": [{"text": "x"}]},
            "generation_config": {"max_output_tokens": 9, "maxOutputTokens": 70, "candidate_count": 3},
            "tools": {"function_declarations": [{"name": "f"}]},
        },
    )

    assert ("", 70, 3, 1, 3) == (
        found.unbounded, found.max_output_tokens, found.choices, found.images, found.framed,
    )  # fmt: skip
    with pytest.raises(Refusal):
        asked("gemini", {"generationConfig": {}, "generation_config": {"maxOutputTokens": 9}})


@pytest.mark.parametrize(
    "body",
    [
        b'{"generationConfig":{"maxOutputTokens":64000},"generationConfig":{"maxOutputTokens":9}}',
        b'{"generationConfig":{"maxOutputTokens":64000,"maxOutputTokens":9}}',
        b'{"generationConfig":{"candidateCount":8,"candidateCount":1}}',
    ],
)
def test_what_stands_twice_is_refused(body: bytes) -> None:
    """Nobody knows which of them Google reads."""
    with pytest.raises(Refusal):
        asked("gemini", body)


def test_without_modalities_anything_may_come_back() -> None:
    """Some models draw unasked: their dearest kind of answer counts."""
    assert not generate().text_only_answer
    assert not generate(generationConfig={}).text_only_answer


@pytest.mark.parametrize("place", ["alone", "in a result"])
def test_pictures_are_counted_and_are_no_text(place: str) -> None:
    """Also those that a function gave."""
    part = {"inlineData": PICTURE}

    found = generate(part if place == "alone" else {"functionResponse": {"name": "f", "parts": [part]}})

    assert (1, "") == (found.images, found.elsewhere)
    assert found.text_bytes < found.body_bytes - 1_000


@pytest.mark.parametrize(
    "part",
    [
        {"fileData": {"fileUri": "https://example.org/a.mp4"}},
        {"file_data": {"file_uri": "https://example.org/a.mp4"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}},
        {"inlineData": {}},
        {"ofNextYear": 1},
    ],
)
def test_what_is_not_in_the_body(part: Any) -> None:
    """Files, sound, films, and parts that nobody knows."""
    found = generate(part)

    assert found.elsewhere
    assert not found.images


def test_what_was_cached_before_is_not_in_the_body() -> None:
    """Its length is not known."""
    assert generate(cachedContent="cachedContents/c").elsewhere


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"tools": [{"googleSearch": {}}]}, "googleSearch"),
        ({"tools": [{"google_search": {}}]}, "google_search"),
        ({"tools": [{"functionDeclarations": [], "codeExecution": {}}]}, "codeExecution"),
        ({"tools": {"urlContext": {}}}, "urlContext"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "pictures or sound"),
        ({"generationConfig": {"response_modalities": "AUDIO"}}, "pictures or sound"),
        ({"generationConfig": {"maxOutputTokens": "5"}}, "maxOutputTokens"),
        ({"generationConfig": []}, "generationConfig"),
        ({"ofNextYear": 1}, "ofNextYear"),
    ],
)
def test_what_breaks_the_bound(more: dict[str, Any], told: str) -> None:
    """Whatever runs at Google, pictures and sound, and what is written oddly."""
    assert told in generate(**more).unbounded


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("embedcontent", {"content": {"parts": [{"text": "Hi"}]}}),
        ("batchembedcontents", {"requests": [{"model": "m", "content": {"parts": [{"text": "Hi"}]}}]}),
    ],
)
def test_embeddings_write_nothing(action: str, request_: Any) -> None:
    """Text is read; what else can be embedded has a price that is not known."""
    found = asked("gemini", request_, gemini.ACTIONS[action])

    assert (False, "", 1) == (found.writes, found.unbounded, found.framed)


def test_embedding_more_than_text_has_no_bound() -> None:
    """Pictures and films are counted in ways of their own."""
    found = asked("gemini", {"content": {"parts": [{"inlineData": PICTURE}]}}, gemini.ACTIONS["embedcontent"])

    assert found.unbounded
