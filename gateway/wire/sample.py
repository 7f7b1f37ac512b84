"""How much of a long stream is text? Told by parts of it: its beginning, and a little at each doubling of its length.

Which bytes are kept depends on the stream alone, never on how reads cut it, so whoever meters the same bytes again
comes to the same estimate. Nothing is parsed before somebody asks, and nothing twice.
"""

from typing import Final

import msgspec

from gateway.wire.guess import Guess, Reader, Words
from gateway.wire.scan import UNREADABLE
from gateway.wire.sse import Splitter, payload

FIRST_BYTES: Final = 16 << 10  # kept of the beginning
LATER_BYTES: Final = 4 << 10  # kept at each doubling
SECOND_AT: Final = 2 * FIRST_BYTES  # where the second part begins
LONG_BYTES: Final = 4 << 10  # an event that is longer, and was not read, is no text: a picture, a page that was found
ASIDE_BYTES: Final = 1 << 10  # an event that is longer, and holds no text, says nothing about those that do

# What a part does with the next bytes.
_SEEKING: Final = 0  # it passes over an event that began before
_KEEPING: Final = 1
_CLOSING: Final = 2  # it passes over the rest of the event that filled it
_OVER: Final = 3

_STEP: Final = 4 << 10
_EVENT_ENDS: Final = (b"\n\n", b"\n\r\n", b"\r\r")
_decode = msgspec.json.Decoder().decode


class Part:
    """A part that is kept, from the first event that begins in it to the event that fills it.

    It stands for the stretch from `start` to where the next part starts.
    """

    __slots__ = (
        "_aside", "_end", "_filled_aside", "_first", "_flow", "_flow_bytes", "_guess", "_kept", "_once", "_splitter",
        "_tail", "_whole", "room", "start", "state",
    )  # fmt: skip

    def __init__(self, start: int, room: int) -> None:
        self.start = start
        self.state = _SEEKING if start else _KEEPING
        self.room = room  # for what is still to be kept
        self._first = start  # where what is kept begins
        self._end = start  # behind the event that fills it
        self._aside = 0  # bytes before and behind it that are counted elsewhere
        self._filled_aside = False  # so is the event that fills it
        self._tail = b""  # the last bytes that were passed, where the end of an event may have begun
        self._kept: list[bytes] = []  # and not read yet
        self._splitter: Splitter | None = None
        self._guess: Guess | None = None
        self._whole = 0  # bytes of whole events that were read
        self._flow_bytes = 0  # of those, what is text and its frames
        self._flow = 0.0
        self._once = 0.0

    def keep(self, data: bytes) -> None:
        """Keep all of `data`: there is room."""
        self._kept.append(data)
        self.room -= len(data)
        if not self.room:
            self.state = _CLOSING
            self._note_tail()

    def seek(self, data: bytes, at: int, place: int) -> int:
        """Pass over the event that goes on at index `at` of `data`, `place` of the stream; return where it ends."""
        passed = len(self._tail)
        joined = self._tail + data[at : at + _STEP]
        end = _event_end(joined, passed)
        if end < 0:
            self._tail = joined[-3:]
            return min(at + _STEP, len(data))
        self._tail = b""
        if self.state == _SEEKING:
            self._first = place + end - passed
            self.state = _KEEPING
        else:
            self._end = place + end - passed
            self.state = _OVER
        return at + end - passed

    def next_start(self) -> int:
        """Return where the part starts that follows this one: at once, if the first ended in a long event."""
        if not self.start and self._end - FIRST_BYTES > LONG_BYTES:
            return self._end
        start = SECOND_AT
        while start < self._end:
            start *= 2
        return start

    def put_aside(self, start: int, end: int) -> None:
        """Leave out an event of its stretch that is counted elsewhere; of those that were kept, the text tells it."""
        self._aside += max(0, min(end, self._first) - start) if self._first - self.start <= LONG_BYTES else 0
        if self.state == _OVER:
            self._aside += max(0, end - max(start, self._end))
            self._filled_aside = self._filled_aside or start < self._end == end

    def tokens(self, until: int, words: Words) -> float:
        """Estimate the tokens of its stretch, of which the stream has passed up to `until`. Never less than before."""
        if self._kept:
            self._read(words)
        said = self._flow + self._once
        if self.state != _OVER:
            return said
        behind = self._first + self._whole
        if self._filled_aside or self._end - behind > LONG_BYTES:
            behind = self._end
        rest = until - behind - self._aside
        if self._first - self.start <= LONG_BYTES:
            rest += self._first - self.start
        return said + max(0, rest) * self._flow / max(1, self._flow_bytes)

    def _note_tail(self) -> None:
        self._tail = (self._tail + b"".join(self._kept[-3:]))[-3:]

    def _read(self, words: Words) -> None:
        """Read the events that were kept."""
        guess, splitter = self._guess, self._splitter
        if guess is None or splitter is None:
            self._guess = guess = Guess(words.numbers)
            self._splitter = splitter = Splitter()
        self._note_tail()
        for piece in self._kept:
            for event in splitter.feed(piece):
                self._read_event(event, words.read, guess)
        self._kept.clear()

    def _read_event(self, event: bytes, read: Reader, guess: Guess) -> None:
        before = guess.flowing
        self._whole += len(event)
        guess.aside = False
        try:
            said = _decode(payload(event))
            if type(said) is dict:
                read(said, guess)
        except UNREADABLE:
            pass  # a comment, the end, or no JSON: a frame
        if guess.flowing > before:
            guess.deltas += 1
        if guess.flowing > before or (len(event) <= ASIDE_BYTES and not guess.aside):
            self._flow_bytes += len(event)
        # A count of deltas may be less than their length promised, and a seal less than what it sums up.
        self._flow = max(self._flow, guess.flow())
        self._once = max(self._once, guess.once())


