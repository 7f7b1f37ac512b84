"""The Responses API."""

from typing import Any

import pytest

from gateway.evaluation.api import Media, Message, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult
from gateway.evaluation.normal.responses import asked, assemble, said

SCHEMA = {"type": "object"}


def test_a_conversation_with_tools() -> None:
    """Items of one turn are one message, as other dialects say it."""
    found = asked(
        {
            "instructions": "Be brief.",
            "max_output_tokens": 9,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
                {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"},
                {"type": "custom_tool_call", "call_id": "2", "name": "run", "input": "ls"},
                {"type": "function_call_output", "call_id": "1", "output": "cat"},
                {"type": "custom_tool_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "x"}]},
                {"type": "compaction", "encrypted_content": "Ev"},
            ],
        }
    )

    calls = (ToolCall("1", "look", "{}"), ToolCall("2", "run", "ls"))
    assert (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "I look.", "Hm.", tool_calls=calls),
        Message("tool", tool_results=(ToolResult("1", "cat", "look"), ToolResult("2", "x", "run"))),
    ) == found.messages
    assert 9 == found.max_tokens


def test_input_may_be_a_text() -> None:
    """The shortest request."""
    assert (Message("user", "Hi"),) == asked({"input": "Hi"}).messages


def test_settings() -> None:
    """Tools, also those that an item offers; the choice; the format."""
    function = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}
    found = asked(
        {
            "tools": [function, {"type": "mcp", "server_label": "files"}, {"type": "web_search"}],
            "input": [{"type": "additional_tools", "tools": [{"type": "function", "name": "g"}]}],
            "tool_choice": {"type": "function", "name": "f"},
            "parallel_tool_calls": False,
            "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}},
        }
    )

    assert (Tool("f", "", SCHEMA, True), Tool("files"), Tool("web_search"), Tool("g", "", {})) == found.tools
    assert ToolChoice("named", "f", False) == found.tool_choice
    assert ResponseFormat("json_schema", SCHEMA, True) == found.response_format


ITEMS: dict[str, tuple[dict[str, Any], Message]] = {
    "refusal": (
        {"type": "message", "content": [{"type": "refusal", "refusal": "I can't"}]},
        Message("assistant", refusal="I can't"),
    ),
    "search": (
        {"type": "web_search_call", "id": "w", "action": {"query": "q"}},
        Message("assistant", tool_calls=(ToolCall("w", "web_search", '{"query":"q"}', True),)),
    ),
    "interpreter": (
        {"type": "code_interpreter_call", "id": "c", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
        Message(
            "assistant",
            tool_calls=(ToolCall("c", "code_interpreter", "1+1", True),),
            tool_results=(ToolResult("c", '[{"type":"logs","logs":"2"}]', "code_interpreter"),),
        ),
    ),
    "mcp": (
        {"type": "mcp_call", "id": "m", "name": "read", "arguments": "{}", "error": "gone"},
        Message(
            "assistant",
            tool_calls=(ToolCall("m", "read", "{}", True),),
            tool_results=(ToolResult("m", "gone", "read", True),),
        ),
    ),
    "picture": (
        {"type": "image_generation_call", "id": "i", "result": "AAAA"},
        Message(
            "assistant",
            tool_calls=(ToolCall("i", "image_generation", "{}", True),),
            media=(Media("image", 3),),
        ),
    ),
    "the caller's own search": (
        {"type": "tool_search_call", "call_id": "t", "execution": "client", "arguments": {}},
        Message("assistant", tool_calls=(ToolCall("t", "tool_search", "{}"),)),
    ),
}


@pytest.mark.parametrize("name", ITEMS)
def test_items_of_an_answer(name: str) -> None:
    """Who runs a tool is told by its type."""
    item, expected = ITEMS[name]

    assert (expected,) == said({"output": [item], "status": "completed"}).choices


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": "completed"}, "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": "failed", "error": {"code": "x"}}, "error"),
        ({}, None),
    ],
)
def test_the_end(answer: dict[str, Any], expected: str | None) -> None:
    """Its status, or what made it incomplete."""
    assert expected == said(answer).finish


def delta(kind: str, place: int, words: str) -> dict[str, Any]:
    """Make more of an item."""
    return {"type": f"response.{kind}.delta", "output_index": place, "delta": words}


def test_a_stream_without_its_end() -> None:
    """Items that were whole, and what came of the others."""
    whole = {"type": "message", "content": [{"type": "output_text", "text": "One. "}]}
    begun = {"type": "function_call", "call_id": "1", "name": "f", "arguments": ""}
    found = assemble(
        [
            {"type": "response.created", "response": {"status": "in_progress", "output": []}},
            delta("reasoning_summary_text", 0, "H"),
            delta("reasoning_summary_text", 0, "m."),
            delta("output_text", 1, "One"),
            {"type": "response.output_item.done", "output_index": 1, "item": whole},
            delta("output_text", 2, "Tw"),
            {"type": "response.output_item.added", "output_index": 3, "item": begun},
            delta("function_call_arguments", 3, '{"a":'),
        ]
    )

    assert (Message("assistant", "One. Tw", "Hm.", tool_calls=(ToolCall("1", "f", '{"a":'),)),) == said(
        found.document
    ).choices
    assert not found.has_ended


@pytest.mark.parametrize("error", [{"type": "error", "message": "no"}, {"type": "error", "error": {"code": "x"}}])
def test_an_error_ends_it_badly(error: dict[str, Any]) -> None:
    """In both shapes that providers send."""
    found = assemble([delta("output_text", 0, "Hel"), error])

    assert ("Hel", "error") == (said(found.document).choices[0].text, said(found.document).finish)
    assert not found.has_ended


def test_an_answer_without_items() -> None:
    """Whoever answered with nothing has answered; whoever failed has not."""
    assert (Message("assistant"),) == said({"status": "completed", "output": []}).choices
    assert () == said({"status": "failed", "output": []}).choices
