"""Gemini's generateContent."""

from typing import Any

import pytest

from gateway.evaluation.api import Media, Message, ResponseFormat, Tool, ToolCall, ToolChoice, ToolResult
from gateway.evaluation.normal.gemini import asked, assemble, said

SCHEMA = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
STANDARD = {"type": "object", "properties": {"a": {"type": "integer"}}}


def test_a_conversation_with_tools() -> None:
    """What functions returned is a message of its own."""
    found = asked(
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
                {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "look", "args": {"a": 1}}}]},
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "1", "name": "look", "response": {"result": "cat"}}},
                        {"functionResponse": {"name": "see", "response": {"error": "dark", "code": 2}}},
                    ],
                },
            ],
            "generationConfig": {"maxOutputTokens": 9},
        }
    )

    failed = ToolResult("", '{"error":"dark","code":2}', "see", True)
    assert (
        Message("system", "Be brief."),
        Message("user", "Hi", media=(Media("image", 3),)),
        Message("assistant", tool_calls=(ToolCall("1", "look", '{"a":1}'),)),
        Message("tool", tool_results=(ToolResult("1", "cat", "look"), failed)),
    ) == found.messages
    assert 9 == found.max_tokens


def test_the_other_way_to_write_members() -> None:
    """With underscores, which the API takes, too."""
    found = asked(
        {
            "system_instruction": {"parts": {"text": "S"}},
            "contents": {"parts": [{"text": "Hi"}]},
            "generation_config": {"max_output_tokens": 9, "response_mime_type": "application/json"},
            "tools": [{"function_declarations": [{"name": "f"}]}],
            "tool_config": {"function_calling_config": {"mode": "NONE"}},
        }
    )

    assert (Message("system", "S"), Message("user", "Hi")) == found.messages
    assert (9, ResponseFormat("json_object"), (Tool("f", "", {}),), ToolChoice("none")) == (
        found.max_tokens,
        found.response_format,
        found.tools,
        found.tool_choice,
    )


def test_tools() -> None:
    """Schemas are told as JSON schema; the provider's own tools have none."""
    declared = {"name": "f", "description": "d", "parameters": SCHEMA}
    standard = {"name": "g", "parametersJsonSchema": STANDARD}

    assert (Tool("f", "d", STANDARD), Tool("g", "", STANDARD), Tool("googleSearch")) == asked(
        {"tools": [{"functionDeclarations": [declared, standard]}, {"googleSearch": {}}]}
    ).tools


@pytest.mark.parametrize(
    ("calling", "expected"),
    [
        ({"mode": "AUTO"}, ToolChoice()),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", "f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
    ],
)
def test_tool_choice(calling: dict[str, Any], expected: ToolChoice) -> None:
    """Which tools the request allows."""
    assert expected == asked({"toolConfig": {"functionCallingConfig": calling}}).tool_choice


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ResponseFormat()),
        ({"responseMimeType": "application/json"}, ResponseFormat("json_object")),
        ({"responseMimeType": "application/json", "responseSchema": SCHEMA}, ResponseFormat("json_schema", STANDARD)),
        ({"responseJsonSchema": STANDARD}, ResponseFormat("json_schema", STANDARD)),
    ],
)
def test_response_format(config: dict[str, Any], expected: ResponseFormat) -> None:
    """A type alone, or with one of two kinds of schema."""
    assert expected == asked({"generationConfig": config}).response_format


PARTS = [
    {"text": "Hm.", "thought": True},
    {"text": "Hel"},
    {"text": "lo"},
    {"executableCode": {"id": "1", "language": "PYTHON", "code": "1+1"}},
    {"codeExecutionResult": {"id": "1", "outcome": "OUTCOME_FAILED", "output": "2"}},
    {"toolCall": {"toolType": "SEARCH", "args": {"q": 1}}},
    {"toolResponse": {"toolType": "SEARCH", "response": {"x": 1}}},
    {"functionCall": {"name": "look", "args": {}}},
]
EXPECTED = Message(
    "assistant",
    "Hello",
    "Hm.",
    tool_calls=(
        ToolCall("1", "code_execution", '{"id":"1","language":"PYTHON","code":"1+1"}', True),
        ToolCall("", "SEARCH", '{"q":1}', True),
        ToolCall("", "look", "{}"),
    ),
    tool_results=(ToolResult("1", "2", "code_execution", True), ToolResult("", '{"x":1}', "SEARCH")),
)


def test_an_answer_streamed_or_not() -> None:
    """Parts have no type: the member tells. Chunks are answers with more parts."""
    whole = {"candidates": [{"content": {"parts": PARTS}, "finishReason": "STOP"}]}
    chunks: list[dict[str, Any]] = [{"candidates": [{"content": {"parts": [part]}}]} for part in PARTS]
    chunks += [{"candidates": [{"finishReason": "STOP"}]}, {"usageMetadata": {}}]
    found = assemble(chunks)

    assert ((EXPECTED,), "STOP") == said(whole)
    assert (((EXPECTED,), "STOP"), True) == (said(found.document), found.has_ended)
    assert not assemble(chunks[:3]).has_ended


def test_a_blocked_prompt() -> None:
    """There is no candidate, but a reason."""
    assert ((), "content_filter") == said({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})


def test_an_error_in_the_stream() -> None:
    """It is not complete."""
    found = assemble([{"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]}, {"error": {"code": 503}}])

    assert ("Hel", "error") == (said(found.document).choices[0].text, said(found.document).finish)
    assert not found.has_ended
