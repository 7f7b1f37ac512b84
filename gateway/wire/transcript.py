"""A request and its answer as a conversation that people can read, whatever the dialect, streamed or not.

For display only: never raises, and shows what it does not understand as it stands.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Turn(NamedTuple):
    """Something that somebody said. `role`: system, user, assistant, tool, thinking, tool call, error …"""

    role: str
    text: str


def request_turns(body: bytes) -> list[Turn]:
    """Read a request: system prompt, messages, tool calls and their results, in order."""
    asked = _decode(body)
    if not isinstance(asked, dict):
        return _as_is("user", body)
    turns = [Turn("system", text) for name in _SYSTEM if (text := _text(asked.get(name)))]
    for name in ("messages", "input", "contents", "prompt"):
        said = asked.get(name)
        if said is not None:
            for item in said if isinstance(said, list) else [said]:
                turns += _message(item, "user")
            return turns
    return turns or _as_is("user", body)


def answer_turns(body: bytes) -> list[Turn]:
    """Read an answer; a stream is put together again."""
    if is_stream(body):
        answer = _Stream()
        for event in _events(body):
            answer.take(event)
        return answer.turns() or _as_is("assistant", body)
    said = _decode(body)
    if isinstance(said, list) and said and all(isinstance(chunk, dict) for chunk in said):
        answer = _Stream()  # Gemini streams a JSON array to who does not ask for SSE
        for chunk in said:
            answer.take(chunk)
        return answer.turns() or _as_is("assistant", body)
    if not isinstance(said, dict):
        return _as_is("assistant", body)
    return _whole(said) or _as_is("assistant", body)


def is_stream(body: bytes) -> bool:
    """Tell whether a body is an event stream."""
    return body.lstrip()[:6].startswith((b"data:", b"event:", b"id:", b":"))


_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
# Items that are not messages but stand between them (Responses API, Anthropic blocks): by the ends of their names,
# because new tools come all the time. Longer ones first: `function_call_output` is no call.
_RESULTS = ("tool_result", "_call_output", "_search_output")
_CALLS = ("tool_use", "_call")
_THINKING = ("thinking", "reasoning", "redacted_thinking")
_ARGUMENTS = ("arguments", "input", "args", "action", "code", "queries")
_MEDIA = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "document": "document",
    "file": "file",
    "input_file": "file",
    "document_url": "document",
    "video_url": "video",
}


def _message(item: Any, default_role: str) -> list[Turn]:
    """Read one message, or one item that stands for a message."""
    if not isinstance(item, dict):
        return [Turn(default_role, item if isinstance(item, str) else _json(item))]
    role = {"model": "assistant"}.get(str(item.get("role")), str(item.get("role") or default_role))
    if item.get("type") in _THINKING or not any(name in item for name in ("content", "parts", "tool_calls")):
        return _part(item, role)
    turns: list[Turn] = []
    thinking = item.get("reasoning_content") or item.get("reasoning")
    if isinstance(thinking, str):
        turns.append(Turn("thinking", thinking))
    content = item.get("content", item.get("parts"))
    for part in content if isinstance(content, list) else [content]:
        turns += _part(part, role)
    for call in _dicts(item.get("tool_calls")):
        turns += _part(call, role)
    if isinstance(item.get("refusal"), str):
        turns.append(Turn("refusal", item["refusal"]))
    return _merge(turns)


def _part(part: Any, role: str) -> list[Turn]:
    """Read one part of a message."""
    if part is None:
        return []
    if isinstance(part, str):
        return [Turn(role, part)]
    if not isinstance(part, dict):
        return [Turn(role, _json(part))]
    kind = part.get("type") if isinstance(part.get("type"), str) else None
    for matches, read in _PART_READERS:
        if matches(kind, part):
            return read(part, role)
    return [Turn(role, _json(part))]


def _read_call(part: dict[str, Any], _: str) -> list[Turn]:
    called = next((part[name] for name in (*_GEMINI_CALLS, "function") if part.get(name)), part)
    if not isinstance(called, dict):
        return [Turn("tool call", _json(part))]
    name = called.get("name") or called.get("language") or called.get("toolType") or called.get("type")
    arguments = next((called[each] for each in _ARGUMENTS if called.get(each) is not None), "")
    return [Turn("tool call", f"{name}({arguments if isinstance(arguments, str) else _json(arguments)})")]


def _read_result(part: dict[str, Any], _: str) -> list[Turn]:
    result = next((part[name] for name in _GEMINI_RESULTS if part.get(name)), part)
    said = result.get("output", result.get("content", result.get("response"))) if isinstance(result, dict) else result
    return [Turn("tool", _text(said) or _json(said))]


def _read_thinking(part: dict[str, Any], _: str) -> list[Turn]:
    said = (_text(part.get(name)) for name in ("thinking", "text", "summary", "content"))
    text = next(filter(None, said), "[not shown by the provider]" if part.get("type") == "redacted_thinking" else "")
    return [Turn("thinking", text)] if text else []


def _read_media(part: dict[str, Any], role: str) -> list[Turn]:
    kind = str(part.get("type"))
    return [Turn(role, f"[{_MEDIA.get(kind, 'data')}, {len(_json(part))} bytes as JSON]")]


def _ends(kind: str | None, endings: tuple[str, ...]) -> bool:
    return kind is not None and kind.endswith(endings)


# Gemini's parts have no type: the member that is there tells.
_GEMINI_CALLS = ("functionCall", "executableCode", "toolCall")
_GEMINI_RESULTS = ("functionResponse", "codeExecutionResult", "toolResponse")

_PartReader = tuple[Callable[[Any, dict[str, Any]], bool], Callable[[dict[str, Any], str], list[Turn]]]
_PART_READERS: tuple[_PartReader, ...] = (
    (lambda kind, part: kind in _THINKING or part.get("thought") is True, _read_thinking),
    (lambda kind, part: _ends(kind, _RESULTS) or not part.keys().isdisjoint(_GEMINI_RESULTS), _read_result),
    (
        lambda kind, part: (
            _ends(kind, _CALLS) or not part.keys().isdisjoint(_GEMINI_CALLS) or isinstance(part.get("function"), dict)
        ),
        _read_call,
    ),
    (lambda kind, part: kind in _MEDIA or "inlineData" in part or "fileData" in part, _read_media),
    (lambda _, part: isinstance(part.get("text"), str), lambda part, role: [Turn(role, part["text"])]),
    (lambda _, part: isinstance(part.get("refusal"), str), lambda part, _: [Turn("refusal", part["refusal"])]),
    (lambda kind, part: kind == "message" and "content" in part, _message),
)


def _whole(said: dict[str, Any]) -> list[Turn]:
    """Read an answer that came in one piece."""
    turns: list[Turn] = []
    for choice in _dicts(said.get("choices")):
        turns += _message(choice.get("message") or choice.get("text"), "assistant")
    for item in _dicts(said.get("output")):
        turns += _message(item, "assistant")
    for candidate in _dicts(said.get("candidates")):
        turns += _message(candidate.get("content"), "assistant")
    if said.get("type") == "message":
        turns += _message(said, "assistant")
    if said.get("error"):
        turns.append(_error(said["error"]))
    return turns


class _Stream:
    """Put the events of a stream together. Parts are kept by their place in the answer, in order of appearance."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {}  # place -> [role, text, text, …]
        self._whole: list[Turn] = []

    def take(self, event: Any) -> None:
        """Add what an event says; events without words are passed over."""
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if isinstance(kind, str) and kind in _EVENT_READERS:
            _EVENT_READERS[kind](self, event)
        for choice in _dicts(event.get("choices")):
            self._take_choice(choice)
        for number, candidate in enumerate(_dicts(event.get("candidates"))):
            for turn in _message(candidate.get("content"), "assistant"):
                self.add((number, turn.role), turn.role, turn.text, apart=turn.role == "tool call")
        # An `error` of null stands in every finished Responses answer.
        if event.get("error"):
            self._whole.append(_error(event["error"]))

    def add(self, place: object, role: str, text: Any, *, apart: bool = False) -> None:
        """Add words at a place; `apart`: they are whole, and do not continue what stands there."""
        if isinstance(text, str) and text:
            # As text: what a provider sends as a place may be anything, and not everything can be a key.
            key = f"{place} {len(self._parts)}" if apart else str(place)
            self._parts.setdefault(key, [role]).append(text)

    def begin_block(self, event: dict[str, Any]) -> None:
        """Anthropic: a block begins; of a tool call this holds the name."""
        block = event.get("content_block")
        if not isinstance(block, dict):
            return
        kind = block["type"] if isinstance(block.get("type"), str) else None
        if _ends(kind, _CALLS):
            self.add(event.get("index"), "tool call", f"{block.get('name')} ")
        elif _ends(kind, _RESULTS):
            for turn in _read_result(block, ""):
                self.add(event.get("index"), turn.role, turn.text)
        else:
            self.add(event.get("index"), "assistant", block.get("text"))

    def continue_block(self, event: dict[str, Any]) -> None:
        """Anthropic: more of a block."""
        delta = event.get("delta")
        if isinstance(delta, dict):
            self.add(event.get("index"), "assistant", delta.get("text"))
            self.add(event.get("index"), "thinking", delta.get("thinking"))
            self.add(event.get("index"), "tool call", delta.get("partial_json"))

    def begin_item(self, event: dict[str, Any]) -> None:
        """Responses: an output item begins; of a function call this holds the name."""
        item = event.get("item")
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            self.add((event.get("output_index"), None, None), "tool call", f"{item['name']} ")

    def continue_item(self, event: dict[str, Any]) -> None:
        """Responses: more of an output item."""
        role = _DELTA_ROLES.get(str(event.get("type")), "assistant")
        place = (event.get("output_index"), event.get("content_index"), event.get("summary_index"))
        self.add(place, role, event.get("delta"))

    def end(self, event: dict[str, Any]) -> None:
        """Responses: the last event holds the whole answer, which says it better."""
        response = event.get("response")
        if isinstance(response, dict):
            whole = _whole(response)
            if any(turn.role != "error" for turn in whole):
                self._parts = {}
            self._whole = whole

    def turns(self) -> list[Turn]:
        """Return the answer so far."""
        return [Turn(role, "".join(texts)) for role, *texts in self._parts.values()] + self._whole

    def _take_choice(self, choice: dict[str, Any]) -> None:
        number = choice.get("index", 0)
        self.add((number, "text"), "assistant", choice.get("text"))
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        self.add((number, "thinking"), "thinking", delta.get("reasoning_content") or delta.get("reasoning"))
        content = delta.get("content")
        for turn in (
            _message(delta, "assistant")
            if isinstance(content, list)
            else [Turn("assistant", content if isinstance(content, str) else "")]
        ):
            self.add((number, turn.role), turn.role, turn.text)
        self.add((number, "refusal"), "refusal", delta.get("refusal"))
        for call in _dicts(delta.get("tool_calls")):
            function = call.get("function")
            if isinstance(function, dict):
                place = (number, "call", call.get("index", 0))
                name = function.get("name")
                self.add(place, "tool call", f"{name} " if name else None)
                self.add(place, "tool call", function.get("arguments"))