class Sample:
    """The parts of one stream."""

    __slots__ = ("_before", "_part", "_parts")

    def __init__(self) -> None:
        self._part = Part(0, FIRST_BYTES)  # the newest
        self._parts = [self._part]
        self._before = 0.0  # tokens of the stretches that are over

    def take(self, data: bytes, at: int, place: int) -> int:
        """Take what is needed of `data` from index `at` on, which stands at `place` of the stream.

        Return from which place on bytes are needed again.
        """
        part = self._part
        if not at and part.state == _KEEPING and len(data) < part.room:
            part.keep(data)
            return 0
        while at < len(data):
            behind = at
            if part.state == _KEEPING:
                piece = data[at : at + part.room]
                part.keep(piece)
                behind += len(piece)
            elif part.state != _OVER:
                behind = part.seek(data, at, place)
            else:
                start = part.next_start()
                if place + len(data) - at <= start:
                    return start
                behind += start - place
                self._part = part = Part(start, LATER_BYTES)
                self._parts.append(part)
            place += behind - at
            at = behind
        return part.next_start() if part.state == _OVER else 0

    def put_aside(self, place: int, size: int) -> None:
        """Leave out an event that ends at `place` and is counted elsewhere."""
        behind = place
        for part in reversed(self._parts):
            start = max(place - size, part.start)
            if start < behind:
                part.put_aside(start, behind)
            behind = min(behind, part.start)

    def tokens(self, until: int, words: Words) -> float:
        """Estimate the tokens up to `until`, where an event ends; the more of a stream passed, the more."""
        parts = self._parts
        while len(parts) > 1 and parts[1].start <= until:
            self._before += parts[0].tokens(parts[1].start, words)
            del parts[0]
        return self._before + parts[0].tokens(until, words)


def _event_end(data: bytes, least: int) -> int:
    """Return where the first event ends that ends at `least` or behind; -1: none does."""
    first = -1
    for end in _EVENT_ENDS:
        start = max(0, least - len(end))
        found = data.find(end, start) if first < 0 else data.find(end, start, first)
        if found >= 0:
            first = found + len(end)
    return first
