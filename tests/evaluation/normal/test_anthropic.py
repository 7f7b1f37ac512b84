"""Anthropic's Messages."""

from typing import Any

import pytest

from gateway.evaluation.api import Media, Message, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult
from gateway.evaluation.normal.anthropic import asked, assemble, said
from gateway.evaluation.normal.shape import Said

SCHEMA = {"type": "object"}


def test_a_conversation_with_tools() -> None:
    """What tools returned stands in the user's turn, and becomes a message of its own before what the user says."""
    found = asked(
        {
            "system": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief."}],
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {"a": 1}}]},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "1",
                            "is_error": True,
                            "content": [
                                {"type": "text", "text": "no cat"},
                                {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                            ],
                        },
                        {"type": "text", "text": "Well?"},
                    ],
                },
            ],
        }
    )

    assert (
        Message("system", "Be\nbrief."),
        Message("user", "Hi"),
        Message("assistant", tool_calls=(ToolCall("1", "look", '{"a":1}'),)),
        Message("tool", tool_results=(ToolResult("1", "no cat", "look", True),), media=(Media("image", 3),)),
        Message("user", "Well?"),
    ) == found.messages
    assert 9 == found.max_tokens


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ({"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}, Tool("f", "d", SCHEMA, True)),
        ({"type": "web_search_20250305", "name": "web_search"}, Tool("web_search", "", None)),
        ({"type": "mcp_toolset", "mcp_server_name": "files"}, Tool("files", "", None)),
    ],
)
def test_tools(tool: dict[str, Any], expected: Tool) -> None:
    """Those of the provider have no schema."""
    assert (expected,) == asked({"tools": [tool]}).tools


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice("auto", None, False)),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "tool", "name": "f"}, ToolChoice("named", "f")),
        ({"type": "none"}, ToolChoice("none")),
        ("auto", ToolChoice()),
    ],
)
def test_tool_choice(choice: Any, expected: ToolChoice) -> None:
    """Which tools the request allows."""
    assert expected == asked({"tool_choice": choice}).tool_choice


@pytest.mark.parametrize("name", ["output_format", "output_config"])
def test_response_format(name: str) -> None:
    """In its two places."""
    given = {"type": "json_schema", "schema": SCHEMA}
    request = {name: given if name == "output_format" else {"format": given}}

    assert ResponseFormat("json_schema", SCHEMA) == asked(request).response_format


def test_tools_that_the_provider_runs() -> None:
    """Calls and results stand both in the answer; errors are told as such."""
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "Ev"},
        {"type": "redacted_thinking", "data": "Ev"},
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"q": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": {"type": "web_search_tool_result_error"}},
        {"type": "text", "text": "So"},
        {"type": "text", "text": " it is."},
    ]
    error = '{"type":"web_search_tool_result_error"}'

    assert Said(
        (
            Message(
                "assistant",
                "So it is.",
                "Hm.",
                tool_calls=(ToolCall("1", "web_search", '{"q":"x"}', server=True),),
                tool_results=(ToolResult("1", error, "web_search", True),),
            ),
        ),
        "end_turn",
    ) == said({"type": "message", "content": blocks, "stop_reason": "end_turn"})


def test_a_refusal_says_why() -> None:
    """Where the provider does."""
    answer = {"type": "message", "content": [], "stop_reason": "refusal", "stop_details": {"explanation": "harmful"}}

    assert Said((Message("assistant", refusal="harmful"),), "refusal") == said(answer)


def delta(kind: str, **more: Any) -> dict[str, Any]:
    """Make more of the first block."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **more}}


def test_arguments_that_are_no_json_stay_as_the_model_wrote_them() -> None:
    """Cut by the token limit, for example: it is for the evaluator to say what that means."""
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f", "input": {}}}
    found = assemble([block, delta("input_json_delta", partial_json='{"a":'), {"type": "message_stop"}])

    assert '{"a":' == said(found.document).choices[0].tool_calls[0].arguments
    assert found.has_ended


def test_deltas_without_their_beginning() -> None:
    """The head of a stream may be what was not kept."""
    found = assemble([delta("text_delta", text="Hel"), delta("text_delta", text="lo")])

    assert "Hello" == said(found.document).choices[0].text
    assert not found.has_ended


def test_an_error_ends_it_badly() -> None:
    """With what came before it."""
    found = assemble([delta("text_delta", text="Hel"), {"type": "error", "error": {"type": "overloaded_error"}}])

    assert ("Hel", "error") == (said(found.document).choices[0].text, said(found.document).finish)
    assert not found.has_ended
