"""How are Anthropic's Messages read?"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from gateway.evaluation.api import Message, ResponseFormat, Tool, ToolChoice
from gateway.evaluation.normal.openai_chat import format_of
from gateway.evaluation.normal.shape import Asked, Assembled, Document, Reader, Said
from gateway.evaluation.normal.talk import Draft, Talk, add_content, add_part, role_of
from gateway.evaluation.normal.values import dicts, first, members, schema, text, whole
from gateway.wire.scan import UNREADABLE


def asked(request: Document) -> Asked:
    """Read a request."""
    return Asked(
        _messages(request),
        tuple([_tool(each) for each in dicts(request.get("tools"))]),
        _tool_choice(members(request.get("tool_choice"))),
        _response_format(request),
        whole(request.get("max_tokens")),
    )


def said(answer: Document) -> Said:
    """Read an answer."""
    talk = Talk()
    finish = text(answer.get("stop_reason")) or None
    if answer.get("type") == "message" or "content" in answer:
        draft = talk.begin("assistant")
        for block in dicts(answer.get("content")):
            _add_block(draft, block)
        if finish == "refusal" and (why := text(members(answer.get("stop_details")).get("explanation"))):
            draft.refusal.append(why)
    return Said(talk.messages(), "error" if answer.get("error") else finish)


def assemble(events: Iterable[Document]) -> Assembled:
    """Put the events of a stream together."""
    whole_message = _Whole()
    for event in events:
        take = _EVENTS.get(text(event.get("type")))
        if take is not None:
            take(whole_message, event)
    return Assembled(whole_message.document(), whole_message.has_ended)


class _Whole:
    """The message, as far as it came."""

    def __init__(self) -> None:
        self.head: Document = {}
        self.blocks: dict[Any, Document] = {}
        self.words: dict[tuple[Any, str], list[str]] = {}
        self.has_ended = False

    def begin(self, event: Document) -> None:
        self.head = dict(members(event.get("message")))

    def begin_block(self, event: Document) -> None:
        self.blocks[_place(event)] = dict(members(event.get("content_block")))

    def continue_block(self, event: Document) -> None:
        delta = members(event.get("delta"))
        block = self.blocks.setdefault(_place(event), {"type": _KINDS.get(text(delta.get("type")), "text")})
        for name, member in _MEMBERS.items():
            if more := text(delta.get(name)):
                self.words.setdefault((_place(event), member), [text(block.get(member))]).append(more)

    def more(self, event: Document) -> None:
        self.head |= {name: value for name, value in members(event.get("delta")).items() if value is not None}

    def end(self, _: Document) -> None:
        self.has_ended = True

    def fail(self, event: Document) -> None:
        self.head["error"] = event.get("error") or True

    def document(self) -> Document:
        for (place, member), pieces in self.words.items():
            written = "".join(pieces)
            self.blocks[place][member] = _parsed(written) if member == "input" else written
        return {**self.head, "type": "message", "content": list(self.blocks.values())}


_EVENTS: dict[str, Callable[[_Whole, Document], None]] = {
    "message_start": _Whole.begin,
    "content_block_start": _Whole.begin_block,
    "content_block_delta": _Whole.continue_block,
    "message_delta": _Whole.more,
    "message_stop": _Whole.end,
    "error": _Whole.fail,
}
_MEMBERS = {"text": "text", "thinking": "thinking", "partial_json": "input"}
_KINDS = {"thinking_delta": "thinking", "input_json_delta": "tool_use"}


def _place(event: Document) -> Any:
    place = event.get("index")
    return place if type(place) is int else 0


def _parsed(written: str) -> Any:
    """Return a tool's input; what the model wrote and is no JSON stays as it wrote it."""
    try:
        return msgspec.json.decode(written)
    except UNREADABLE:
        return written


def _messages(request: Document) -> tuple[Message, ...]:
    talk = Talk()
    if system := request.get("system"):
        add_content(talk.begin("system"), system)
    for message in dicts(request.get("messages")):
        _message(talk, message)
    if isinstance(request.get("prompt"), str):  # text completions, of long ago
        talk.begin("user").texts.append(request["prompt"])
    return talk.messages()


def _message(talk: Talk, message: Document) -> None:
    """Read a message; what tools returned stands in a user's, and becomes one of its own."""
    role = role_of(message.get("role"))
    content = message.get("content")
    results = [block for block in dicts(content) if block.get("type") == "tool_result"] if role == "user" else []
    for block in results:
        _add_block(talk.go_on("tool"), block)
    if results and len(results) == len(dicts(content)):
        return
    draft = talk.begin(role)
    if not isinstance(content, list):
        add_content(draft, content)
        return
    for block in content:
        if not isinstance(block, dict):
            add_content(draft, block)
        elif role != "user" or block.get("type") != "tool_result":
            _add_block(draft, block)


def _add_block(draft: Draft, block: Document) -> None:
    kind = text(block.get("type"))
    if kind.endswith("tool_use"):
        is_server = kind != "tool_use"
        draft.call(block.get("id"), block.get("name"), block.get("input"), server=is_server)
    elif kind.endswith("tool_result"):
        _add_result(draft, block)
    else:
        add_part(draft, block)


def _add_result(draft: Draft, block: Document) -> None:
    content = block.get("content")
    for part in dicts(content):
        if part.get("type") in ("image", "document"):
            add_part(draft, part)
    failed = block.get("is_error") is True or text(members(content).get("type")).endswith("_error")
    draft.result(block.get("tool_use_id"), content, is_error=failed)


def _tool(given: Document) -> Tool:
    own = "input_schema" in given or text(given.get("type")) == "custom"
    found = (schema(given.get("input_schema")) or {}) if own else None
    name = text(first(given, "name", "mcp_server_name", "type"))
    return Tool(name, text(given.get("description")), found, given.get("strict") is True)


_MODES: dict[str, Any] = {"none": "none", "any": "required", "tool": "named"}


def _tool_choice(given: Document) -> ToolChoice:
    mode = _MODES.get(text(given.get("type")), "auto")
    name = text(given.get("name")) or None
    return ToolChoice(mode, name if mode == "named" else None, given.get("disable_parallel_tool_use") is not True)


def _response_format(request: Document) -> ResponseFormat:
    given = members(members(request.get("output_config")).get("format")) or members(request.get("output_format"))
    return format_of(given)


READER = Reader(asked, said, assemble)
