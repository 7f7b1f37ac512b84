"""What bounds a request in the OpenAI dialect, and what breaks the bound."""

import json
from typing import Any

import pytest

from gateway.core.asked import Asked
from gateway.wire import openai
from tests.wire.asking import asked

PICTURE = "data:image/png;base64," + "A" * 1_000
COMPLETIONS = openai.ENDPOINTS.posts["completions"]


def chat(content: Any = "Hi", **more: Any) -> Asked:
    """Read a chat."""
    return asked("openai", {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **more})


def responses(text: Any = "Hi", **more: Any) -> Asked:
    """Read a request for a response."""
    return asked("openai", {"model": "gpt-4o", "input": text, **more}, openai.RESPONSES)


def test_a_usual_chat_is_text() -> None:
    """With functions and a maximum; of two maxima the larger may count."""
    tools = [{"type": "function", "function": {"name": "f"}}, {"function": {"name": "g"}}, {"type": "custom"}]
    found = chat(
        [{"type": "text", "text": "Hi"}, {"type": "refusal", "refusal": "No"}],
        max_tokens=10,
        max_completion_tokens=20,
        n=3,
        tools=tools,
        service_tier="flex",
        modalities=["text"],
        reasoning_effort="high",
    )

    assert ("", "", 0) == (found.unbounded, found.elsewhere, found.images)
    assert (20, 3, 4, "flex") == (found.max_output_tokens, found.choices, found.framed, found.service_tier)
    assert found.text_only
    assert found.text_only_answer
    assert found.text_bytes == found.body_bytes


@pytest.mark.parametrize("maximum", [None, 0])
def test_no_maximum(maximum: int | None) -> None:
    """Nothing is said; for some servers 0 says it."""
    assert chat(max_tokens=maximum).max_output_tokens is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"web_search_options": {}}, "web_search_options"),
        ({"audio": {"voice": "x"}}, "sound"),
        ({"modalities": ["text", "audio"]}, "sound"),
        ({"models": ["a", "b"]}, "'models'"),
        ({"plugins": [{"id": "web"}]}, "'plugins'"),
        ({"search_parameters": {"mode": "on"}}, "'search_parameters'"),
        ({"tools": [{"type": "openrouter:web_search"}]}, "openrouter:web_search"),
        ({"tools": [{"type": "code_interpreter", "function": {}}]}, "code_interpreter"),
        ({"tools": [{}]}, "None"),
        ({"tools": {}}, "'tools'"),
        ({"max_tokens": -1}, "'max_tokens'"),
        ({"n": 1.5}, "'n'"),
        ({"messages": "Hi"}, "'messages'"),
    ],
)
def test_what_breaks_the_bound_of_a_chat(more: dict[str, Any], told: str) -> None:
    """Searches, sound, other models, tools at the provider, and what is written oddly."""
    assert told in chat(**more).unbounded


def test_pictures_are_counted_and_are_no_text() -> None:
    """However the client writes where they are."""
    for picture in ({"url": PICTURE}, {"detail": "high", "url": PICTURE}, PICTURE):
        found = chat([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": picture}])

        assert (1, "") == (found.images, found.elsewhere)
        assert found.text_bytes < found.body_bytes - len(PICTURE)


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}],
        [{"type": "input_audio", "input_audio": {"data": "AAAA"}}],
        [{"type": "file", "file": {"file_id": "f"}}],
        [{"type": "of_next_year"}],
        [{}],
    ],
)
def test_what_is_not_in_the_body_of_a_chat(content: list[Any]) -> None:
    """The model's window bounds it."""
    found = chat(content)

    assert ("", False) == (found.unbounded, found.text_only)
    assert found.elsewhere


def test_sound_of_an_earlier_answer_is_not_in_the_body() -> None:
    """Only its name is."""
    assert asked("openai", {"messages": [{"role": "assistant", "audio": {"id": "a"}}]}).elsewhere


def test_escapes_do_not_hide_a_picture() -> None:
    """Names are decoded before they are compared."""
    body = json.dumps({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://x/a"}}]}]})

    hidden = asked("openai", body.replace("image_url", "im\\u0061ge_url").encode())

    assert hidden.elsewhere


@pytest.mark.parametrize(
    ("more", "choices"),
    [
        ({"prompt": "Hi"}, 1),
        ({"prompt": "Hi", "n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b", "c"], "n": 2}, 6),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2], [3]]}, 2),
        ({"prompt": []}, 1),
        ({}, 1),
    ],
)
def test_every_prompt_of_a_completion_has_answers_of_its_own(more: dict[str, Any], choices: int) -> None:
    """A list of tokens is one prompt, a list of texts is several."""
    found = asked("openai", {"model": "m", "max_tokens": 9, **more}, COMPLETIONS)

    assert (choices, 9, "") == (found.choices, found.max_output_tokens, found.unbounded)


def test_a_usual_response_is_text() -> None:
    """With items of all kinds that hold what they stand for."""
    found = responses(
        [
            {"role": "user", "content": "Hi"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "reasoning", "id": "r", "encrypted_content": "AAAA", "summary": []},
            {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "output": "{}"},
            {"type": "tool_search_output", "tools": [{"type": "function", "name": "f"}]},
        ],
        max_output_tokens=50,
        tools=[
            {"type": "function", "name": "f"},
            {"type": "local_shell"},
            {"type": "tool_search", "execution": "client"},
        ],
        instructions="Be kind.",
    )

    assert ("", "", 50, 1, 1) == (
        found.unbounded, found.elsewhere, found.max_output_tokens, found.steps, found.kits,
    )  # fmt: skip
    assert 6 + 1 + 3 == found.framed


@pytest.mark.parametrize(
    "text",
    [
        [{"type": "item_reference", "id": "i"}],
        [{"type": "reasoning", "id": "r", "summary": []}],
        [{"type": "compaction", "encrypted_content": "AAAA"}],
        [{"type": "image_generation_call", "id": "i"}],
        [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}],
        [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
        [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}],
        [{"type": "function_call_output", "output": [{"type": "input_file", "file_data": "AAAA"}]}],
        [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "f"}}],
    ],
)
def test_what_is_not_in_the_body_of_a_response(text: list[Any]) -> None:
    """References, files, and what the provider keeps."""
    found = responses(text)

    assert found.elsewhere
    assert "" == found.unbounded


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
def test_a_conversation_that_the_provider_keeps_is_not_in_the_body(name: str) -> None:
    """Its length is not known."""
    assert name in responses(**{name: "x"}).elsewhere


def test_pictures_of_a_response() -> None:
    """In a message and in what a computer shows."""
    found = responses(
        [
            {"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]},
            {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PICTURE}},
        ]
    )

    assert (2, "") == (found.images, found.elsewhere)
    assert found.text_bytes < found.body_bytes - 2 * len(PICTURE)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"background": True}, "background"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"prompt": {"id": "p"}}, "stored prompt"),
        ({"tools": [{"type": "web_search"}]}, "'max_tool_calls' is missing"),
        ({"tools": [{"type": "code_interpreter"}], "max_tool_calls": 3}, "code_interpreter"),
        ({"tools": [{"type": "mcp"}], "max_tool_calls": 3}, "mcp"),
        ({"tools": [{"type": "tool_search"}]}, "tool_search"),
        ({"input": [{"type": "additional_tools", "tools": [{"type": "web_search"}]}]}, "web_search"),
        ({"of_next_year": 1}, "of_next_year"),
    ],
)
def test_what_breaks_the_bound_of_a_response(more: dict[str, Any], told: str) -> None:
    """Work that goes on, and tools at the provider without an end."""
    assert told in responses(**more).unbounded


@pytest.mark.parametrize(
    ("kind", "searches", "file_searches"),
    [("web_search", 4, 0), ("web_search_preview_2025_03_11", 4, 0), ("file_search", 0, 4)],
)
def test_searches_are_bounded_by_their_number(kind: str, searches: int, file_searches: int) -> None:
    """The model reads again after each, and each has its fee."""
    found = responses(tools=[{"type": kind}], max_tool_calls=4)

    assert ("", 5, searches, file_searches) == (found.unbounded, found.steps, found.searches, found.file_searches)


def test_embeddings_write_nothing() -> None:
    """Texts and tokens are read; other things have a price that is not known."""
    for text in ("Hi", ["Hi", "Ho"], [1, 2], [[1, 2]]):
        found = asked("openai", {"model": "m", "input": text}, openai.EMBEDDINGS)

        assert (False, "") == (found.writes, found.unbounded)
    assert asked("openai", {"model": "m", "input": [{"image": "x"}]}, openai.EMBEDDINGS).unbounded


def test_pictures_and_speech_are_counted_in_their_own_units() -> None:
    """So many pictures; so many characters, which are at most the body's bytes."""
    pictures = asked("openai", {"model": "m", "prompt": "a cat", "n": 3}, openai.IMAGE)
    speech = asked("openai", {"model": "m", "input": "Hi", "voice": "x"}, openai.SPEECH)

    assert (3, False, "") == (pictures.choices, pictures.text_only_answer, pictures.unbounded)
    assert (False, "") == (speech.text_only_answer, speech.unbounded)
