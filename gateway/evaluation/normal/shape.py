"""What is read from a body, whatever its dialect: what was asked, and what was said."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gateway.evaluation.api import Message, ResponseFormat, Tool, ToolChoice

Document = dict[str, Any]


class Asked(NamedTuple):
    """What a request says; the fields of an Exchange."""

    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    response_format: ResponseFormat = ResponseFormat()
    max_tokens: int | None = None


class Said(NamedTuple):
    """What an answer says. `finish`: the provider's own word for why it ended."""

    choices: tuple[Message, ...] = ()
    finish: str | None = None


class Assembled(NamedTuple):
    """What a stream adds up to: the document that would have come unstreamed, and whether its last event came."""

    document: Document
    has_ended: bool


class Reader(NamedTuple):
    """How one dialect is read. There is one way to read an answer: a stream is put together before."""

    request: Callable[[Document], Asked]
    answer: Callable[[Document], Said]
    assemble: Callable[[Iterable[Document]], Assembled]
