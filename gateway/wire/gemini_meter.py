"""Usage, model and end of Gemini answers: whole, as server-sent events, and as a JSON array that grows."""

import re
from math import ceil
from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.wire import gemini_jobs, gemini_words, openai_meter
from gateway.wire.counts import clamp, count, members, text
from gateway.wire.document import NESTED_MOST
from gateway.wire.ending import end_of_generated, word
from gateway.wire.endpoint import Endpoint
from gateway.wire.json_meter import JsonMeter
from gateway.wire.meter import TAIL_BYTES, Meter, StreamMeter, error_text
from gateway.wire.plain import plain
from gateway.wire.scan import UNREADABLE, value_end
from gateway.wire.shapes import Answer, GeminiChunk, Sight
from gateway.wire.sse import Splitter, payload

_KEY = b'"usageMetadata"'
_COUNTS = frozenset({"promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount"})
# Quotes inside a text are escaped: this finds the member, never words about it.
_MODEL = re.compile(rb'"modelVersion"\s*:\s*"([^"\\]+)"')
_REASON = re.compile(rb'"finishReason"\s*:\s*"([^"\\]+)"')
_ID = re.compile(rb'"responseId"\s*:\s*"([^"\\]+)"')
# The members of a part that are calls. No other key ends so.
_CALLS = (b'Call":', b'"executableCode":')
_CALL_KEYS = ("functionCall", "executableCode", "toolCall")
_CALL = re.compile(rb'"(?:functionCall|executableCode|toolCall)"\s*:')
_LONGEST_KEY = 24  # a name of a member, its quotes and what may stand around it
_TEXT_SHARE = 4  # an array's elements are printed wide: a quarter of the bytes is text, at most

_decode_any = msgspec.json.Decoder().decode
_decode_answer = msgspec.json.Decoder(Answer).decode


def new_meter(endpoint: Endpoint, *, streamed: bool, strip_usage: bool) -> Meter:
    """Make the meter for one answer. Behind `/openai/` this API speaks the OpenAI dialect."""
    if endpoint.job:
        return gemini_jobs.new_meter(endpoint, read_usage)
    if endpoint.name == "generate_content":
        return GenerateMeter() if streamed else JsonMeter(read_answer, key=_KEY, words=gemini_words.ANSWERS)
    if streamed or endpoint.name in openai_meter.TEXT_ENDPOINTS:
        return openai_meter.new_meter(endpoint, streamed=streamed, strip_usage=strip_usage)
    return JsonMeter(read_answer, key=_KEY, generates=False, words=gemini_words.ANSWERS)


def read_answer(answer: Answer) -> Sight:
    """Read a JSON answer."""
    if not answer.usageMetadata and answer.usage:
        return openai_meter.read_answer(answer)
    model = answer.modelVersion
    response_id, reason, calls = end_of_generated(answer)
    return Sight(
        read_usage(answer.usageMetadata) if answer.usageMetadata else None,
        model if isinstance(model, str) else None,
        error_text(answer.error) if answer.error else None,
        response_id,
        reason,
        calls,
    )


def read_usage(raw: msgspec.Raw) -> Usage | None:
    """Normalise a usageMetadata object: thoughts stand beside the candidates, tool prompts beside the prompt."""
    try:
        seen = _decode_any(raw)
    except UNREADABLE:
        return None
    if type(seen) is not dict or _COUNTS.isdisjoint(seen):
        return None
    get = seen.get
    tool = count(get("toolUsePromptTokenCount"))
    thoughts = count(get("thoughtsTokenCount"))
    usage = Usage(
        input_total=count(get("promptTokenCount")) + tool,
        # A missing count is zero: a blocked prompt has no candidates, a thinking model may not have begun them.
        output_total=count(get("candidatesTokenCount") or get("responseTokenCount")) + thoughts,
        input_cached_read=count(get("cachedContentTokenCount")),
        input_tool=tool,
        output_reasoning=thoughts,
        raw=msgspec.Raw(bytes(raw)),
    )
    read = _by_modality(get("promptTokensDetails") or get("promptTokenDetails"))
    _by_modality(get("toolUsePromptTokensDetails"), read)
    if read:
        usage.input_audio, usage.input_image, usage.input_video = _media(read)
    cached = _by_modality(get("cacheTokensDetails"))
    if cached:
        usage.input_cached_audio, usage.input_cached_image, usage.input_cached_video = _media(cached)
    wrote = _by_modality(get("candidatesTokensDetails") or get("responseTokensDetails"))
    if wrote:
        usage.output_audio, usage.output_image, usage.output_video = _media(wrote)
    usage.service_tier = text(get("serviceTier"))
    return clamp(usage)


