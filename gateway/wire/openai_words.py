"""What does an OpenAI-shaped answer say? Finds text, reasoning and calls, for where its tokens are not told."""

from typing import Any, Final

from gateway.wire.counts import members
from gateway.wire.guess import OPENAI, Guess, Words

# Calls whose arguments a stream sends in deltas; all others stand only in the event that closes the item.
_IN_DELTAS: Final = frozenset({"function_call", "custom_tool_call", "mcp_call", "code_interpreter_call"})
_ARGUMENTS: Final = ("arguments", "input", "code", "action", "operation", "query", "queries")


def read_answer(document: dict[str, Any], guess: Guess) -> None:
    """Add what a whole answer says, or a chunk of a chat."""
    for choice in map(members, _list(document.get("choices"))):
        message = members(choice.get("message") or choice.get("delta"))
        if not message:
            guess.text(choice.get("text"))
        _read_message(message, guess)
    for item in map(members, _list(document.get("output"))):
        _read_item(item, guess)


def read_event(event: dict[str, Any], guess: Guess) -> None:
    """Add what one event of a Responses stream adds, if it is a delta."""
    kind = event.get("type")
    if type(kind) is str and kind.endswith(".delta") and not kind.endswith("audio.delta"):
        guess.text(event.get("delta"))
    guess.aside = "item" in event or "response" in event


def read_opened(item: dict[str, Any], guess: Guess) -> None:
    """Add an item whose content is going to come in deltas."""
    if item.get("type") in _IN_DELTAS:
        guess.call(item.get("name"))


def read_closed(item: dict[str, Any], guess: Guess) -> None:
    """Add what its deltas did not say of an item that is whole; their text, which it repeats, is none of it."""
    if item.get("type") not in _IN_DELTAS:
        _read_item(item, guess)


def _read_message(message: dict[str, Any], guess: Guess) -> None:
    """Add content, reasoning, refusals and calls of a chat message, or of a part of one."""
    content = message.get("content")
    guess.text(content)
    guess.text(message.get("refusal"))
    guess.thought(message.get("reasoning_content") or message.get("reasoning"))
    for part in map(members, _list(content)):
        guess.text(part.get("text"))
        for thought in map(members, _list(part.get("thinking"))):  # Mistral
            guess.thought(thought.get("text"))
    for detail in map(members, _list(message.get("reasoning_details"))):  # OpenRouter: the text stands beside it
        guess.seal(detail.get("data") or detail.get("signature"))
    for call in map(members, [*_list(message.get("tool_calls")), {"function": message.get("function_call")}]):
        function = members(call.get("function") or call.get("custom"))
        if function.get("name"):
            guess.call(function.get("name"))
        guess.text(function.get("arguments") or function.get("input"))


def _read_item(item: dict[str, Any], guess: Guess) -> None:
    """Add an item of a response: a message, reasoning, or a call. What a tool answered was read, not written."""
    kind = item.get("type")
    for part in map(members, [*_list(item.get("content")), *_list(item.get("summary"))]):
        (guess.thought if kind == "reasoning" else guess.text)(part.get("text") or part.get("refusal"))
    if kind in ("reasoning", "compaction"):
        guess.seal(item.get("encrypted_content"))
    elif type(kind) is str and kind.endswith("_call"):
        guess.call(item.get("name"), next((item[name] for name in _ARGUMENTS if item.get(name)), None))


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


ANSWERS: Final = Words(OPENAI, read_answer)
EVENTS: Final = Words(OPENAI, read_event)
