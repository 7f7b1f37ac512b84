"""How is OpenAI's Responses API read?"""

from collections.abc import Callable, Iterable

from gateway.evaluation.api import Media, Message, Tool
from gateway.evaluation.normal.openai_chat import format_of, tool_choice, tool_of
from gateway.evaluation.normal.shape import Asked, Assembled, Document, Reader, Said
from gateway.evaluation.normal.talk import Draft, Talk, add_content, role_of
from gateway.evaluation.normal.values import dicts, encoded_bytes, first, members, text, whole, words


def asked(request: Document) -> Asked:
    """Read a request. Where the history is kept by the provider (`previous_response_id`), it is not here."""
    return Asked(
        _messages(request),
        _tools(request),
        tool_choice(request.get("tool_choice"), request.get("parallel_tool_calls")),
        format_of(members(members(request.get("text")).get("format"))),
        whole(request.get("max_output_tokens")),
    )


def said(answer: Document) -> Said:
    """Read a response: all its items are one message."""
    talk = Talk()
    items = dicts(answer.get("output"))
    if items or answer.get("status") in ("completed", "incomplete"):
        draft = talk.begin("assistant")
        for item in items:
            _add_item(draft, item)
    finish = text(members(answer.get("incomplete_details")).get("reason")) or text(answer.get("status"))
    return Said(talk.messages(), "error" if answer.get("error") else finish or None)


def assemble(events: Iterable[Document]) -> Assembled:
    """Put a stream together: the last event repeats all of it; without it, what the others told."""
    items = _Items()
    response: Document = {}
    has_ended = False
    for event in events:
        kind = text(event.get("type"))
        take = _EVENTS.get(kind)
        if take is not None:
            take(items, event)
        response = members(event.get("response")) or response
        if kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            has_ended = True
        elif kind == "error":
            response = {**response, "error": event.get("error") or event.get("message") or True}
    if not dicts(response.get("output")):
        response = {**response, "output": items.all()}
    return Assembled(response, has_ended)


class _Items:
    """The items of output, as far as they came."""

    def __init__(self) -> None:
        self._items: dict[int, Document] = {}
        self._words: dict[int, dict[str, list[str]]] = {}

    def begin(self, event: Document) -> None:
        self._items[_place(event)] = dict(members(event.get("item")))

    def add(self, event: Document) -> None:
        kind = _DELTAS[text(event.get("type"))]
        self._words.setdefault(_place(event), {}).setdefault(kind, []).append(text(event.get("delta")))

    def end(self, event: Document) -> None:
        self._words.pop(_place(event), None)
        self._items[_place(event)] = members(event.get("item"))

    def all(self) -> list[Document]:
        for place, told in self._words.items():
            item = self._items.setdefault(place, {})
            for kind, pieces in told.items():
                _put(item, kind, "".join(pieces))
        return [item for _, item in sorted(self._items.items())]


def _put(item: Document, kind: str, written: str) -> None:
    """Put what deltas said where the whole item would have it."""
    if kind in ("arguments", "input", "code"):
        item[kind] = written
        return
    item.setdefault("type", "reasoning" if kind in ("summary_text", "reasoning_text") else "message")
    member = "summary" if kind == "summary_text" else "content"
    part = {"type": kind, ("refusal" if kind == "refusal" else "text"): written}
    item[member] = [*dicts(item.get(member)), part]


# What a delta belongs to: a part's type, or the item's member.
_DELTAS = {
    "response.output_text.delta": "output_text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "summary_text",
    "response.reasoning_text.delta": "reasoning_text",
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_EVENTS: dict[str, Callable[[_Items, Document], None]] = {
    "response.output_item.added": _Items.begin,
    "response.output_item.done": _Items.end,
    **dict.fromkeys(_DELTAS, _Items.add),
}


def _place(event: Document) -> int:
    place = event.get("output_index")
    return place if type(place) is int else 0


def _messages(request: Document) -> tuple[Message, ...]:
    talk = Talk()
    if instructions := request.get("instructions"):
        add_content(talk.begin("system"), instructions)
    given = request.get("input")
    if isinstance(given, str):
        talk.begin("user").texts.append(given)
    for item in dicts(given):
        _item(talk, item)
    return talk.messages()


def _item(talk: Talk, item: Document) -> None:
    """Read one item of input; those of one turn of the assistant, or of its tools, are one message."""
    kind = text(item.get("type"))
    if kind.endswith(("call_output", "search_output")) or kind == "mcp_approval_response":
        said = first(item, "output", "tools", "content")
        talk.go_on("tool").result(item.get("call_id"), said, item.get("name"))
    elif kind in ("", "message") and role_of(item.get("role")) != "assistant":
        add_content(talk.begin(role_of(item.get("role"))), item.get("content"))
    elif kind not in _NO_WORDS:
        _add_item(talk.go_on("assistant"), item)


# Of the caller: they run the tool themselves. All other calls are run by the provider.
_CALLERS_TOOLS = frozenset(
    ["function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"]
)
_NO_WORDS = frozenset({"additional_tools", "item_reference", "compaction", "mcp_list_tools", "mcp_approval_request"})
_ARGUMENTS = ("arguments", "input", "action", "code", "queries", "operation", "prompt")


def _add_item(draft: Draft, item: Document) -> None:
    kind = text(item.get("type"))
    if kind == "reasoning":
        if thought := words(item.get("summary")) or words(item.get("content")):
            draft.reasoning.append(thought)
    elif kind.endswith("_call"):
        _add_call(draft, item, kind)
    elif kind not in _NO_WORDS and not kind.endswith("_output"):
        add_content(draft, item.get("content"))


def _add_call(draft: Draft, item: Document, kind: str) -> None:
    is_server = kind not in _CALLERS_TOOLS and item.get("execution") != "client"
    id = first(item, "call_id", "id")
    name = text(item.get("name")) or kind.removesuffix("_call")
    draft.call(id, name, first(item, *_ARGUMENTS), server=is_server)
    if kind == "image_generation_call" and item.get("result"):
        draft.media.append(Media("image", encoded_bytes(item["result"])))
    elif is_server and (told := first(item, "output", "outputs", "results", "error")):
        draft.result(id, told, name, is_error=bool(item.get("error")))


def _tools(request: Document) -> tuple[Tool, ...]:
    """Read the tools; some are offered by an item of input."""
    given = dicts(request.get("tools"))
    for item in dicts(request.get("input")):
        if item.get("type") in ("additional_tools", "tool_search_output"):
            given = [*given, *dicts(item.get("tools"))]
    return tuple([tool_of(each) for each in given])


READER = Reader(asked, said, assemble)
