"""How is a chat read: OpenAI's and its many relatives' (Mistral, Ollama, Cohere …), and plain completions?"""

from collections.abc import Iterable
from typing import Any

from gateway.evaluation.api import Media, ResponseFormat, Tool, ToolChoice
from gateway.evaluation.normal.chat_stream import assemble
from gateway.evaluation.normal.shape import Asked, Document, Reader, Said
from gateway.evaluation.normal.talk import Draft, Talk, add_content, role_of
from gateway.evaluation.normal.values import dicts, encoded_bytes, first, members, schema, text, whole, words


def asked(request: Document) -> Asked:
    """Read a request."""
    return Asked(
        _messages(request),
        _tools(request),
        tool_choice(first(request, "tool_choice", "function_call"), request.get("parallel_tool_calls")),
        _response_format(request),
        whole(
            first(request, "max_completion_tokens", "max_tokens", "max_tokens_to_sample")
            or members(request.get("options")).get("num_predict")
        ),
    )


def said(answer: Document) -> Said:
    """Read an answer; also Ollama's and Cohere's, which have one message instead of choices."""
    talk = Talk()
    finish = None
    for number, choice in enumerate(_choices(answer)):
        message = choice.get("message")
        draft = talk.begin("assistant")
        _add(draft, message if isinstance(message, dict) else {"content": choice.get("text")})
        if not number:
            finish = text(choice.get("finish_reason")) or None
    return Said(talk.messages(), "error" if answer.get("error") else finish)


def tool_choice(choice: Any, parallel: Any) -> ToolChoice:
    """Read `tool_choice`, as the Responses API writes it, too."""
    is_parallel = parallel is not False
    if isinstance(choice, str):
        return ToolChoice(_MODES.get(choice.lower(), "auto"), parallel=is_parallel)
    given = members(choice)
    if given.get("type") == "allowed_tools":
        return tool_choice(members(given.get("allowed_tools")).get("mode") or given.get("mode"), parallel)
    name = first(members(given.get("function")), "name") or first(members(given.get("custom")), "name")
    name = text(name or first(given, "name", "server_label", "type"))
    return ToolChoice("named", name, is_parallel) if name else ToolChoice(parallel=is_parallel)


def format_of(given: Document) -> ResponseFormat:
    """Read a response format, whose schema stands in it, or one level deeper."""
    inner = members(given.get("json_schema")) or given
    found = schema(first(inner, "schema", "json_schema"))
    kind = text(given.get("type"))
    if kind == "json_schema" or (kind == "json_object" and found):
        return ResponseFormat("json_schema", found, inner.get("strict") is True)
    return ResponseFormat("json_object" if kind == "json_object" else "text")


def tool_of(given: Document) -> Tool:
    """Read a tool; what is no function has no schema."""
    function = members(given.get("function"))
    if not function and given.get("type", "function") == "function" and "custom" not in given:
        function = given
    if function:
        parameters = schema(function.get("parameters")) or {}
        description = text(function.get("description"))
        return Tool(text(function.get("name")), description, parameters, function.get("strict") is True)
    inner = members(given.get("custom")) or given
    return Tool(text(first(inner, "name", "server_label", "type")), text(inner.get("description")))


_MODES: dict[str, Any] = {"none": "none", "required": "required", "any": "required"}


def _messages(request: Document) -> Any:
    talk = Talk()
    for name in ("system", "messages", "prompt"):
        given = request.get(name)
        if name == "messages":
            for message in dicts(given):
                _message(talk, message)
        elif given:
            for each in given if isinstance(given, list) else [given]:
                add_content(talk.begin("system" if name == "system" else "user"), each)
    return talk.messages()


def _message(talk: Talk, message: Document) -> None:
    role = role_of(message.get("role"))
    if role == "tool":
        id = message.get("tool_call_id")
        talk.go_on("tool").result(id, message.get("content"), first(message, "name", "tool_name"))
        return
    _add(talk.begin(role), message)


def _add(draft: Draft, message: Document) -> None:
    """Add what a message of either side holds."""
    if thinking := first(message, "reasoning_content", "reasoning", "thinking", "reasoning_details"):
        draft.reasoning.append(words(thinking))
    add_content(draft, message.get("content"))
    if refusal := text(message.get("refusal")):
        draft.refusal.append(refusal)
    for call in dicts(message.get("tool_calls")):
        _add_call(draft, call)
    if function := members(message.get("function_call")):
        draft.call("", function.get("name"), function.get("arguments"))
    if audio := members(message.get("audio")):
        draft.media.append(Media("audio", encoded_bytes(audio.get("data"))))
        if not draft.texts and (transcript := text(audio.get("transcript"))):
            draft.texts.append(transcript)
    for image in dicts(message.get("images")):
        draft.media.append(Media("image", encoded_bytes(members(image.get("image_url")).get("url"))))


def _add_call(draft: Draft, call: Document) -> None:
    function = members(call.get("function"))
    if function:
        draft.call(call.get("id"), function.get("name"), function.get("arguments"))
        return
    custom = members(call.get("custom"))
    draft.call(call.get("id"), first(custom, "name") or call.get("type"), custom.get("input"))


def _tools(request: Document) -> tuple[Tool, ...]:
    given = [tool_of(each) for each in dicts(request.get("tools"))]
    given += [tool_of({"function": each}) for each in dicts(request.get("functions"))]
    return tuple(given)


def _response_format(request: Document) -> ResponseFormat:
    if "response_format" in request:
        return format_of(members(request["response_format"]))
    wanted = request.get("format")  # Ollama's: a schema, or the word
    if isinstance(wanted, dict):
        return ResponseFormat("json_schema", wanted)
    return ResponseFormat("json_object" if wanted == "json" else "text")


def _choices(answer: Document) -> Iterable[Document]:
    if "choices" in answer:
        return dicts(answer["choices"])
    finish = first(answer, "finish_reason", "done_reason", "stop_reason")
    if isinstance(answer.get("message"), dict):
        return [{"message": answer["message"], "finish_reason": finish}]
    for name in ("response", "completion"):
        if isinstance(answer.get(name), str):
            message = {"content": answer[name], "thinking": answer.get("thinking")}
            return [{"message": message, "finish_reason": finish}]
    return []


READER = Reader(asked, said, assemble)
