"""What a request, or an answer that tells no usage, weighs where its tokens are estimated."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.guess import BY_SIZE
from gateway.wire.openai_words import ANSWERS
from gateway.wire.weight import READ_BYTES, answer_tokens, text_bytes

PICTURE = base64.b64encode(random.Random(1).randbytes(3_750_000)).decode()
SMALL = PICTURE[:40_000]
TURN, FILE = 16, 2_400


def weight(document: Any, *, escaped: bool = False) -> int:
    """Weigh a request that is at hand."""
    body = json.dumps(document, ensure_ascii=escaped).encode()
    return text_bytes(len(body), body, "application/json")


@pytest.mark.parametrize(
    "text",
    [
        "You are a helpful assistant. ",
        "猫は屋根の上で眠っている。",
        "if(a){b(c)}else{d(e,f)};",
        "https://example.com/a/b?c=d&e=f ",
        'a "quoted" line\n\tand another\n',
    ],
)
@pytest.mark.parametrize("escaped", [True, False])
def test_text_weighs_what_it_is(text: str, escaped: bool) -> None:
    """In any script, and code, however JSON has to write it; each message has its frame."""
    said = {"messages": [{"role": "user", "content": text * 5000}, {"role": "assistant", "content": text}]}

    assert len((text * 5001).encode()) + 2 * TURN == weight(said, escaped=escaped)


def test_the_same_request_weighs_the_same_in_each_dialect() -> None:
    """As messages, items or contents, plain or in parts."""
    text = "some words " * 100
    requests: list[dict[str, Any]] = [
        {
            "messages": [
                {"role": "system", "content": text},
                {"role": "user", "content": [{"type": "text", "text": text}]},
            ]
        },
        {"input": [{"role": "system", "content": text}, {"content": [{"type": "input_text", "text": text}]}]},
        {"contents": [{"parts": [{"text": text}]}, {"role": "user", "parts": [{"text": text}]}]},
    ]

    assert [2200 + 2 * TURN] * 3 == [weight({"model": "", "max_tokens": 9, **request}) for request in requests]
    assert 2200 == weight({"system": [{"type": "text", "text": text}], "prompt": text})


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SMALL}"}}, FILE),
        ({"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}}, FILE),
        ({"type": "input_image", "image_url": "https://example.com/cat.png"}, FILE),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SMALL}}, FILE),
        ({"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}}, FILE),
        ({"type": "input_file", "file_id": "file-1234567890"}, FILE),
        ({"inlineData": {"mimeType": "image/png", "data": SMALL}}, FILE),
        ({"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/x.pdf"}}, FILE),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0" + SMALL, "filename": "x"}}, FILE),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0" + PICTURE[:1_500_000]}}, 5860),
        ({"type": "input_audio", "input_audio": {"format": "wav", "data": SMALL}}, 157),
        ({"inline_data": {"mime_type": "audio/mp3", "data": SMALL}}, 157),
        ({"type": "audio_url", "audio_url": {"href": f"data:audio/mpeg;base64,{SMALL}"}}, 157),
    ],
)
def test_what_is_no_text_has_a_weight_of_its_own(part: dict[str, Any], expected: int) -> None:
    """A picture weighs the same whatever its bytes, a document by its pages, sound by its length."""
    assert expected == pytest.approx(weight({"messages": [{"content": [part]}]}) - TURN, rel=0.01)


def test_a_long_line_of_letters_is_a_picture_and_a_short_one_is_not() -> None:
    """No text has words of that length; a hash or a key has its bytes."""
    assert (FILE, 90) == (weight({"data": SMALL}), weight({"data": SMALL[:90]}))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"url": "https://example.com"}}, 4 + 29),
        ({"functionCall": {"name": "find", "args": {"url": "https://example.com"}}}, 4 + 29),
        ({"functionResponse": {"name": "find", "response": {"found": [1, 2]}}}, 4 + 15),
        ({"type": "tool_result", "tool_use_id": "toolu_1", "content": "found it"}, 8),
        ({"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}, 6),
        ({"type": "function_call_output", "call_id": "call_1", "output": "found it"}, 8),
        ({"type": "thinking", "thinking": "well", "signature": SMALL}, 4),
        ({"type": "reasoning", "encrypted_content": SMALL, "summary": []}, round((40_000 - 850) / 6.5 * 4)),
        ({"text": "well", "thoughtSignature": SMALL}, 4 + (40_000 - 64) * 3 // 4),
    ],
)
def test_calls_and_reasoning_weigh_what_the_model_reads_of_them(call: dict[str, Any], text: int) -> None:
    """Arguments are JSON and no links; ids are nothing; sealed reasoning is what it seals."""
    assert text == pytest.approx(weight({"messages": [call]}) - TURN, abs=1)


def test_tools_weigh_less_than_their_json_and_bring_a_prompt_with_anthropic() -> None:
    """A schema is rewritten for the model; Gemini does not count that of its answer."""
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "some words " * 50}}}
    size = len(json.dumps([{"name": "x", "parameters": schema}], separators=(",", ":")))

    assert 0.8 * size == pytest.approx(weight({"tools": [{"name": "x", "parameters": schema}]}), abs=1)
    assert 0.8 * size + 1600 == pytest.approx(weight({"tools": [{"name": "x", "input_schema": schema}]}), abs=5)
    assert 0.8 * (size - 19) == pytest.approx(weight({"text": {"format": schema}}), rel=0.05)
    assert 0 == weight({"generationConfig": {"responseSchema": schema}})


def test_tokens_that_are_sent_as_numbers_are_as_many() -> None:
    """Embeddings and completions take them."""
    assert (400, 800) == (weight({"input": [7] * 100}), weight({"prompt": [[7] * 100, [8] * 100]}))


def test_names_ids_and_settings_weigh_nothing() -> None:
    """Long or often repeated, and no model reads them."""
    assert 0 == weight({"model": "m" * 99, "metadata": {"user_id": "x" * 99}, "stream": True, "temperature": 0.5})


def test_a_body_that_we_made_longer_is_read_all_the_same() -> None:
    """We ask for usage in it; the record has the length of what came."""
    body = json.dumps({"messages": [{"content": "word " * 100}], "stream_options": {"include_usage": True}}).encode()

    assert 500 + TURN == text_bytes(len(body) - 44, body, "application/json")


def test_a_long_picture_in_json_weighs_little() -> None:
    """5 MB of base64 are a few thousand tokens, not more than a million; the text beside it counts in full."""
    for text_size in (0, 400_000):
        body = json.dumps(
            {"url": f"data:image/png;base64,{PICTURE}", "text": "some words " * (text_size // 11)}
        ).encode()

        assert len(body) > READ_BYTES
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


def test_an_answer_that_can_be_read_is_its_text_and_any_other_its_size() -> None:
    """What is left of a long one must not be taken for a short one."""
    body = json.dumps({"choices": [{"message": {"content": "word " * 1000}}], "x": "y " * 999}).encode()

    assert 1250 == answer_tokens(len(body), body, ANSWERS)
    assert 250_000 == pytest.approx(answer_tokens(1_000_000, body, ANSWERS), rel=0.01)
    assert [1, 1, 1] == [answer_tokens(len(odd), odd, ANSWERS) for odd in (b"7", b"", b"\xff")]
    assert len(body) / 4 == pytest.approx(answer_tokens(len(body), body, BY_SIZE), rel=0.01)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "content", "input", "tools", "url", "format", "encrypted_content", "text", "args", "data"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_weighs_something_finite(document: Any) -> None:
    """Whatever shape it has."""
    assert 0 <= weight(document) < 1_000_000


def test_what_is_nested_too_deep_is_weighed_by_its_size() -> None:
    """It cannot be walked."""
    for depth in (900, 100_000):
        body = b'{"messages":' * depth + b'"x"' + b"}" * depth

        assert 0 <= text_bytes(len(body), body, None) <= len(body)
        assert 1 <= answer_tokens(len(body), body, BY_SIZE) <= len(body)
