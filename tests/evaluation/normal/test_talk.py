"""Pieces become messages."""

from typing import Any

import pytest

from gateway.evaluation.api import Media, Message, ToolCall, ToolResult
from gateway.evaluation.normal.talk import Draft, Talk, add_content, role_of


def said(content: Any, role: Any = "user") -> Message:
    """Read content."""
    draft = Draft(role)
    add_content(draft, content)
    return draft.message({})


def test_parts_of_people_are_paragraphs_and_a_models_go_on() -> None:
    """A model's sentence may be cut where a citation begins; a person's parts are apart."""
    parts = [
        {"type": "text", "text": "a"},
        "b",
        {"type": "output_text", "text": "c"},
        {"type": "hologram", "text": "d"},
    ]

    assert "a\nb\nc" == said(parts).text
    assert "abc" == said(parts, "assistant").text


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, Media("image", 3)),
        ({"type": "image_url", "image_url": "https://a/b"}, Media("image", 0)),
        ({"type": "input_image", "image_url": "data:image/png;base64,AAAA"}, Media("image", 3)),
        ({"type": "image", "source": {"type": "base64", "data": "AAAAAAAA"}}, Media("image", 6)),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, Media("audio", 3)),
        ({"type": "document", "source": {"type": "url", "url": "https://a/b"}}, Media("document", 0)),
        ({"type": "file", "file": {"file_data": "data:a/b;base64,AAAA"}}, Media("document", 3)),
        ({"type": "input_file", "file_data": "data:a/b;base64,AAAA"}, Media("document", 3)),
        ({"type": "video_url", "video_url": {"url": "https://a/b"}}, Media("video", 0)),
    ],
)
def test_media_have_a_kind_and_a_size(part: dict[str, Any], expected: Media) -> None:
    """Never their bytes: evaluators look at words."""
    assert Message("user", media=(expected,)) == said([part])


def test_results_get_the_names_of_their_calls() -> None:
    """By the id, where the dialect does not say it again."""
    talk = Talk()
    talk.begin("assistant").call("1", "look", {"a": 1})
    talk.begin("tool").result("1", [{"type": "text", "text": "cat"}])
    talk.go_on("tool").result("2", {"x": 1}, is_error=True)

    assert (
        Message("assistant", tool_calls=(ToolCall("1", "look", '{"a":1}'),)),
        Message("tool", tool_results=(ToolResult("1", "cat", "look"), ToolResult("2", '{"x":1}', "", True))),
    ) == talk.messages()


def test_roles() -> None:
    """Each dialect's word for the four; one that nobody knows is the user."""
    roles = ["developer", "model", "function", "tool", "system", "assistant", "owner", None, []]

    assert ["system", "assistant", "tool", "tool", "system", "assistant", "user", "user", "user"] == [
        role_of(role) for role in roles
    ]
