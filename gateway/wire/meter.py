"""What did an answer consume, and did it end well? The role every dialect's meter fills, and how a stream is watched.

A stream is only searched for a few marks as it passes; what carries one is looked at closely.
"""

from math import ceil
from typing import Any, Final, Protocol

import msgspec

from gateway.core.usage import Usage
from gateway.wire.guess import BY_SIZE
from gateway.wire.sample import FIRST_BYTES, Sample
from gateway.wire.shapes import Sight
from gateway.wire.sse import Splitter

LATE_BYTES: Final = 4096  # an error stands at the end of what is read
TAIL_BYTES: Final = 64 << 10
NEVER: Final = 1 << 60  # a place that no stream reaches


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
        """Return usage, model, error and how it ended at once: what the books want to know."""
        ...

    def complete(self, status: int) -> bool:
        """Tell whether the answer, as far as it was fed, is whole."""
        ...

    def estimate(self, request_bytes: int) -> Usage:
        """Return a guess from what passed, for when usage() has nothing."""
        ...

    def so_far(self) -> int:
        """Return the output tokens until now, as told or else as estimated; never less than it said before.

        Ask where it matters, not for each event: the beginning of a stream has to be parsed for it once.
        """
        ...


class StreamMeter:
    """Watch a stream of server-sent events. A dialect says which marks to look for and reads the marked events.

    `ending`: how an ordinary event ends. `mark`: stands in every event that must be read. `late`: stands in those that
    come last, as `mark` or in the last LATE_BYTES of a read. `done`: the same, where everything without one of the
    three is ordinary once content was seen; such events are passed over many at a time. `words`: finds an event's text.
    `response_id`, `finish_reason`, `tool_calls`: what the stream tells of itself, set by the dialect's meter.
    """

    __slots__ = (
        "_before", "_busy", "_bytes", "_full", "_last", "_mark", "_most", "_once", "_pending", "_place", "_sample",
        "_splitter", "_strip", "_told", "_told_at", "_told_seen", "_wanted", "content_seen", "error", "finish_reason",
        "model", "response_id", "terminal", "tool_calls",
    )  # fmt: skip

    ending = b"}\n\n"
    mark = b'"usage"'
    late = b'"error"'
    done = b""
    words = BY_SIZE

    def __init__(self, *, strip_usage: bool = False) -> None:
        self.terminal = False
        self.content_seen = False
        self.model: str | None = None
        self.error: str | None = None
        self.response_id: str | None = None
        self.finish_reason: str | None = None
        self.tool_calls = 0
        self._strip = strip_usage
        self._mark = self.mark
        self._busy = True  # every event is read until the first content
        # Places in the stream are counted from the event with the first content on.
        self._bytes = 0
        self._once = 0.0  # tokens that a dialect counts beside the sample
        self._sample: Sample | None = None
        self._wanted = NEVER  # behind this place the sample needs the bytes; here they wait until it is asked
        self._pending: list[bytes] = []
        self._full = NEVER  # behind this place they have waited long enough
        self._place = 0  # behind the event that is being read
        self._told_at = -1  # behind the event that told the output last
        self._told_seen = -1  # the same, of what is in `_told`
        self._told = -1
        self._most = 0
        self._last = b""  # ends with the newest whole event
        self._before = b""  # ends with the one before, or an earlier one
        self._splitter = Splitter()

    def feed(self, data: bytes) -> bytes:
        """Take bytes and return what the client gets. The common read costs two searches."""
        self._bytes += len(data)
        if self._bytes > self._wanted:
            self._pending.append(data)
            if self._bytes > self._full:
                self._hand_over()
        if (
            self._busy
            or data.find(self._mark) >= 0
            or not data.endswith(self.ending)
            or data.find(self.late, -LATE_BYTES) >= 0
        ):
            return self._look(data)
        self._before = self._last
        self._last = data
        return data

    def finish(self) -> bytes:
        """Read an event that lacks its blank line; return it if it was held back."""
        rest = self._splitter.rest()
        if rest:
            self._hand_over()
        self._bytes -= len(rest)  # in an estimate only whole events count, wherever the last read ended
        self._place = self._bytes
        kept = not rest or self._event(rest)
        return rest if self._strip and kept else b""

    def usage(self) -> Usage | None:
        """Return what was consumed as far as the stream told."""
        raise TypeError("a dialect's meter says what its usage is")

    def sight(self) -> Sight:
        """Return usage, model and error as far as the stream told; of one that was cut, with what came after that."""
        usage = self.usage()
        guessed = False
        if self._told_at >= 0 and usage is not None and not usage.is_spoiled and (more := self._untold()):
            usage = msgspec.structs.replace(usage, output_total=usage.output_total + more)
            guessed = True
        return Sight(
            usage, self.model, self.error, self.response_id, self.finish_reason, self.tool_calls, guessed=guessed
        )

    def complete(self, status: int) -> bool:
        """Tell whether the stream came to its end."""
        return status >= 400 or self.terminal

    def estimate(self, request_bytes: int) -> Usage:
        """Guess: the request by its size, the answer by the text that passed."""
        read = max(1, ceil(request_bytes / self.words.numbers.text_bytes))
        return Usage(input_total=read, output_total=self._output_tokens())

    def so_far(self) -> int:
        """Return what was told, with an estimate of what came after it."""
        if self._told_seen != self._told_at:
            usage = self.usage()
            self._told = -1 if usage is None or usage.is_spoiled else usage.output_total
            self._told_seen = self._told_at
        now = self._output_tokens() if self._told < 0 else self._told + self._untold()
        self._most = max(self._most, now)
        return self._most

    def _event(self, event: bytes) -> bool:
        """Read one event; return whether the client gets it."""
        raise TypeError("a dialect's meter reads its events")

    def _is_marked(self, event: bytes) -> bool:
        """Tell whether an event must be read although content was seen."""
        # find, because `in` is compiled to a walk from byte to byte
        return event.find(self._mark) >= 0 or event.find(self.late) >= 0 or event.find(self.done) >= 0

    def _look(self, data: bytes) -> bytes:
        held = self._splitter.held
        before = self._place = self._bytes - len(data) - held
        first, ordinary, rest = self._parted(data)
        if not first:
            self._place = before
        if ordinary:
            self._place += len(ordinary)
            self._before, self._last = self._last, ordinary
        events = self._splitter.feed(rest)
        kept = [event for event in events if self._step(event, data)]
        whole = len(kept) == len(events)
        if first or ordinary:
            kept[:0] = [*first, ordinary]
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
            if not self._step(event, data):
                return [], b"", data  # it is taken out: look at each
            first.append(event)
            at = end
        late = max(at, len(data) - LATE_BYTES)
        marks = (data.find(self._mark, at), data.find(self.late, late), data.find(self.done, late))
        until = data.rfind(b"\n\n", at, min([mark for mark in marks if mark >= 0], default=len(data))) + 2
        return (first, data[at:until], data[until:]) if until > 1 else (first, b"", data[at:])

    def _step(self, event: bytes, data: bytes) -> bool:
        """Read one event of those that `data` completes, and know where it ends."""
        self._place += len(event)
        begun = self.content_seen
        kept = self._event(event)
        if self.content_seen and not begun:
            self._sample_from(event, data)
        self._before, self._last = self._last, event
        return kept

    def _sample_from(self, event: bytes, data: bytes) -> None:
        """Begin to sample with the first content: what comes before it, such as an echo of the request, is no text."""
        start = self._place - len(event)
        rest = self._bytes - self._place
        self._bytes -= start
        self._place = len(event)
        if self._told_at >= 0:
            self._told_at = max(0, self._told_at - start)
        self._sample = Sample()
        self._pending = [event, data[len(data) - rest :]]
        self._wanted, self._full = 0, FIRST_BYTES
        if self._bytes > self._full:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the sample take what waits for it: all of it up to here."""
        if self._sample is not None and self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._wanted = self._sample.take(data, 0, self._bytes - len(data))
            self._full = max(self._wanted, self._bytes) + FIRST_BYTES

    def _output_tokens(self) -> int:
        """Estimate the tokens of the text that passed."""
        if self._sample is None:
            return 1 if self.content_seen else 0
        self._hand_over()
        passed = self._bytes - self._splitter.held
        return max(1, ceil(self._sample.tokens(passed, self.words) + self._once))

    def _untold(self) -> int:
        """Estimate the tokens that came after the event that told them last."""
        passed = self._bytes - self._splitter.held
        if self.terminal or passed <= self._told_at:
            return 0
        return int(self._output_tokens() * (passed - self._told_at) / passed)


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
