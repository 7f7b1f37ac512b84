"""Usage, model and end of Anthropic Messages answers, whole and streamed."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.wire import anthropic_jobs, anthropic_words
from gateway.wire.counts import clamp, count, members, text
from gateway.wire.ending import end_of_message, is_call, word
from gateway.wire.endpoint import Endpoint
from gateway.wire.json_meter import JsonMeter
from gateway.wire.meter import Meter, StreamMeter, error_text
from gateway.wire.plain import plain
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Answer, MessagesEvent, Sight
from gateway.wire.sse import payload

_decode_any = msgspec.json.Decoder().decode


def new_meter(endpoint: Endpoint, *, streamed: bool, strip_usage: bool) -> Meter:
    """Make the meter for one answer."""
    if endpoint.job:
        return anthropic_jobs.new_meter(endpoint, read_usage)
    if streamed:
        return MessagesMeter()
    return JsonMeter(
        read_answer, generates=endpoint.name in ("messages", "text_completion"), words=anthropic_words.ANSWERS
    )


def read_answer(answer: Answer) -> Sight:
    """Read a JSON answer."""
    response_id, reason, calls = end_of_message(answer)
    return Sight(
        read_raw(bytes(answer.usage)) if answer.usage else None,
        answer.model if isinstance(answer.model, str) else None,
        error_text(answer.error) if answer.error else None,
        response_id,
        reason,
        calls,
    )


def read_raw(raw: bytes) -> Usage | None:
    """Normalise a usage object as it stands in JSON; None where it says nothing."""
    try:
        seen = members(_decode_any(raw))
    except UNREADABLE:
        return None
    return read_usage(seen, raw) if seen else None


def read_usage(seen: dict[str, Any], raw: bytes) -> Usage:
    """Normalise a usage object: here the cached parts stand beside `input_tokens`, not inside."""
    get = seen.get
    read = count(get("cache_read_input_tokens"))
    written = count(get("cache_creation_input_tokens"))
    split = members(get("cache_creation"))
    one_hour = count(split.get("ephemeral_1h_input_tokens"))
    if written >= 0:
        written = max(written, one_hour + count(split.get("ephemeral_5m_input_tokens")))
    usage = Usage(
        input_total=count(get("input_tokens")) + written + read,
        output_total=count(get("output_tokens")),
        input_cached_read=read,
        # What the split does not name was written for five minutes: deltas repeat the sum, not the split.
        input_cache_write_5m=written - max(one_hour, 0),
        input_cache_write_1h=one_hour,
        raw=msgspec.Raw(raw),
    )
    details, tools = get("output_tokens_details"), get("server_tool_use")
    if type(details) is dict:
        usage.output_reasoning = count(details.get("thinking_tokens"))
    if type(tools) is dict:
        usage.web_searches = count(tools.get("web_search_requests"))
    usage.service_tier = text(get("service_tier"))
    if usage.service_tier == "batch":  # price lists know it by how it is processed
        usage.processing = "batch"
    usage.speed = text(get("speed"))
    geo = text(get("inference_geo"))
    if geo != "not_available":
        usage.geo = geo
    iterations = get("iterations")
    if type(iterations) is list:
        _add_iterations(usage, [each for each in iterations if type(each) is dict])
    return clamp(usage)


def _add_iterations(usage: Usage, iterations: list[dict[str, Any]]) -> None:
    """Add those of the passes behind an answer that its totals leave out."""
    wrote = usage.output_total
    for each in iterations:
        add = _ITERATIONS.get(str(each.get("type")))
        if add is not None:
            add(usage, each)
    served = next((each.get("model") for each in iterations if each.get("type") == "fallback_message"), None)
    turns = [each for each in iterations if each.get("type") in ("message", "fallback_message")]
    if served is None or wrote >= sum(count(each.get("output_tokens")) for each in turns):
        return
    for each in turns:
        # One that declined before it wrote anything is not billed.
        if each.get("model") not in (None, served) and count(each.get("output_tokens")):
            _add_advice(usage, each)


def _one(entry: dict[str, Any]) -> Usage:
    usage = read_usage({name: value for name, value in entry.items() if name != "iterations"}, b"")
    usage.raw = Usage().raw  # none: it stands in the whole one's, and an empty one of its own would be no JSON
    return usage


def _add_advice(usage: Usage, entry: dict[str, Any]) -> None:
    """Add what another model used, an advisor or one that declined: at its own price."""
    extra = _one(entry)
    extra.model = text(entry.get("model"))
    usage.elsewhere += (extra,)


def _add_compaction(usage: Usage, entry: dict[str, Any]) -> None:
    """Add a compaction pass: it is billed, and the totals leave it out."""
    extra = _one(entry)
    usage.suspect = usage.suspect or extra.suspect
    usage.input_total += extra.input_total
    usage.output_total += extra.output_total
    usage.input_cached_read += extra.input_cached_read
    usage.input_cache_write_5m += extra.input_cache_write_5m
    usage.input_cache_write_1h += extra.input_cache_write_1h


# The entries of `iterations` that the totals leave out.
_ITERATIONS: dict[str, Callable[[Usage, dict[str, Any]], None]] = {
    "compaction": _add_compaction,
    "advisor_message": _add_advice,
}


_decode_event = msgspec.json.Decoder(MessagesEvent).decode


class MessagesMeter(StreamMeter):
    """Watch a Messages stream: usage begins in message_start, grows in message_delta, ends with message_stop.

    What begins a block is looked for, too: it tells whether that is a call.
    """

    __slots__ = ("_counted", "_seen")

    words = anthropic_words.EVENTS

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Any] = {}
        self._counted = False  # a message_delta has told the output; message_start only seeds it

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them. A read whose last event is a delta holds neither the end nor an error."""
        self._bytes += len(data)
        if self._bytes > self._wanted:
            self._pending.append(data)
            if self._bytes > self._full:
                self._hand_over()
        last = data.rfind(b"event: ")
        if (
            self._busy
            or data.find(self._mark) >= 0
            or not data.startswith(b"event: content_block_delta", last)
            or not data.endswith(self.ending)
            or (last > 0 and data.find(b"content_block_start") >= 0)
        ):
            return self._look(data)
        return data

    def usage(self) -> Usage | None:
        """Return the merged usage; output that no message_delta has told yet is estimated from the text."""
        if not self._seen:
            return None
        usage = read_usage(self._seen, msgspec.json.encode(self._seen))
        if not self._counted and not usage.is_spoiled:
            usage.output_total = max(usage.output_total, self._output_tokens())
        return usage

    def sight(self) -> Sight:
        """Return usage, model and error as far as the stream told."""
        sight = super().sight()
        sight.guessed = sight.guessed or not self._counted
        return sight

    def _event(self, event: bytes) -> bool:
        if self.content_seen and event.startswith(b"event: content_block_") and event.find(b'tool_use"') < 0:
            return True
        try:
            seen = _decode_event(payload(event))
        except UNREADABLE:
            return True
        if seen.type == "message_start":
            self._start(members(seen.message))
        elif seen.type == "message_delta":
            self.finish_reason = word(members(seen.delta).get("stop_reason")) or self.finish_reason
            self._merge(members(seen.usage))
        elif seen.type == "content_block_start":
            self.tool_calls += is_call(members(seen.content_block).get("type"))
        elif seen.type == "content_block_delta":
            self.content_seen = True
        elif seen.type == "message_stop":
            self.terminal = True
        elif seen.type == "error" or seen.error:
            self.error = error_text(seen.error) or "error"
        return True

    def _start(self, message: dict[str, Any]) -> None:
        model = message.get("model")
        self.model = self.model or (model if isinstance(model, str) else None)
        if not self._seen:  # some servers repeat message_start
            self.response_id = plain(message.get("id"))
            self._seen = dict(members(message.get("usage")))

    def _merge(self, usage: dict[str, Any]) -> None:
        """Take what the delta tells: its counts are cumulative, and what it leaves out stands."""
        if "output_tokens" in usage:
            self._counted = True
            self._told_at = self._place
        self._seen.update({name: value for name, value in usage.items() if value is not None})
