"""What does an Anthropic answer say? Finds text, thinking and calls, for where its tokens are not told."""

from typing import Any, Final

from gateway.wire.counts import members
from gateway.wire.guess import ANTHROPIC, Guess, Words

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def read_answer(document: dict[str, Any], guess: Guess) -> None:
    """Add what a whole answer says. What a server's tool found was read, not written."""
    guess.text(document.get("completion"))
    content = document.get("content")
    for block in map(members, content if type(content) is list else ()):
        kind = block.get("type")
        if kind in _CALLS:
            guess.call(block.get("name"), block.get("input"))
        elif kind in ("text", "thinking", "redacted_thinking", "compaction"):
            _read_part(block, guess)


def read_event(event: dict[str, Any], guess: Guess) -> None:
    """Add what one event of a stream adds."""
    kind = event.get("type")
    if kind == "content_block_start":
        block = members(event.get("content_block"))
        if block.get("type") in _CALLS:
            guess.call(block.get("name"))
        elif block.get("type") == "redacted_thinking":
            guess.seal(block.get("data"))
    elif kind == "content_block_delta":
        _read_part(members(event.get("delta")), guess)
    guess.text(event.get("completion"))


def _read_part(part: dict[str, Any], guess: Guess) -> None:
    guess.text(part.get("text"))
    guess.text(part.get("partial_json"))
    guess.text(part.get("content"))  # of a compaction
    guess.thought(part.get("thinking"))
    guess.seal(part.get("signature") or part.get("data"))


ANSWERS: Final = Words(ANTHROPIC, read_answer)
EVENTS: Final = Words(ANTHROPIC, read_event)
