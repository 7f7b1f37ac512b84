"""What a request weighs where its tokens are estimated from its size."""

import base64
import json
import random

import pytest

from gateway.wire.weight import text_bytes

PICTURE = base64.b64encode(random.Random(1).randbytes(3_750_000)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "You are a helpful assistant. ",
        "猫は屋根の上で眠っている。",
        "if(a){b(c)}else{d(e,f)};",
        "https://example.com/a/b?c=d&e=f ",
    ],
)
@pytest.mark.parametrize("escaped", [True, False])
def test_text_weighs_what_it_is(text: str, escaped: bool) -> None:
    """In any script, escaped or not, and code."""
    body = json.dumps({"messages": [{"content": text * 5000}]}, ensure_ascii=escaped).encode()

    assert len(body) == text_bytes(len(body), body, "application/json")


def test_a_picture_in_json_weighs_little() -> None:
    """5 MB of base64 are a few thousand tokens, not more than a million; the text beside it counts in full."""
    for text_size in (0, 400_000):
        body = json.dumps(
            {"url": f"data:image/png;base64,{PICTURE}", "text": "some words " * (text_size // 11)}
        ).encode()

        assert text_size + 20_000 == pytest.approx(text_bytes(len(body), body, "application/json"), abs=20_000)


def test_what_was_kept_stands_for_the_whole() -> None:
    """Of a long body only a part may be at hand."""
    body = json.dumps({"url": PICTURE}).encode()

    assert 20_000 == pytest.approx(text_bytes(len(body), body[:1_000_000], None), abs=20_000)
    assert 5_000_000 == text_bytes(5_000_000, b"", None)
    assert 0 == text_bytes(0, b"", None)


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "audio/wav", "application/octet-stream"])
def test_an_upload_is_no_text(content_type: str) -> None:
    """Five minutes of sound are not a million tokens."""
    assert 20_000 == pytest.approx(text_bytes(5_000_000, b"", content_type), rel=0.1)
