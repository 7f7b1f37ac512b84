"""Usage, model and end of OpenAI-shaped answers, whole and streamed, but for streams of chats (`chat_meter.py`)."""

from typing import Any, Final

import msgspec

from gateway.core.usage import Usage
from gateway.wire import openai_jobs, openai_words
from gateway.wire.chat_meter import ChatMeter
from gateway.wire.counts import amount, clamp, count, members
from gateway.wire.ending import end_of_openai, end_of_response
from gateway.wire.endpoint import Endpoint
from gateway.wire.guess import Guess, Reader
from gateway.wire.json_meter import JsonMeter
from gateway.wire.lines_meter import LinesMeter
from gateway.wire.meter import Meter, StreamMeter, error_text
from gateway.wire.openai_usage import read_usage, read_written, take_for_pictures
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Answer, ResponseObject, ResponsesEvent, Sight
from gateway.wire.sse import Splitter, payload

TEXT_ENDPOINTS: Final = frozenset({"chat", "text_completion", "responses"})

_decode_any: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
# The last event of Responses, and of what media endpoints stream.
_ENDS = (
    "response.completed", "response.incomplete", "response.failed",
    "image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done",
)  # fmt: skip


def new_meter(endpoint: Endpoint, *, streamed: bool, strip_usage: bool) -> Meter:
    """Make the meter for one answer."""
    if endpoint.lines:
        return LinesMeter(ends=endpoint.name in TEXT_ENDPOINTS)
    if endpoint.job:
        if streamed and endpoint.name == "responses":
            return PolledResponsesMeter()
        return openai_jobs.new_meter(endpoint)
    if not streamed:
        goes_on = openai_jobs.asked_response if endpoint.name == "responses" else None
        writes = endpoint.name in TEXT_ENDPOINTS
        read = read_answer if writes else read_images if endpoint.name == "image" else read_media
        return JsonMeter(read, generates=writes, words=openai_words.ANSWERS, goes_on=goes_on)
    if endpoint.name in ("chat", "text_completion"):
        return ChatMeter(strip_usage=strip_usage)
    return STREAMED.get(endpoint.name, MediaMeter)()


def read_answer(answer: Answer) -> Sight:
    """Read a JSON answer."""
    response_id, reason, calls = end_of_openai(answer)
    return Sight(_usage_of(answer), _model_of(answer), _error_of(answer), response_id, reason, calls)


def _usage_of(answer: Answer) -> Usage | None:
    raw = _encode(answer.usage)  # quicker than bytes()
    return read_usage(raw, answer.service_tier, answer.tool_usage) if raw else None


def _model_of(answer: Answer) -> str | None:
    return answer.model if isinstance(answer.model, str) else None


def _error_of(answer: Answer) -> str | None:
    return error_text(answer.error) if answer.error else None


def read_raw(raw: bytes) -> Usage | None:
    """Normalise what a record keeps of an answer as its usage: the usage object, or what stands in its place."""
    usage = read_usage(raw)
    if usage is not None:
        return usage
    try:
        return _read_pages(_decode_any(raw))
    except UNREADABLE:
        return None


def read_media(answer: Answer) -> Sight:
    """Read a JSON answer of an endpoint that writes no text, or counts other things than tokens."""
    sight = read_answer(answer)
    if sight.usage is None:
        sight.usage = _read_units(answer)
    written = members(answer.svg_usage)
    if written and sight.usage is not None:
        sight.usage.elsewhere += (read_written(written),)
    return sight


def read_images(answer: Answer) -> Sight:
    """Read a JSON answer that holds pictures."""
    sight = read_media(answer)
    if sight.usage is not None:
        take_for_pictures(sight.usage)
    return sight


def _read_units(answer: Answer) -> Usage | None:
    """Read what stands where other answers have their usage: seconds heard, pages read, units that are billed."""
    if answer.duration is not None:
        return clamp(Usage(seconds=amount(answer.duration)))
    billed = members(answer.meta)
    return _read_pages(answer.usage_info) or (read_usage(msgspec.json.encode(billed)) if billed else None)


def _read_pages(info: Any) -> Usage | None:
    """Read how many pages of a document were read."""
    read = members(info).get("pages_processed")
    return None if read is None else clamp(Usage(pages=count(read), raw=msgspec.Raw(msgspec.json.encode(info))))


_ITEM_READERS = {
    "response.output_item.added": openai_words.read_opened,
    "response.output_item.done": openai_words.read_closed,
}
ITEM_BYTES: Final = 256 << 10  # an item that is longer holds a picture

_decode_event: Final = msgspec.json.Decoder(ResponsesEvent).decode