def read_raw(raw: bytes) -> Usage | None:
    """Normalise a usage object: Google's own, or OpenAI's, which its compatible API tells."""
    return read_usage(msgspec.Raw(raw)) or openai_meter.read_raw(raw)


def _media(tokens: dict[Any, int]) -> tuple[int, int, int]:
    """Part what is not text into sound, pictures (pages of documents are some) and film."""
    get = tokens.get
    return get("AUDIO", 0), get("IMAGE", 0) + get("DOCUMENT", 0), get("VIDEO", 0)


def _by_modality(details: Any, into: dict[Any, int] | None = None) -> dict[Any, int]:
    found = {} if into is None else into
    for entry in details if type(details) is list else ():
        modality = members(entry).get("modality")
        if isinstance(modality, str):
            found[modality] = found.get(modality, 0) + count(entry.get("tokenCount"))
    return found


_decode_chunk = msgspec.json.Decoder(GeminiChunk).decode


class GenerateMeter(StreamMeter):
    """Watch a generateContent stream: each chunk tells the usage so far, the last one why it ended.

    Without `alt=sse` the same chunks come as the elements of one JSON array; the first byte tells which.
    """

    __slots__ = ("_array", "_tail", "_telling")

    ending = b"}\r\n\r\n"
    mark = b'"finishReason"'
    words = gemini_words.ANSWERS

    def __init__(self) -> None:
        super().__init__()
        self._telling = b""  # the last read or event that carries usage: its last chunk counts
        self._tail = b""  # of an array
        self._array: bool | None = None  # None: no byte yet

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        if self._array is None:
            self._begin(data)
        if self._array:
            self._feed_array(data)
            return data
        if not self._busy and data.endswith(self.ending) and data.rfind(_KEY) >= 0:
            self._telling = data
            self._told_at = self._bytes + len(data)
        if data.find(_CALLS[0]) >= 0 or data.find(_CALLS[1]) >= 0:
            self._busy = True  # for this read
        return super().feed(data)

    def finish(self) -> bytes:
        """Read an event that lacks its end; half a one tells nothing."""
        telling, told_at = self._telling, self._told_at
        held = super().finish()
        if self._telling is not telling and self._last_answer() is None:
            self._telling, self._told_at = telling, told_at
        return held

    def usage(self) -> Usage | None:
        """Return what the last chunk that told says."""
        answer = self._last_answer()
        return read_usage(answer.usageMetadata) if answer else None

    def estimate(self, request_bytes: int) -> Usage:
        """Guess from what passed."""
        guess = super().estimate(request_bytes)
        if self._array and self.content_seen:
            guess.output_total = max(1, ceil(self._bytes / _TEXT_SHARE / self.words.numbers.text_bytes))
        return guess

    def so_far(self) -> int:
        """Return what the last chunk that told says, with an estimate of what came after it."""
        if not self._array:
            return super().so_far()
        told = self.usage()
        now = self.estimate(0).output_total if told is None or told.is_spoiled else told.output_total
        self._most = max(self._most, now)
        return self._most

    def _begin(self, data: bytes) -> None:
        start = data.lstrip()[:1]
        if start:
            self._array = start == b"["

    def _event(self, event: bytes) -> bool:
        if event.find(_KEY) >= 0:
            self._telling = event
            self._told_at = self._place
        calls = event.find(_CALLS[0]) >= 0 or event.find(_CALLS[1]) >= 0
        if self.content_seen and not calls and event.find(self._mark) < 0 and event.find(self.late) < 0:
            return True
        try:
            chunk = _decode_chunk(payload(event))
        except UNREADABLE:
            return True
        if isinstance(chunk.modelVersion, str):
            self.model = chunk.modelVersion
        if chunk.error:
            self.error = error_text(chunk.error)
        candidates = [each for each in _list(chunk.candidates) if type(each) is dict]
        parts = [part for each in candidates for part in _parts(each)]
        self.content_seen = self.content_seen or bool(parts)
        self.tool_calls += len([True for part in parts if any([part.get(key) for key in _CALL_KEYS])])
        blocked = members(chunk.promptFeedback).get("blockReason")
        reasons = [reason for each in candidates if (reason := each.get("finishReason"))] or [blocked]
        self.finish_reason = word(reasons[0]) or self.finish_reason
        self.response_id = self.response_id or plain(chunk.responseId)
        self.terminal = self.terminal or bool(reasons[0])
        return True

    def _feed_array(self, data: bytes) -> None:
        self._bytes += len(data)
        tail = self._tail + data
        # What ends in this read, however the array was cut.
        self.tool_calls += len(
            [
                True
                for call in _CALL.finditer(tail, max(0, len(self._tail) - _LONGEST_KEY))
                if call.end() > len(self._tail)
            ]
        )
        self.content_seen = self.content_seen or tail.find(b'"parts"') >= 0
        closed = data.rstrip().endswith(b"]")
        self._tail = tail = tail[-TAIL_BYTES:]
        if closed:
            self.terminal = tail.find(self.mark) >= 0 or tail.find(b'"blockReason"') >= 0
        if data.find(b'"error"') >= 0:
            self.error = self._array_error(tail)
        if (closed or self.model is None) and (named := _MODEL.findall(tail)):
            self.model = named[-1].decode("utf-8", "replace")
        if closed:
            self.response_id = plain(_last_of(_ID, tail))
            self.finish_reason = word(_last_of(_REASON, tail))

    def _last_answer(self) -> Answer | None:
        if self._array:
            return _last_element(self._tail)
        behind = self._told_at
        for event in reversed([*(splitter := Splitter()).feed(self._telling), splitter.rest()]):
            try:
                answer = _decode_answer(payload(event))
            except UNREADABLE:
                answer = None
            if answer is not None and answer.usageMetadata:
                self._telling, self._told_at = event, behind
                return answer
            behind -= len(event)
        return None

    def _array_error(self, tail: bytes) -> str | None:
        element = _element(b"{" + tail[tail.rfind(b'"error"') :])
        return error_text(element.error) if element else self.error


def _last_element(tail: bytes) -> Answer | None:
    """Read the last element that tells its usage, from that member on."""
    at = len(tail)
    for _ in range(NESTED_MOST):
        at = tail.rfind(_KEY, 0, at)
        answer = _element(b"{" + tail[at:]) if at >= 0 else None
        if at < 0 or answer:
            return answer
    return None


def _element(data: bytes) -> Answer | None:
    """Decode the object at the start of `data`, which must be followed by the next element or the array's end."""
    behind = value_end(data, 0)
    if behind is None or data[behind : behind + 1] not in (b",", b"]", b""):
        return None
    try:
        return _decode_answer(data[:behind])
    except UNREADABLE:
        return None


def _parts(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    """List the parts of a candidate that hold something."""
    parts = _list(members(candidate.get("content")).get("parts"))
    return [part for part in parts if type(part) is dict and any(part.values())]


def _last_of(pattern: re.Pattern[bytes], tail: bytes) -> str | None:
    found: list[bytes] = pattern.findall(tail)
    return found[-1].decode("utf-8", "replace") if found else None


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []
