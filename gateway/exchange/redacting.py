"""What is kept of a body that must be redacted? Read as it comes, and handed out at its end."""

import re
import time
from typing import Final, NamedTuple

from gateway.exchange.looking import Edit, Text, look
from gateway.policies.redaction import MARK, Effort, Redaction, TooMuch
from gateway.wire.fragments import Fragment, Lexer, Unreadable
from gateway.wire.sse import Splitter

# So much is read at a time: about half a millisecond.
WORK_BYTES: Final = 16 * 1024
_READABLE: Final = re.compile(
    r"(?i)\s*(?:text/|application/(?:[\w.+-]*\+)?(?:json|x?-?ndjson|jsonl|x-jsonlines|xml|yaml)\b)"
)
_TEXT: Final = re.compile(r"(?i)\s*(?:text/(?!event-stream)|application/(?:[\w.+-]*\+)?(?:xml|yaml)\b)")
_BOM: Final = b"\xef\xbb\xbf"
_EVENT: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
_DONE: Final = b"[DONE]"
_JSON, _EVENTS, _PLAIN = "json", "events", "plain"


class Form(NamedTuple):
    """How a body comes, as its head says."""

    content_type: str | None
    encoding: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether it is text; what has no type is looked at."""
        kind = self.content_type
        return self.encoding in (None, "identity") and (not kind or _READABLE.match(kind) is not None)

    @property
    def is_plain(self) -> bool:
        """Whether it may be any text, and need be no JSON."""
        return self.content_type is not None and _TEXT.match(self.content_type) is not None


class Redacting:
    """One body on its way through. `answer`: its texts may go on from one event to the next.

    `most_bytes`: what stands behind so many is not kept. Nothing is kept of what cannot be read, or not judged.
    """

    def __init__(self, redaction: Redaction, most_bytes: int, form: Form, *, answer: bool) -> None:
        self.redactions = 0
        self.cut = False
        self._redaction = redaction
        self._effort = Effort(time.thread_time_ns)
        self._answer = answer
        self._may_be_plain = form.is_plain
        self._room = most_bytes
        self._kept: list[bytes] = []
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._form = ""  # not known yet
        self._broken = False  # an event ended in the middle of its JSON
        self._lexer = Lexer(joins=answer, removed=redaction.paths)
        self._splitter = Splitter()
        self._event_at = 0
        self._texts: dict[bytes, list[Fragment]] = {}  # each once, wherever it stands
        self._texts_bytes = 0
        self._last: Fragment | None = None
        self._runs: dict[tuple[object, ...], list[Fragment]] = {}
        self._edits: list[Edit] = []
        self._lost = not form.is_readable

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._lost or self.cut:
            return
        if len(data) > self._room:
            data = data[: self._room]
            self.cut = True
        self._room -= len(data)
        self._kept.append(data)
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= WORK_BYTES:
            self._work(final=False)

    def finish(self, *, whole: bool) -> bytes:
        """Return what is kept. `whole`: the body came to its end."""
        self._work(final=True)
        if not self._lost:
            try:
                self._look_at_the_rest(whole=whole)
            except TooMuch:
                self._lose()
        if self._lost:
            self.redactions = 0
        return self._written()

    # ---- reading --------------------------------------------------------------------------------------------------

    def _work(self, *, final: bool) -> None:
        """Read what has come."""
        if self._lost:
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        try:
            self._read(data, final=final)
        except Unreadable:
            if self._may_be_plain:
                self._form = _PLAIN
                self._texts, self._runs, self._edits, self.redactions = {}, {}, [], 0
            else:
                self._lose()
        except TooMuch:
            self._lose()

    def _read(self, data: bytes, *, final: bool) -> None:
        if not self._form:
            data = self._begin(data)
        if self._form == _JSON:
            self._take(self._lexer.feed(data, final=final))
        elif self._form == _EVENTS:
            events = self._splitter.feed(data)
            if final:
                events.append(self._splitter.rest())
            for event in events:
                self._event(event)

    def _begin(self, data: bytes) -> bytes:
        """See what kind of body it is by its first bytes; return those that count."""
        start = data.removeprefix(_BOM)
        self._event_at = len(data) - len(start)
        self._lexer.skip(self._event_at)
        text = start.lstrip()
        if text.startswith(_EVENT):
            self._form = _EVENTS
        elif text and not text.startswith((b"{", b"[")) and self._may_be_plain:
            self._form = _PLAIN
        else:
            self._form = _JSON
        return start

    def _event(self, event: bytes) -> None:
        """Read one event of a stream: JSON on its `data` lines, or words."""
        at = self._event_at
        self._event_at += len(event)
        lexer = Lexer(at, joins=self._answer, removed=self._redaction.paths)
        data: list[Fragment] = []
        words: list[Fragment] = []
        found: list[Fragment] = []
        try:
            for line in event.splitlines(keepends=True):
                text = line.rstrip(b"\r\n")
                start = 6 if line.startswith(b"data: ") else 5 if line.startswith(b"data:") else len(line)
                if start < len(line):
                    run = (b"data",) if self._answer and text[start:] != _DONE else None
                    words.append(Fragment(at + start, at + len(text), text[start:], run))
                    lexer.skip(start)
                    data += lexer.feed(line[start:])
                else:
                    found.append(Fragment(at, at + len(text), text))
                    lexer.skip(start)
                at += len(line)
            data += lexer.feed(b"", final=True)
        except Unreadable:
            data = words
        else:
            self._remove(lexer)
            self._broken = self._broken or lexer.broken
        self._take(found + data)

    def _remove(self, lexer: Lexer) -> None:
        """Take away the values that go whole."""
        self._edits += (Edit(start, end, b'"%b"' % MARK) for start, end in lexer.stretches)
        self.redactions += len(lexer.stretches)

    def _take(self, found: list[Fragment]) -> None:
        """Keep texts until there are enough to look through, and those that may go on until the end."""
        if self._texts_bytes >= WORK_BYTES:
            self._look_at_texts()  # before more is added: what came last may be cut
        for fragment in found:
            if fragment.run is not None:
                self._runs.setdefault(fragment.run, []).append(fragment)
            else:
                self._last = fragment
                alike = self._texts.get(fragment.text)
                if alike is None:
                    self._texts[fragment.text] = [fragment]
                    self._texts_bytes += len(fragment.text)
                else:
                    alike.append(fragment)

    # ---- looking --------------------------------------------------------------------------------------------------

    def _look(self, texts: list[Text], *, escaped: bool = True, cut: bool = False) -> None:
        edits, count = look(texts, self._redaction, self._effort, escaped=escaped, cut=cut)
        self._edits += edits
        self.redactions += count

    def _look_at_texts(self) -> None:
        self._look([Text(alike[:1], alike[1:]) for alike in self._texts.values() if alike])
        self._texts.clear()
        self._texts_bytes = 0

    def _look_at_the_rest(self, *, whole: bool) -> None:
        if self._form == _PLAIN:
            text = b"".join(self._kept)
            if _is_utf8(text):
                self._look([Text([Fragment(0, len(text), text)])], escaped=False, cut=self.cut or not whole)
            else:
                self._lose()
            return
        self._remove(self._lexer)
        cut = self.cut or self._broken or self._lexer.broken
        last = self._last
        if cut and not self._answer and last is not None:
            self._texts[last.text].remove(last)
            self._look([Text([last])], cut=True)
        self._look_at_texts()
        # What came in several pieces might have gone on, whatever its last piece looks like.
        runs = [Text(run) for run in self._runs.values()]
        self._look([run for run in runs if len(run.pieces) == 1], cut=cut)
        self._look([run for run in runs if len(run.pieces) > 1], cut=cut or not whole)

    def _lose(self) -> None:
        self._lost = True
        self._kept, self._texts, self._runs, self._edits = [], {}, {}, []

    def _written(self) -> bytes:
        """Put together what is kept."""
        body = b"".join(self._kept)
        parts: list[bytes] = []
        at = 0
        for start, end, kept in sorted(self._edits):
            parts += (body[at:start], kept)
            at = max(at, end)
        parts.append(body[at:])
        return b"".join(parts)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return text.find(b"\0") < 0
