"""How did an answer end: why the model stopped, how many tools it calls, and what its provider calls it?

All in the provider's own words. What cannot be taken is not told, and costs no usage. A call is one whoever runs it,
the caller or the provider; the calls of all choices count, and of the reasons that of the first choice that tells one.
"""

from typing import Any, Final

import msgspec

from gateway.wire.counts import members
from gateway.wire.plain import plain
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Answer, Block, ResponseObject, Sight, ToldAnswer

MOST_WORD_CHARS: Final = 64
MOST_CALLS: Final = 10_000  # no answer has more; a place beyond is no place
# How a response stands when nothing follows.
RESPONSE_ENDED: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})

_decode_blocks: Final = msgspec.json.Decoder(list[Block]).decode


def word(reason: Any) -> str | None:
    """Take a provider's word for why the model stopped."""
    return plain(reason, MOST_WORD_CHARS)


def end_of_openai(sight: Sight, answer: Answer) -> None:
    """Note how an OpenAI-shaped answer ended."""
    sight.response_id = plain(answer.id)
    reason = word(answer.finish_reason)
    if isinstance(answer, ToldAnswer):
        for choice in answer.choices or ():
            reason = reason or word(choice.finish_reason)
            message = choice.message
            if message is not None:
                sight.tool_calls += len(message.tool_calls or ()) or int(bool(message.function_call))
        if answer.output is not None:
            reason = reason or response_reason(answer)
            sight.tool_calls += calls_among(answer.output)
    sight.finish_reason = reason


def end_of_response(sight: Sight, response: ResponseObject) -> None:
    """Note how the response ended that a stream shows."""
    sight.response_id = plain(response.id)
    sight.finish_reason = response_reason(response)
    try:
        sight.tool_calls = calls_among(_decode_blocks(response.output)) if response.output else 0
    except UNREADABLE:
        sight.tool_calls = 0


def response_reason(response: Answer) -> str | None:
    """Say why a response ended: what made it incomplete, or how it stands."""
    status = response.status
    if not isinstance(status, str) or status not in RESPONSE_ENDED:
        return None
    return word(members(response.incomplete_details).get("reason")) or status


def end_of_message(sight: Sight, answer: Answer) -> None:
    """Note how an Anthropic message ended."""
    sight.response_id = plain(answer.id)
    sight.finish_reason = word(answer.stop_reason)
    if isinstance(answer, ToldAnswer) and answer.content is not None:
        sight.tool_calls = calls_among(answer.content)


def end_of_generated(sight: Sight, answer: Answer) -> None:
    """Note how a Gemini answer ended; one that was blocked has no candidates."""
    sight.response_id = plain(answer.responseId)
    reason = word(answer.finish_reason)
    if isinstance(answer, ToldAnswer):
        for candidate in answer.candidates or ():
            reason = reason or word(candidate.finishReason)
            for part in candidate.content.parts or () if candidate.content is not None else ():
                sight.tool_calls += bool(part.functionCall or part.executableCode or part.toolCall)
        reason = reason or word(members(answer.promptFeedback).get("blockReason"))
    sight.finish_reason = reason


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
