"""What did an answer consume, and did it end well? The role every dialect's meter fills, and the two ways to watch.

A stream is only searched for a few marks as it passes; what carries one is looked at closely. Of a JSON answer no more
is kept than is needed to find its usage at the end.
"""

import re
from collections.abc import Callable
from math import ceil
from typing import Any, Final, Protocol

import msgspec

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.scan import UNREADABLE, value_end
from gateway.wire.shapes import Answer, Sight
from gateway.wire.sse import Splitter, payload

SAMPLE_BYTES: Final = 16 << 10  # of a stream's beginning, to tell text from framing when its usage never comes
LATE_BYTES: Final = 4096  # an error stands at the end of what is read
WHOLE_BYTES: Final = (
    1 << 20
)  # up to here a JSON answer is kept and parsed, in a millisecond at most; beyond, its ends are
NESTED_MOST = 16  # how many look-alikes of the usage member are tried, from the end
HEAD_BYTES: Final = 4 << 10
TAIL_BYTES: Final = 64 << 10
JSON_FRAME_BYTES = 400  # ids, names and braces around the text of an answer
BYTES_PER_TOKEN: Final = 4


class Meter(Protocol):
    """Watches one answer. Never raises, whatever the provider sends.

    `terminal`: the event that ends the stream was in what was fed. `content_seen`: the first real content was.
    `model`: the model as the answer names it. `error`: what an error inside the answer says.
    """

    @property
    def terminal(self) -> bool: ...
    @property
    def content_seen(self) -> bool: ...
    @property
    def model(self) -> str | None: ...
    @property
    def error(self) -> str | None: ...

    def feed(self, data: bytes) -> bytes:
        """Take the bytes of one read; return what the client gets: the same object, unless something is stripped."""
        ...

    def finish(self) -> bytes:
        """Take the end of the answer; return what was still held back."""
        ...

    def usage(self) -> Usage | None:
        """Return what was consumed as far as the answer told; None: it did not."""
        ...

    def sight(self) -> "Sight":
        """Return usage, model and error at once: what the books want to know."""
        ...

    def complete(self, status: int) -> bool:
        """Tell whether the answer, as far as it was fed, is whole."""
        ...

    def estimate(self, request_bytes: int) -> Usage:
        """Return a guess from what passed, for when usage() has nothing."""
        ...


_decode_answer = msgspec.json.Decoder(Answer).decode
_decode_any = msgspec.json.Decoder().decode
_to_value = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*").match
_BOM = b"\xef\xbb\xbf"


class JsonMeter:
    """Watch an answer that is one JSON document. `read` turns its members into what was seen.

    `goes_on`, where there is one, looks at an answer that tells no usage: its work may go on.
    """

    __slots__ = (
        "_generates", "_goes_on", "_key", "_parts", "_read", "_sight", "_sight_size", "_size", "_tail_size",
        "content_seen",
    )  # fmt: skip

    terminal = False

    def __init__(
        self,
        read: Callable[[Answer], Sight],
        *,
        key: bytes = b'"usage"',
        generates: bool = True,
        goes_on: Callable[[bytes], Job | None] | None = None,
    ) -> None:
        self._read = read
        self._goes_on = goes_on
        self._key = key
        self._generates = generates
        self._parts: list[bytes] = []  # beyond WHOLE_BYTES: the head, then the tail
        self._size = 0
        self._tail_size = 0
        self._sight = Sight()
        self._sight_size = 0
        self.content_seen = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return them."""
        self._parts.append(data)
        self._size += len(data)
        self.content_seen = True
        if self._size > WHOLE_BYTES:
            self._forget()
        return data

    def finish(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""

    @property
    def model(self) -> str | None:
        """The model as the answer names it."""
        return self.sight().model

    @property
    def error(self) -> str | None:
        """What the answer's error says."""
        return self.sight().error

    def usage(self) -> Usage | None:
        """Return what was consumed."""
        return self.sight().usage

    def complete(self, status: int) -> bool:
        """Say yes: a JSON answer ends where its body ends."""
        return True

    def estimate(self, request_bytes: int) -> Usage:
        """Guess from the sizes."""
        text_bytes = max(self._size - JSON_FRAME_BYTES, 1) if self._size and self._generates else 0
        return Usage(input_total=ceil(request_bytes / BYTES_PER_TOKEN), output_total=ceil(text_bytes / BYTES_PER_TOKEN))

    def sight(self) -> Sight:
        """Look at the answer as far as it came."""
        if self._sight_size != self._size:
            self._sight_size = self._size
            answer = self._answer()
            self._sight = sight = self._read(answer) if answer else Sight()
            if self._goes_on is not None and (sight.usage is None or not sight.usage.output_total):
                sight.job = self._goes_on(b"".join(self._parts))
                sight.usage = sight.usage if sight.job is None else None
        return self._sight

    def _answer(self) -> Answer | None:
        parts = self._parts
        if self._size > WHOLE_BYTES:
            return _parse_ends(parts[0], b"".join(parts[1:]), self._key)
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._size > TAIL_BYTES and not self._generates:  # vectors: long, and plain at the end
            return _parse_ends(whole[:HEAD_BYTES], whole[-TAIL_BYTES:], self._key) or _parse(whole)
        return _parse(whole)

    def _forget(self) -> None:
        """Keep the head and the tail of an answer that is too long to keep."""
        parts = self._parts
        if not self._tail_size:
            whole = b"".join(parts)
            parts[:] = [whole[:HEAD_BYTES], whole[-TAIL_BYTES:]]
            self._tail_size = len(parts[1])
            return
        self._tail_size += len(parts[-1])
        while self._tail_size - len(parts[1]) >= TAIL_BYTES:
            self._tail_size -= len(parts.pop(1))


def _parse(body: bytes) -> Answer | None:
    """Read a whole document; of a list, the last one (Google's errors come in a list of one)."""
    try:
        return _decode_answer(body)
    except UNREADABLE:
        rest = body.removeprefix(_BOM).lstrip()
    try:
        if rest.startswith(b"["):
            return msgspec.json.decode(rest, type=list[Answer])[-1]
        return _decode_answer(rest) if len(rest) < len(body) else None
    except (*UNREADABLE, IndexError):
        return None


def _parse_ends(head: bytes, tail: bytes, key: bytes) -> Answer | None:
    """Read a long document whose usage stands at its end or, before what makes it long, at its beginning."""
    answer = _parse_tail(tail, key) or _parse_head(head.removeprefix(_BOM), key)
    if answer is not None:
        # What stands on the far side of `key` is in the head, or near it in the tail.
        answer.model = (
            answer.model or _string_behind(head.partition(b'"model"')) or _string_behind(tail.rpartition(b'"model"'))
        )
        answer.service_tier = answer.service_tier or _string_behind(tail.rpartition(b'"service_tier"'))
    return answer


def _parse_tail(tail: bytes, key: bytes) -> Answer | None:
    """Read from `key` on: what stands behind it must be the rest of one object, or it is nested."""
    at = len(tail)
    for _ in range(NESTED_MOST):
        at = tail.rfind(key, 0, at)
        if at < 0:
            return None
        try:
            return _decode_answer(b"{" + tail[at:])
        except UNREADABLE:
            continue
    return None


def _parse_head(head: bytes, key: bytes) -> Answer | None:
    """Read up to the value of `key`: what stands before it must be the beginning of one object, or it is nested."""
    behind = 0
    for _ in range(NESTED_MOST):
        at = head.find(key, behind)
        if at < 0:
            return None
        behind = at + len(key)
        value = _to_value(head, behind)
        end = value_end(head, value.end()) if value else None
        try:
            if end is not None:
                return _decode_answer(head[:end] + b"}")
        except UNREADABLE:
            continue
    return None


def _string_behind(parted: tuple[bytes, bytes, bytes]) -> str | None:
    """Return the string that follows a key in raw JSON."""
    _, found, rest = parted
    parts = rest.split(b'"', 2)
    if not found or len(parts) < 3 or parts[0].strip() != b":":
        return None
    return parts[1].decode("utf-8", "replace")


class StreamMeter:
    """Watch a stream of server-sent events. A dialect says which marks to look for and reads the marked events.

    `ending`: how an ordinary event ends. `mark`: stands in every event that must be read. `late`: stands in those that
    come last, as `mark` or in the last LATE_BYTES of a read. `done`: the same, where everything without one of the
    three is ordinary once content was seen; such events are passed over many at a time.
    """

    __slots__ = (
        "_busy", "_bytes", "_last", "_mark", "_room", "_sample", "_splitter", "_strip",
        "content_seen", "error", "model", "terminal",
    )  # fmt: skip

    ending = b"}\n\n"
    mark = b'"usage"'
    late = b'"error"'
    done = b""

    def __init__(self, *, strip_usage: bool = False) -> None:
        self.terminal = False
        self.content_seen = False
        self.model: str | None = None
        self.error: str | None = None
        self._strip = strip_usage
        self._mark = self.mark
        self._busy = True  # every event is read until the first content
        self._bytes = 0
        self._last = b""  # ends with the newest whole event
        self._room = SAMPLE_BYTES
        self._sample: list[bytes] = []
        self._splitter = Splitter()

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return what the client gets. The common read costs two searches."""
        self._bytes += len(data)
        if self._room > 0:
            self._sample.append(data[: self._room])
            self._room -= len(data)
        if (
            self._busy
            or data.find(self._mark) >= 0
            or not data.endswith(self.ending)
            or data.find(self.late, -LATE_BYTES) >= 0
        ):
            return self._look(data)
        self._last = data
        return data

    def finish(self) -> bytes:
        """Read an event that lacks its blank line; return it if it was held back."""
        rest = self._splitter.rest()
        kept = not rest or self._event(rest)
        return rest if self._strip and kept else b""

    def usage(self) -> Usage | None:
        """Return what was consumed as far as the stream told."""
        raise TypeError("a dialect's meter says what its usage is")

    def sight(self) -> Sight:
        """Return usage, model and error as far as the stream told."""
        return Sight(self.usage(), self.model, self.error)

    def complete(self, status: int) -> bool:
        """Tell whether the stream came to its end."""
        return status >= 400 or self.terminal

    def estimate(self, request_bytes: int) -> Usage:
        """Guess: the request at four bytes a token, the answer from the text that passed."""
        return Usage(input_total=ceil(request_bytes / BYTES_PER_TOKEN), output_total=self._output_tokens())

    def _event(self, event: bytes) -> bool:
        """Read one event; return whether the client gets it."""
        raise TypeError("a dialect's meter reads its events")

    def _text(self, chunk: dict[str, Any]) -> list[str]:
        """Return the new text in one event."""
        raise TypeError("a dialect's meter finds its text")

    def _is_marked(self, event: bytes) -> bool:
        """Tell whether an event must be read although content was seen."""
        # find, because `in` is compiled to a walk from byte to byte
        return event.find(self._mark) >= 0 or event.find(self.late) >= 0 or event.find(self.done) >= 0

    def _look(self, data: bytes) -> bytes:
        held = self._splitter.holding
        first, ordinary, rest = self._parted(data)
        events = self._splitter.feed(rest)
        kept = [event for event in events if self._event(event)]
        whole = len(kept) == len(events)
        if first or ordinary:
            kept[:0] = [*first, ordinary]
        self._last = events[-1] if events else ordinary or (first[-1] if first else self._last)
        holding = self._splitter.holding
        self._busy = holding or not self.content_seen
        return data if not self._strip or (whole and not held and not holding) else b"".join(kept)

    def _parted(self, data: bytes) -> tuple[list[bytes], bytes, bytes]:
        """Part a read into the events up to the first content, ordinary ones that need no look, and the rest."""
        first: list[bytes] = []
        if not self.done or self._splitter.holding or data.find(b"\r") >= 0:
            return first, b"", data
        at = 0
        while not self.content_seen and (end := data.find(b"\n\n", at) + 2) > 1:
            event = data[at:end]
            if not self._event(event):
                return [], b"", data  # it is taken out: look at each
            first.append(event)
            at = end
        late = max(at, len(data) - LATE_BYTES)
        marks = (data.find(self._mark, at), data.find(self.late, late), data.find(self.done, late))
        until = data.rfind(b"\n\n", at, min([mark for mark in marks if mark >= 0], default=len(data))) + 2
        return (first, data[at:until], data[until:]) if until > 1 else (first, b"", data[at:])

    def _output_tokens(self) -> int:
        """Estimate the tokens of the text that passed, by the share of text in the first part of the stream."""
        if not self.content_seen:
            return 0
        tokens, deltas, read_bytes = 0.0, 0, 0
        for event in Splitter().feed(b"".join(self._sample)):
            read_bytes += len(event)
            try:
                chunk = _decode_any(payload(event))
            except UNREADABLE:
                continue
            texts = (
                [text for text in self._text(chunk) if isinstance(text, str) and text] if type(chunk) is dict else []
            )
            deltas += bool(texts)
            tokens += sum(map(_tokens, texts))
        # A delta that holds text holds at least a token.
        return max(1, ceil(max(tokens, deltas) * self._bytes / max(read_bytes, 1)))


def _tokens(text: str) -> float:
    """Estimate the tokens of a text: denser scripts take more per character, fewer per byte."""
    return len(text) / BYTES_PER_TOKEN if text.isascii() else len(text.encode("utf-8", "replace")) / 3


def error_text(error: Any) -> str | None:
    """Say in one short line what an error object says."""
    if isinstance(error, str):
        return error[:300] or None
    if type(error) is not dict:
        return None
    kind = error.get("type") or error.get("code") or error.get("status")
    message = error.get("message")
    said = ": ".join(str(part) for part in (kind, message) if isinstance(part, str | int) and part)
    return said[:300] or "error"
