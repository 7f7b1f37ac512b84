"""How is an exchange written down of which not everything may be kept? Nothing of it reaches the journal as it was."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.core.record import Record, encode
from gateway.exchange.books import Entry
from gateway.exchange.redacted_record import redacted_record
from gateway.exchange.redacting import WORK_BYTES, Form, Redacting
from gateway.journal.capture import PART_BYTES
from gateway.journal.frame import REQUEST, RESPONSE, Piece
from gateway.journal.writer import Journal
from gateway.policies.redaction import Effort, Redaction


class Keeping(NamedTuple):
    """What may be kept. `most_bytes`: of each body, 0 keeps none. `encoding`: how the request is compressed."""

    redaction: Redaction
    most_bytes: int
    encoding: str | None = None


class RedactedEntry(Entry):
    """An exchange whose bodies are kept back, redacted as they come, and written with the end of its books.

    What comes behind the end is not kept.
    """

    __slots__ = ("_answered", "_asked", "_ended", "_keeping", "_unread", "_working")

    def __init__(self, journal: Journal, record: Record, *, begun_ns: int, started_ns: int, keeping: Keeping) -> None:
        Entry.__init__(self, journal, record, begun_ns=begun_ns, started_ns=started_ns, keep=0)
        self._keeping = keeping
        self._asked: Redacting | None = None
        self._unread: deque[bytes] = deque()
        self._working = False
        self._answered: Redacting | None = None
        self._ended = False

    def request(self, data: bytes) -> None:
        """Take a piece of the request."""
        Entry.request(self, data)
        keeping = self._keeping
        if self.closed or not keeping.most_bytes:
            return
        if self._asked is None:
            form = Form(self.record.request_content_type, keeping.encoding)
            self._asked = Redacting(keeping.redaction, keeping.most_bytes, form, answer=False)
        if len(data) <= WORK_BYTES and not self._unread:
            self._asked.add(data)
            return
        # A long one is read in the turns that follow: it holds nobody up.
        self._unread += (data[at : at + WORK_BYTES] for at in range(0, len(data), WORK_BYTES))
        if not self._working:
            self._working = True
            asyncio.get_running_loop().call_soon(self._work)

    def answer(self, data: bytes) -> None:
        """Take a piece of the answer."""
        Entry.answer(self, data)
        keeping = self._keeping
        if self.closed or not keeping.most_bytes:
            return
        if self._answered is None:
            form = Form(self.record.response_content_type, self.record.content_encoding)
            self._answered = Redacting(keeping.redaction, keeping.most_bytes, form, answer=True)
        self._answered.add(data)

    def _work(self) -> None:
        """Read some of the request."""
        self._working = False
        if self._asked is not None and self._unread:
            self._asked.add(self._unread.popleft())
            if self._unread:
                self._working = True
                asyncio.get_running_loop().call_soon(self._work)

    def _kept(self) -> Sequence[Piece]:
        """Hand out what may be kept, once."""
        record = self.record
        asked, answered = self._asked, self._answered
        self._asked = self._answered = None
        if self._ended:
            record.truncated = self._keeping.most_bytes > 0
            return ()
        self._ended = True
        pieces: list[Piece] = []
        if asked is not None:
            for data in self._unread:
                asked.add(data)
            self._unread.clear()
            pieces += _pieces(REQUEST, asked.finish(whole=True))
            record.redactions += asked.redactions
            record.truncated = asked.cut
        if answered is not None:
            pieces += _pieces(RESPONSE, answered.finish(whole=record.outcome not in _BROKEN_OFF))
            record.redactions += answered.redactions
            record.truncated = record.truncated or answered.cut
        if sum(len(data) for _, _, data in pieces) <= PART_BYTES:
            return pieces
        self._part(pieces[:-1])
        return pieces[-1:]

    def _encoded(self) -> bytes:
        return encode(redacted_record(self.record, self._keeping.redaction, Effort(time.thread_time_ns)))


def new_entry(journal: Journal, record: Record, keeping: Keeping, *, begun_ns: int, started_ns: int) -> Entry:
    """Open an entry in the books for an exchange, as its record says what may be kept of it."""
    if record.bodies == "full":
        return Entry(journal, record, begun_ns=begun_ns, started_ns=started_ns, keep=keeping.most_bytes)
    return RedactedEntry(journal, record, begun_ns=begun_ns, started_ns=started_ns, keeping=keeping)


_BROKEN_OFF: Final = frozenset(("cancelled", "upstream_error", "timeout", "gateway_error", "budget_blocked"))


def _pieces(direction: int, data: bytes) -> list[Piece]:
    return [(direction, at, data[at : at + PART_BYTES]) for at in range(0, len(data), PART_BYTES)]
