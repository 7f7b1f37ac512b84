"""Chats, of OpenAI and its relatives."""

from typing import Any

import pytest

from gateway.evaluation.api import Media, Message, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult
from gateway.evaluation.normal.openai_chat import asked, said
from gateway.evaluation.normal.shape import Said

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_a_conversation_with_tools() -> None:
    """Calls and results stand where they were said; the results of one turn are one message."""
    calls = [{"id": str(n), "type": "function", "function": {"name": "look", "arguments": "{}"}} for n in (1, 2)]
    found = asked(
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "1", "content": "cat"},
                {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "dog"}]},
                {"role": "assistant", "content": "A cat and a dog."},
            ],
            "max_completion_tokens": 100,
        }
    )

    assert (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", tool_calls=(ToolCall("1", "look", "{}"), ToolCall("2", "look", "{}"))),
        Message("tool", tool_results=(ToolResult("1", "cat", "look"), ToolResult("2", "dog", "look"))),
        Message("assistant", "A cat and a dog."),
    ) == found.messages
    assert 100 == found.max_tokens


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
            Tool("f", "d", SCHEMA, True),
        ),
        ({"type": "function", "function": {"name": "f"}}, Tool("f", "", {})),
        ({"type": "custom", "custom": {"name": "c", "description": "d"}}, Tool("c", "d", None)),
        ({"type": "openrouter:web_search"}, Tool("openrouter:web_search", "", None)),
        ({"type": "openrouter:advisor", "parameters": {"model": "m"}}, Tool("openrouter:advisor", "", None)),
    ],
)
def test_tools(tool: dict[str, Any], expected: Tool) -> None:
    """A function has a schema, if only an empty one; what takes no JSON, or is the provider's own, has none."""
    assert (expected,) == asked({"tools": [tool]}).tools


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ToolChoice()),
        ({"tool_choice": "none"}, ToolChoice("none")),
        ({"tool_choice": "required", "parallel_tool_calls": False}, ToolChoice("required", None, False)),
        ({"tool_choice": "any"}, ToolChoice("required")),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, ToolChoice("named", "f")),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}},
            ToolChoice("required"),
        ),
        ({"function_call": {"name": "f"}}, ToolChoice("named", "f")),
    ],
)
def test_tool_choice(request_: dict[str, Any], expected: ToolChoice) -> None:
    """Which tools the request allows."""
    assert expected == asked(request_).tool_choice


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"response_format": {"type": "text"}}, ResponseFormat()),
        ({"response_format": {"type": "json_object"}}, ResponseFormat("json_object")),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
                }
            },
            ResponseFormat("json_schema", SCHEMA, True),
        ),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, ResponseFormat("json_schema", SCHEMA)),
        ({"format": "json"}, ResponseFormat("json_object")),
        ({"format": SCHEMA}, ResponseFormat("json_schema", SCHEMA)),
    ],
)
def test_response_format(request_: dict[str, Any], expected: ResponseFormat) -> None:
    """OpenAI's, and those of its relatives."""
    assert expected == asked(request_).response_format


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"prompt": "Once"}, (Message("user", "Once"),)),
        ({"prompt": ["One", "Two"]}, (Message("user", "One"), Message("user", "Two"))),
        ({"system": "S", "prompt": "P"}, (Message("system", "S"), Message("user", "P"))),
    ],
)
def test_prompts(request_: dict[str, Any], expected: tuple[Message, ...]) -> None:
    """Plain completions, and Ollama's."""
    assert expected == asked(request_).messages


def test_ollamas_limit() -> None:
    """It stands among the options."""
    assert 7 == asked({"options": {"num_predict": 7}}).max_tokens


ANSWERS: dict[str, tuple[dict[str, Any], Said]] = {
    "several": (
        {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}, {"message": {"content": "b"}}]},
        Said((Message("assistant", "a"), Message("assistant", "b")), "stop"),
    ),
    "refusal": (
        {"choices": [{"message": {"content": None, "refusal": "I can't"}, "finish_reason": "stop"}]},
        Said((Message("assistant", refusal="I can't"),), "stop"),
    ),
    "reasoning": (
        {"choices": [{"message": {"content": "a", "reasoning_content": "Hm."}, "finish_reason": "stop"}]},
        Said((Message("assistant", "a", "Hm."),), "stop"),
    ),
    "mistral": (
        {
            "choices": [
                {
                    "message": {
                        "content": [
                            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                            {"type": "text", "text": "a"},
                        ]
                    }
                }
            ]
        },
        Said((Message("assistant", "a", "Hm."),)),
    ),
    "completion": (
        {"choices": [{"text": " upon", "finish_reason": "length"}]},
        Said((Message("assistant", " upon"),), "length"),
    ),
    "audio": (
        {"choices": [{"message": {"content": None, "audio": {"data": "AAAA", "transcript": "Hi"}}}]},
        Said((Message("assistant", "Hi", media=(Media("audio", 3),)),)),
    ),
    "picture": (
        {"choices": [{"message": {"content": "", "images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]}}]},
        Said((Message("assistant", media=(Media("image", 3),)),)),
    ),
    "old call": (
        {"choices": [{"message": {"function_call": {"name": "f", "arguments": "{}"}}}]},
        Said((Message("assistant", tool_calls=(ToolCall("", "f", "{}"),)),)),
    ),
    "custom call": (
        {"choices": [{"message": {"tool_calls": [{"id": "1", "custom": {"name": "c", "input": "x y"}}]}}]},
        Said((Message("assistant", tool_calls=(ToolCall("1", "c", "x y"),)),)),
    ),
    "ollama": (
        {
            "message": {
                "content": "a",
                "thinking": "Hm.",
                "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
            },
            "done_reason": "stop",
        },
        Said((Message("assistant", "a", "Hm.", tool_calls=(ToolCall("", "f", "{}"),)),), "stop"),
    ),
    "ollama, generated": ({"response": "a", "done_reason": "stop"}, Said((Message("assistant", "a"),), "stop")),
    "cohere": (
        {"message": {"content": [{"type": "text", "text": "a"}]}, "finish_reason": "COMPLETE"},
        Said((Message("assistant", "a"),), "COMPLETE"),
    ),
    "anthropic, long ago": (
        {"completion": "a", "stop_reason": "stop_sequence"},
        Said((Message("assistant", "a"),), "stop_sequence"),
    ),
    "error": ({"error": {"message": "no"}}, Said((), "error")),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str) -> None:
    """Each says what was said, and the provider's word for the end."""
    answer, expected = ANSWERS[name]

    assert expected == said(answer)