_DELTA_ROLES = {
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
    "response.function_call_arguments.delta": "tool call",
    "response.custom_tool_call_input.delta": "tool call",
    "response.refusal.delta": "refusal",
}
_EVENT_READERS: dict[str, Callable[[_Stream, dict[str, Any]], None]] = {
    "content_block_start": _Stream.begin_block,
    "content_block_delta": _Stream.continue_block,
    "response.output_item.added": _Stream.begin_item,
    "response.output_text.delta": _Stream.continue_item,
    **dict.fromkeys(_DELTA_ROLES, _Stream.continue_item),
    "response.completed": _Stream.end,
    "response.incomplete": _Stream.end,
    "response.failed": _Stream.end,
}


def _events(body: bytes) -> Iterator[Any]:
    """Give the data of each event that is JSON."""
    data: list[bytes] = []
    for line in [*body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            event = _decode(b"\n".join(data))
            data = []
            if event is not None:
                yield event


def _text(said: Any) -> str:
    """Return the words of a string, of a part, or of a list of parts."""
    if isinstance(said, str):
        return said
    if isinstance(said, dict):
        return _text(said.get("text", said.get("parts", said.get("content"))))
    if isinstance(said, list):
        return "\n".join(filter(None, map(_text, said)))
    return ""


def _merge(turns: list[Turn]) -> list[Turn]:
    """Join what the same role says in several parts."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role and turn.role in ("system", "user", "assistant"):
            merged[-1] = Turn(turn.role, f"{merged[-1].text}\n{turn.text}")
        else:
            merged.append(turn)
    return merged


def _error(error: Any) -> Turn:
    message = error.get("message") if isinstance(error, dict) else error
    return Turn("error", message if isinstance(message, str) else _json(error))


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _as_is(role: str, body: bytes) -> list[Turn]:
    text = body.decode("utf-8", "replace").strip()
    return [Turn(role, text)] if text else []


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _decode(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except _UNREADABLE:
        return None
