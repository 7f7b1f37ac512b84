"""What a request is billed by where its answer does not tell."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.wire.billed import Billed, add_asked
from gateway.wire.openai import ENDPOINTS

FORM = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n3\r\n--b--\r\n'


def added(counts: str, body: bytes, body_bytes: int = 0) -> Usage:
    """Return what is added to an empty estimate."""
    usage = Usage()
    add_asked(usage, Billed(body, counts), body_bytes or len(body))
    return usage


def test_speech_counts_the_characters_that_are_spoken() -> None:
    """Characters, not bytes; and the tokens of sound that they become, for models that are paid by those."""
    usage = added("characters", json.dumps({"model": "tts-1", "input": "Größe 10"}, ensure_ascii=False).encode())

    assert (8, 12, 12) == (usage.characters, usage.output_total, usage.output_audio)


@pytest.mark.parametrize(
    ("body", "images"),
    [
        (b'{"prompt":"a cat"}', 1),
        (b'{"prompt":"a cat","n":4}', 4),
        (b'{"prompt":"a cat","n":-4}', 1),
        (b'{"prompt":"a cat","n":"many"}', 1),
        (b'{"prompt":"a cat","n":1000000}', 100),
        (b'{"instances":[{}],"parameters":{"sampleCount":2}}', 2),
        (FORM, 3),
        (b"\x89PNG", 1),
    ],
)
def test_pictures_are_as_many_as_were_asked_for(body: bytes, images: int) -> None:
    """In JSON, in a form, in Google's way; one where nobody says how many."""
    assert images == added("images", body).images


def test_a_recording_counts_by_its_size() -> None:
    """Also where only its length is at hand: uploads stream through."""
    assert 60 == added("seconds", b"", 960_000).seconds


@given(st.sampled_from(["characters", "images", "seconds"]), st.binary(), st.integers(0, 1 << 40))
def test_no_request_whatever_raises(counts: str, body: bytes, body_bytes: int) -> None:
    """Nothing is counted below zero."""
    usage = added(counts, body, body_bytes)

    assert min(usage.characters, usage.images, usage.seconds, usage.output_total) >= 0


def test_every_endpoint_counts_what_is_known() -> None:
    """A word in the endpoints' tables that nobody counts would break the books."""
    words = {endpoint.counts for endpoint in ENDPOINTS.posts.values() if endpoint.counts}

    assert {"characters", "images", "seconds"} == words
    for word in words:
        added(word, b"{}")
