"""How do items and parts become messages? What one side says in several pieces is put together here."""

from collections.abc import Callable
from typing import Any

from gateway.evaluation.api import Media, Message, Role, ToolCall, ToolResult
from gateway.evaluation.normal.shape import Document
from gateway.evaluation.normal.values import as_json, encoded_bytes, first, members, text, words


class Draft:
    """A message that is being put together."""

    __slots__ = ("calls", "media", "reasoning", "refusal", "results", "role", "texts")

    def __init__(self, role: Role) -> None:
        self.role = role
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[ToolResult] = []
        self.media: list[Media] = []

    def call(self, id: Any, name: Any, arguments: Any, *, server: bool = False) -> None:
        """Add a tool call. No arguments are an empty object."""
        written = "{}" if arguments is None else as_json(arguments)
        self.calls.append(ToolCall(text(id), text(name), written, server))

    def result(self, id: Any, said: Any, name: Any = "", *, is_error: bool = False) -> None:
        """Add what a tool returned: its words, or all of it as JSON."""
        told = _texts(said) if isinstance(said, list) else ""
        self.results.append(ToolResult(text(id), told or ("" if not said else as_json(said)), text(name), is_error))

    def message(self, names: dict[str, str]) -> Message:
        """Return the message. An answer's pieces follow each other; what people write in parts are paragraphs."""
        results = [
            each if each.name or each.id not in names else ToolResult(each.id, each.text, names[each.id], each.is_error)
            for each in self.results
        ]
        return Message(
            self.role,
            ("" if self.role == "assistant" else "\n").join(self.texts),
            "\n".join(self.reasoning),
            "".join(self.refusal),
            tuple(self.calls),
            tuple(results),
            tuple(self.media),
        )


class Talk:
    """A conversation that is being put together."""

    __slots__ = ("drafts",)

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def begin(self, role: Role) -> Draft:
        """Begin a message."""
        self.drafts.append(Draft(role))
        return self.drafts[-1]

    def go_on(self, role: Role) -> Draft:
        """Go on with the last message if it is of this role, else begin one."""
        if self.drafts and self.drafts[-1].role == role:
            return self.drafts[-1]
        return self.begin(role)

    def messages(self) -> tuple[Message, ...]:
        """Return all messages. Results get the names of the tools that were called by their ids."""
        names = {call.id: call.name for draft in self.drafts for call in draft.calls if call.id}
        return tuple([draft.message(names) for draft in self.drafts])


def _texts(parts: list[Any]) -> str:
    """Return the words of those parts that are words."""
    return "\n".join([part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)])


_ROLES: dict[Any, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def role_of(value: Any, default: Role = "user") -> Role:
    """Translate a role."""
    return _ROLES.get(value, default) if isinstance(value, str) else default


def _add_words(draft: Draft, part: Document) -> None:
    if said := text(part.get("text")):
        draft.texts.append(said)


def _add_thinking(draft: Draft, part: Document) -> None:
    if said := words(first(part, "thinking", "text")):
        draft.reasoning.append(said)


def _add_refusal(draft: Draft, part: Document) -> None:
    draft.refusal.append(text(part.get("refusal")))


def _media(kind: str) -> Callable[[Draft, Document], None]:
    def add(draft: Draft, part: Document) -> None:
        inner = part
        for name in ("source", "image_url", "input_audio", "file", "document_url", "video_url"):
            inner = members(part.get(name)) or inner
        coded = first(inner, "data", "url", "file_data", "image_url", "document_url", "video_url", "text")
        draft.media.append(Media(kind, encoded_bytes(coded)))

    return add


# By the type of a part of content: OpenAI, Anthropic, Mistral, Cohere and their like.
_PARTS: dict[str, Callable[[Draft, Document], None]] = {
    **dict.fromkeys(("text", "input_text", "output_text"), _add_words),
    **dict.fromkeys(("thinking", "reasoning_text", "summary_text"), _add_thinking),
    "refusal": _add_refusal,
    **dict.fromkeys(("image", "image_url", "input_image"), _media("image")),
    **dict.fromkeys(("input_audio", "audio"), _media("audio")),
    **dict.fromkeys(("video", "video_url"), _media("video")),
    **dict.fromkeys(("document", "document_url", "file", "input_file"), _media("document")),
    "container_upload": _media("data"),
}


def add_content(draft: Draft, content: Any) -> None:
    """Add what a message holds: a text, or parts. Parts of kinds that nobody knows are left out."""
    if isinstance(content, str):
        if content:
            draft.texts.append(content)
        return
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str) and part:
            draft.texts.append(part)
        elif isinstance(part, dict):
            add_part(draft, part)


def add_part(draft: Draft, part: Document) -> None:
    """Add one part of a message's content."""
    kind = part.get("type")
    add = _PARTS.get(kind) if isinstance(kind, str) else _add_words
    if add is not None:
        add(draft, part)
