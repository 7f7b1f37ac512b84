"""How did an answer end: what its provider calls it, why the model stopped, and how many tools it calls?

All in the provider's own words. What cannot be taken is not told, and costs no usage. A call is one whoever runs it,
the caller or the provider; the calls of all choices count, and of the reasons that of the first choice that tells one.
"""

from typing import Any, Final

import msgspec

from gateway.wire.counts import members
from gateway.wire.plain import plain
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Answer, Block, ResponseObject, ToldAnswer

# The provider's name for the answer, its reason to stop, and the number of calls.
End = tuple[str | None, str | None, int]

MOST_WORD_CHARS: Final = 64
MOST_CALLS: Final = 10_000  # no answer has more; a place beyond is no place
# How a response stands when nothing follows.
RESPONSE_ENDED: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})

_decode_blocks: Final = msgspec.json.Decoder(list[Block]).decode


def word(reason: Any) -> str | None:
    """Take a provider's word for why the model stopped."""
    return None if reason is None else plain(reason, MOST_WORD_CHARS)


def end_of_openai(answer: Answer) -> End:
    """Tell how an OpenAI-shaped answer ended."""
    reason = word(answer.finish_reason)
    calls = 0
    if type(answer) is ToldAnswer:  # isinstance asks the metaclass, which takes longer than the rest
        for choice in answer.choices or ():
            if reason is None:
                reason = word(choice.finish_reason)
            message = choice.message
            if message is not None:
                if message.tool_calls is not None:
                    calls += len(message.tool_calls)
                elif message.function_call:
                    calls += 1
        if answer.output is not None:
            reason = reason or response_reason(answer)
            calls += calls_among(answer.output)
    return plain(answer.id), reason, calls


def end_of_response(response: ResponseObject) -> End:
    """Tell how the response ended that a stream shows."""
    try:
        items = _decode_blocks(response.output) if response.output else []
    except UNREADABLE:
        items = []  # of another shape
    return plain(response.id), response_reason(response), calls_among(items)


def response_reason(response: Answer) -> str | None:
    """Say why a response ended: what made it incomplete, or how it stands."""
    status = response.status
    if not isinstance(status, str) or status not in RESPONSE_ENDED:
        return None
    return word(members(response.incomplete_details).get("reason")) or status


def end_of_message(answer: Answer) -> End:
    """Tell how an Anthropic message ended."""
    calls = 0
    if type(answer) is ToldAnswer and answer.content is not None:
        calls = calls_among(answer.content)
    return plain(answer.id), word(answer.stop_reason), calls


def end_of_generated(answer: Answer) -> End:
    """Tell how a Gemini answer ended; one that was blocked has no candidates."""
    reason = word(answer.finish_reason)
    calls = 0
    if type(answer) is ToldAnswer:
        for candidate in answer.candidates or ():
            reason = reason or word(candidate.finishReason)
            content = candidate.content
            for part in content.parts or () if content is not None else ():
                if part.functionCall or part.executableCode or part.toolCall:
                    calls += 1
        reason = reason or word(members(answer.promptFeedback).get("blockReason"))
    return plain(answer.responseId), reason, calls


def calls_among(blocks: list[Block]) -> int:
    """Count the calls among blocks of content or items of output: `tool_use`, `server_tool_use`, `function_call`, …"""
    return len([True for block in blocks if is_call(block.type)])


def is_call(kind: Any) -> bool:
    """Tell whether that is the kind of a call. By its end: new tools come all the time."""
    return isinstance(kind, str) and kind.endswith(("tool_use", "_call"))


def calls_in_delta(calls: Any) -> int:
    """Tell how many calls there are as far as a chat's delta shows: each names the place of its call."""
    if type(calls) is not list:
        return 0
    most = len(calls)
    for call in calls:
        place = members(call).get("index")
        if type(place) is int and most <= place < MOST_CALLS:
            most = place + 1
    return most