class ResponsesMeter(StreamMeter):
    """Watch a stream of typed events: the last one holds the whole response with its usage.

    Deltas name an `item_id`; only what opens or closes an item, or the response, has an `id`. All of these are read:
    they hold what no delta does (sealed reasoning, calls of the provider's own tools), and repeat what deltas did.
    """

    __slots__ = ("_response", "_usage")

    mark = b'"id":"'
    done = b"[DONE]"
    words = openai_words.EVENTS

    def __init__(self) -> None:
        super().__init__()
        self._usage: Usage | None = None
        self._response: ResponseObject | None = None  # as the last event that holds one shows it

    def usage(self) -> Usage | None:
        """Return what the terminal event says."""
        if self._usage is None and not self.terminal and self._last.find(b'"usage"') >= 0:
            self._look_back()
        return self._usage

    def sight(self) -> Sight:
        """Return what the stream told; of a run in the background that is not over, that it goes on."""
        response = self._response
        if not self.terminal and response is not None and (job := openai_jobs.goes_on(response)) is not None:
            sight = Sight(None, self.model, self.error, job=job)
        else:
            sight = super().sight()
        if response is not None:
            sight.response_id, sight.finish_reason, sight.tool_calls = end_of_response(response)
        return sight

    def complete(self, status: int) -> bool:
        """Accept a last event that was passed over, because it tells no usage."""
        if super().complete(status):
            return True
        newest = Splitter().feed(self._last)
        try:
            return bool(newest) and _decode_event(payload(newest[-1])).type in _ENDS
        except UNREADABLE:
            return False

    def _event(self, event: bytes) -> bool:
        if self.content_seen and not self._is_marked(event):
            return True  # a last event without usage, null or not, is rare: `complete` looks for it
        data = payload(event)
        try:
            seen = _decode_event(data)
        except UNREADABLE:
            self.terminal = self.terminal or data.startswith(b"[DONE]")
            return True
        self._mind_item(event, seen)
        self._read_event(seen)
        return True

    def _mind_item(self, event: bytes, seen: ResponsesEvent) -> None:
        """Count of an item what its deltas do not say, and what repeats them not at all."""
        marked = event.find(self._mark) >= 0
        if self._sample is None:  # no content yet: all events come by
            if seen.response is not None and not marked:
                self._mark = b'"id"'  # this server writes its JSON another way
        elif not marked:
            return  # whether it comes by depends on what it was read with
        else:
            self._hand_over()
            self._sample.put_aside(self._place, len(event))
        read = _ITEM_READERS.get(seen.type) if isinstance(seen.type, str) else None
        if read is not None and 0 < len(bytes(seen.item)) <= ITEM_BYTES:
            self._count_item(bytes(seen.item), read)

    def _count_item(self, raw: bytes, read: Reader) -> None:
        guess = Guess(self.words.numbers)
        try:
            read(members(_decode_any(raw)), guess)
        except UNREADABLE:
            return
        self._once += guess.once()

    def _read_event(self, seen: ResponsesEvent) -> None:
        kind = seen.type if isinstance(seen.type, str) else ""
        if seen.response is not None:
            self._response = seen.response
            self.model = _model_of(seen.response) or self.model
            self.error = _error_of(seen.response) or self.error
            usage = _usage_of(seen.response)
            if usage is not None:
                self._usage = usage
                self._told_at = self._place
        if seen.usage:
            self._usage = read_usage(bytes(seen.usage)) or self._usage
            self._told_at = self._place
        if kind == "error" or seen.error:
            self.error = error_text(seen.error or {"type": seen.code, "message": seen.message})
        self.content_seen = self.content_seen or kind.endswith((".delta", ".partial_image", ".done"))
        self.terminal = self.terminal or kind in _ENDS

    def _look_back(self) -> None:
        """Read usage that was passed over, because the event lacks the mark."""
        self._place = self._bytes - self._splitter.held
        for event in Splitter().feed(self._last):
            try:
                self._read_event(_decode_event(payload(event)))
            except UNREADABLE:
                continue


class MediaMeter(ResponsesMeter):
    """Watch a stream of pictures, speech or a transcript: the last event tells the usage."""

    __slots__ = ()

    mark = b'"usage"'


class DrawingMeter(MediaMeter):
    """Watch a stream of pictures."""

    __slots__ = ()

    def usage(self) -> Usage | None:
        """Return what the last event says."""
        usage = super().usage()
        return None if usage is None else take_for_pictures(usage)


STREAMED: dict[str, type[ResponsesMeter]] = {"responses": ResponsesMeter, "image": DrawingMeter}


class PolledResponsesMeter(ResponsesMeter):
    """Watch a stream that shows a run once more: it repeats the last event, with the usage."""

    __slots__ = ()

    def sight(self) -> Sight:
        """Return what the last response told of the run."""
        return openai_jobs.told_by(self._response) if self._response is not None else Sight(polled=True)
