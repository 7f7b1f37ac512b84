"""How is Gemini's generateContent read?"""

from collections.abc import Iterable
from typing import Any

from gateway.evaluation.api import Media, Message, ResponseFormat, Tool, ToolChoice
from gateway.evaluation.normal.gemini_schema import json_schema
from gateway.evaluation.normal.shape import Asked, Assembled, Document, Reader, Said
from gateway.evaluation.normal.talk import Draft, Talk, role_of
from gateway.evaluation.normal.values import dicts, encoded_bytes, first, members, schema, text, whole


def asked(request: Document) -> Asked:
    """Read a request. Members are written in one of two ways."""
    config = members(first(request, "generationConfig", "generation_config"))
    return Asked(
        _messages(request),
        _tools(request),
        _tool_choice(members(first(request, "toolConfig", "tool_config"))),
        _response_format(config),
        whole(first(config, "maxOutputTokens", "max_output_tokens")),
    )


def said(answer: Document) -> Said:
    """Read an answer; one that was blocked has no candidates."""
    talk = Talk()
    finish = None
    for number, candidate in enumerate(dicts(answer.get("candidates"))):
        draft = talk.begin("assistant")
        for part in dicts(members(candidate.get("content")).get("parts")):
            _add_part(draft, part)
        if not number:
            finish = text(candidate.get("finishReason")) or None
    if blocked := text(members(answer.get("promptFeedback")).get("blockReason")):
        finish = finish or ("other" if blocked == "OTHER" else "content_filter")
    return Said(talk.messages(), "error" if answer.get("error") else finish)


def assemble(events: Iterable[Document]) -> Assembled:
    """Put chunks together: each is an answer of its own, with more parts."""
    candidates: dict[int, Document] = {}
    whole_answer: Document = {}
    for event in events:
        for name in ("error", "promptFeedback"):
            if event.get(name):
                whole_answer[name] = event[name]
        for number, candidate in enumerate(dicts(event.get("candidates"))):
            place = candidate.get("index")
            known = candidates.setdefault(place if type(place) is int else number, {"content": {"parts": []}})
            known["finishReason"] = candidate.get("finishReason") or known.get("finishReason")
            for part in dicts(members(candidate.get("content")).get("parts")):
                _append(known["content"]["parts"], part)
    whole_answer["candidates"] = [candidate for _, candidate in sorted(candidates.items())]
    ended = said(whole_answer).finish is not None
    return Assembled(whole_answer, ended and "error" not in whole_answer)


def _append(parts: list[Document], part: Document) -> None:
    """Append a part; words go on where words stand."""
    last = parts[-1] if parts else {}
    if "text" in part and "text" in last and bool(part.get("thought")) == bool(last.get("thought")):
        parts[-1] = {**last, "text": text(last["text"]) + text(part["text"])}
    else:
        parts.append(part)


def _messages(request: Document) -> tuple[Message, ...]:
    talk = Talk()
    system = first(request, "systemInstruction", "system_instruction")
    if system:
        _content(talk, "system", members(system).get("parts") if isinstance(system, dict) else system)
    contents = request.get("contents")
    for content in dicts(contents if isinstance(contents, list) else [contents]):
        _content(talk, role_of(content.get("role")), content.get("parts"))
    return talk.messages()


def _content(talk: Talk, role: Any, parts: Any) -> None:
    if isinstance(parts, str):
        parts = [{"text": parts}]
    draft = None
    for part in dicts(parts if isinstance(parts, list) else [parts]):
        is_result = role in ("user", "tool") and bool(first(part, "functionResponse", "function_response"))
        if is_result:
            _add_part(talk.go_on("tool"), part)
        else:
            draft = draft or talk.begin(role)
            _add_part(draft, part)


def _add_part(draft: Draft, part: Document) -> None:
    """Add a part. It has no type: the member that is there tells."""
    written = text(part.get("text"))
    if part.get("thought") is True:
        if written:
            draft.reasoning.append(written)
    elif written:
        draft.texts.append(written)
    else:
        _add_other(draft, part)


def _add_other(draft: Draft, part: Document) -> None:
    if call := members(first(part, "functionCall", "function_call")):
        draft.call(call.get("id"), call.get("name"), call.get("args"))
    elif answer := members(first(part, "functionResponse", "function_response")):
        response = answer.get("response")
        draft.result(answer.get("id"), _returned(response), answer.get("name"), is_error="error" in members(response))
    elif code := members(part.get("executableCode")):
        draft.call(code.get("id"), "code_execution", code, server=True)
    elif ran := members(part.get("codeExecutionResult")):
        failed = ran.get("outcome") != "OUTCOME_OK"
        draft.result(ran.get("id"), ran.get("output"), "code_execution", is_error=failed)
    elif tool := members(part.get("toolCall")):
        draft.call(tool.get("id"), tool.get("toolType"), tool.get("args"), server=True)
    elif tool := members(part.get("toolResponse")):
        draft.result(tool.get("id"), tool.get("response"), tool.get("toolType"))
    elif data := members(first(part, "inlineData", "inline_data", "fileData", "file_data")):
        kind = text(first(data, "mimeType", "mime_type")).partition("/")[0]
        draft.media.append(Media(_MEDIA.get(kind, "data"), encoded_bytes(data.get("data"))))


_MEDIA = {"image": "image", "audio": "audio", "video": "video", "application": "document", "text": "document"}


def _returned(response: Any) -> Any:
    """Unwrap what a function returned where it is one text; its own words for that are `result` and `output`."""
    said = members(response)
    only = first(said, "result", "output", "error")
    return only if len(said) == 1 and isinstance(only, str) else response


def _tools(request: Document) -> tuple[Tool, ...]:
    found: list[Tool] = []
    for given in dicts(request.get("tools")):
        declared = first(given, "functionDeclarations", "function_declarations")
        found += [_tool(each) for each in dicts(declared)]
        found += [Tool(name) for name in given if not name.lower().startswith("function")]
    return tuple(found)


def _tool(given: Document) -> Tool:
    found = schema(first(given, "parametersJsonSchema", "parameters_json_schema"))
    if found is None:
        found = json_schema(members(given.get("parameters")))
    return Tool(text(given.get("name")), text(given.get("description")), found)


_MODES: dict[str, Any] = {"ANY": "required", "NONE": "none"}


def _tool_choice(given: Document) -> ToolChoice:
    calling = members(first(given, "functionCallingConfig", "function_calling_config"))
    mode = _MODES.get(text(calling.get("mode")).upper(), "auto")
    allowed = first(calling, "allowedFunctionNames", "allowed_function_names")
    if mode == "required" and isinstance(allowed, list) and len(allowed) == 1:
        return ToolChoice("named", text(allowed[0]))
    return ToolChoice(mode)


def _response_format(config: Document) -> ResponseFormat:
    kind = text(first(config, "responseMimeType", "response_mime_type"))
    found = schema(first(config, "responseJsonSchema", "response_json_schema"))
    if found is None and (own := members(first(config, "responseSchema", "response_schema"))):
        found = json_schema(own)
    if found is not None:
        return ResponseFormat("json_schema", found)
    return ResponseFormat("json_object" if kind == "application/json" else "text")


READER = Reader(asked, said, assemble)
