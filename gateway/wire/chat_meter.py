"""Usage, model and end of a streamed chat, or text completion, as OpenAI streams it."""

import re
from typing import Any, Final

import msgspec

from gateway.core.usage import Usage
from gateway.wire import openai_words
from gateway.wire.counts import members
from gateway.wire.ending import calls_in_delta, word
from gateway.wire.meter import StreamMeter, error_text
from gateway.wire.openai_usage import read_usage
from gateway.wire.plain import plain
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import ChatChunk, Sight
from gateway.wire.sse import payload

_decode_any: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_SPELLINGS = {b'"usage":null': b'"usage":{', b'"usage": null': b'"usage": {'}
# What makes the event that we asked for the client's all the same. Figures that servers add to it (`timings`,
# `perf_metrics`, `nvext`, …) come and go with the usage: for them no client gets a chunk that it is not ready for.
_MISSED_KEYS = (
    "error", "moderation", "prompt_filter_results", "content_filter_results", "citations", "search_results",
    "annotations", "related_questions", "images", "videos",
)  # fmt: skip
_decode_chunk: Final = msgspec.json.Decoder(ChatChunk).decode


# How the end of a stream is spelled, and how its calls are: in one or the other of the two usual ways.
_SPELLED: Final = ((b'"finish_reason":"', b'"tool_calls":['), (b'"finish_reason": "', b'"tool_calls": ['))
_CALLING: Final = frozenset(("tool_calls", "function_call"))
_NEAR_BYTES: Final = 1024  # so near to its end a stream says why it ends


class ChatMeter(StreamMeter):
    """Watch a chat or completions stream: usage on some late chunk, then [DONE].

    Why the model stopped, and its last call, stand in the chunks before these, which pass unread: they are looked for
    in the last two reads before the end.
    """

    __slots__ = ("_ended", "_looked_behind", "_tier", "_usage")

    done = b"[DONE]"
    words = openai_words.ANSWERS

    def __init__(self, *, strip_usage: bool = False) -> None:
        super().__init__(strip_usage=strip_usage)
        self._usage = b""  # the last usage object seen: some servers repeat it, growing, on every chunk
        self._tier: Any = None
        self._ended = False
        self._looked_behind = False

    def usage(self) -> Usage | None:
        """Return what the last usage object says."""
        return read_usage(self._usage, self._tier) if self._usage else None

    def sight(self) -> Sight:
        """Return what the stream told."""
        self._look_behind()
        return super().sight()

    def complete(self, status: int) -> bool:
        """Accept a finish reason where a server never sends [DONE]."""
        if super().complete(status) or self._ended:
            return True
        newest = self._last.rfind(b"data:")
        return newest >= 0 and _FINISHED.search(self._last, newest) is not None

    def _event(self, event: bytes) -> bool:
        if self.content_seen and not self._is_marked(event):
            return True
        data = payload(event)
        if data.startswith(b"[DONE]"):
            self._look_behind()
            self.terminal = True
            return True
        try:
            chunk = _decode_chunk(data)
        except UNREADABLE:
            return True
        self._read_chunk(chunk, event)
        return not (self._strip and self._is_injected(chunk, data))

    def _read_chunk(self, chunk: ChatChunk, event: bytes) -> None:
        if self.model is None and isinstance(chunk.model, str) and chunk.model:
            self.model = chunk.model
        if chunk.error:
            self.error = error_text(chunk.error)
        if self.response_id is None:
            self.response_id = plain(chunk.id)
        if chunk.choices:
            self._note_choices(chunk.choices)
        usage = _usage_in(chunk)
        if usage:
            self._usage = usage
            self._told_at = self._place
            self._tier = chunk.service_tier
            self._ended = not chunk.choices or _FINISHED.search(event) is not None
            if not chunk.choices:
                self._look_behind()
        elif self._mark == self.mark and _encode(chunk.usage) == b"null":
            # Null stands on every chunk: learn this server's spelling of the one that counts.
            for null, real in _SPELLINGS.items():
                if event.find(null) >= 0:
                    self._mark = real

    def _note_choices(self, choices: Any) -> None:
        for choice in choices if type(choices) is list else ():
            if type(choice) is not dict:
                continue
            delta = members(choice.get("delta"))
            self.content_seen = self.content_seen or bool(choice.get("text") or any(_but_role(delta)))
            self.finish_reason = word(choice.get("finish_reason")) or self.finish_reason
            calls = calls_in_delta(delta.get("tool_calls")) or int(bool(delta.get("function_call")))
            self.tool_calls = max(self.tool_calls, calls)

    def _look_behind(self) -> None:
        """Look for what the chunks before this one told of the end, until it is found."""
        if self._looked_behind:
            return
        known = self.finish_reason is not None
        for reason_mark, calls_mark in _SPELLED:
            self._read_behind(self._last, reason_mark, calls_mark)
            if len(self._last) < _NEAR_BYTES or self.finish_reason in _CALLING:
                self._read_behind(self._before, reason_mark, calls_mark)
            if self.finish_reason is not None and not known:
                break  # so this server spells
        self._looked_behind = self.finish_reason is not None

    def _read_behind(self, text: bytes, reason_mark: bytes, calls_mark: bytes) -> None:
        near = max(0, len(text) - _NEAR_BYTES)
        if self.finish_reason is None:
            self.finish_reason = _reason_in(text, near, reason_mark)
        if self.finish_reason in _CALLING:
            near = 0  # all calls may stand in one long chunk
        self.tool_calls = max(self.tool_calls, _calls_in(text, near, calls_mark))

    def _is_injected(self, chunk: ChatChunk, data: bytes) -> bool:
        """Tell whether this is the event that the client did not ask for, and nothing else is in it."""
        if chunk.choices != [] or not bytes(chunk.usage).startswith(b"{"):
            return False
        seen = members(_decode_any(data))
        return all(seen.get(name) in (None, []) for name in _MISSED_KEYS)


def _usage_in(chunk: ChatChunk) -> bytes:
    """Find the usage object of a chunk: its own, or Groq's beside its id."""
    usage = _encode(chunk.usage)  # quicker than bytes()
    if usage.startswith(b"{"):
        return usage
    groq = members(chunk.x_groq).get("usage")
    return _encode(groq) if type(groq) is dict else b""


def _but_role(delta: dict[str, Any]) -> list[Any]:
    return [value for name, value in delta.items() if name != "role"]


def _reason_in(text: bytes, near: int, mark: bytes) -> str | None:
    """Find the last reason to stop. Quotes inside a text are escaped: this finds the member, never words about it."""
    at = text.rfind(mark, near)
    if at < 0:
        return None
    start = at + len(mark)
    reason = text[start : text.find(b'"', start)]
    if reason == b"stop":
        return "stop"
    return word(reason.decode("utf-8", "replace")) if reason.find(b"\\") < 0 else None


def _calls_in(text: bytes, near: int, mark: bytes) -> int:
    """Count the calls by the last delta of one that stands behind `near`."""
    at = text.rfind(mark, near)
    if at < 0:
        return 0
    try:
        choices = _decode_chunk(text[text.rfind(b"data:", 0, at) + 5 : text.find(b"\n", at)]).choices
    except UNREADABLE:
        return 0
    deltas = [members(members(choice).get("delta")) for choice in choices] if type(choices) is list else []
    return max([calls_in_delta(delta.get("tool_calls")) for delta in deltas], default=0)
