"""What does a Gemini answer say? Finds text, thoughts, calls and code, for where its tokens are not told."""

from typing import Any, Final

from gateway.wire.counts import members
from gateway.wire.guess import GEMINI, Guess, Words


def read_answer(document: dict[str, Any], guess: Guess) -> None:
    """Add what a whole answer says, or a chunk of one."""
    for candidate in _list(document.get("candidates")):
        for part in map(members, _list(members(members(candidate).get("content")).get("parts"))):
            (guess.thought if part.get("thought") is True else guess.text)(part.get("text"))
            call = members(part.get("functionCall"))
            if call:
                guess.call(call.get("name"), call.get("args"))
            guess.text(members(part.get("executableCode")).get("code"))
            if "toolCall" not in part and "toolResponse" not in part:  # there it seals what was found, too
                guess.seal(part.get("thoughtSignature"))


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


ANSWERS: Final = Words(GEMINI, read_answer)
