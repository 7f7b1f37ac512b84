"""The answer's half of an exchange: from the provider's socket to the client's, metered, kept and written down.

The books are closed (settled, and the end frame in the journal) before the bytes leave that tell the client it has
everything: the terminal event of a stream, or the last byte.
"""

import logging
from typing import Final, Protocol

from gateway.core.errors import Refusal, UpstreamFailure
from gateway.core.money import usd_digits
from gateway.exchange.books import DRAINED, LEFT, Entry, cost_so_far, outcome_of, result_of, settle
from gateway.exchange.outgoing import Outgoing
from gateway.exchange.replies import id_line
from gateway.exchange.way import Way
from gateway.http.client import AnswerHead, UpstreamConnection
from gateway.http.headers import FRAMING, HOP_BY_HOP, Passing, named_in_connection, write_block
from gateway.http.server import ServerConnection
from gateway.metrics.board import ENDED
from gateway.wire.answer_head import note_head
from gateway.wire.billed import Billed
from gateway.wire.clients import addressed
from gateway.wire.credentials import ANSWER_PRIVATE
from gateway.wire.decode import Decoder
from gateway.wire.dialect import DIALECTS
from gateway.wire.meter import Meter
from gateway.wire.seam import Seam, new_seam
from gateway.wire.sse import is_stream

log = logging.getLogger("tollway.relay")

_PASSING = Passing(HOP_BY_HOP | FRAMING | ANSWER_PRIVATE)
_OK: Final = 200
_NOT_OK: Final = 300
# A stream for which money is held by a guess is looked at after so many bytes of it: about a hundred tokens. To look is
# to parse some of it; one that would be ended for want of money is looked at more often.
_WATCH_BYTES: Final = 16_384
_STOP_BYTES: Final = 2_048
_NEVER: Final = 1 << 60
_DRAIN_MOST_MS: Final = 300_000.0
# What an attempt ended in when it brought no answer.
_RESULTS = {"timeout": "timeout", "cancelled": "cancelled"}


class Owner(Protocol):
    """The request's half."""

    def unanswered(self, failure: UpstreamFailure) -> None:
        """The attempt failed and the client has seen nothing of it: try again, or refuse."""

    def upload_blocked(self) -> None:
        """The provider reads more slowly than the client sends."""

    def upload_drained(self) -> None:
        """The provider has caught up."""


class Relay:
    """One exchange from its first upstream byte to its record."""

    __slots__ = (
        "_asked", "_client", "_decoder", "_entry", "_flows", "_head", "_left_ms", "_meter", "_over", "_owner", "_place",
        "_seam", "_step", "_strip_usage", "_watch", "_way", "sent", "upstream",
    )  # fmt: skip

    def __init__(self, owner: Owner, client: ServerConnection, entry: Entry, way: Way, outgoing: Outgoing) -> None:
        self._owner: Owner | None = owner  # let go at the end: a cycle would be work for the garbage collector
        self._client = client
        self._entry = entry
        self._asked = outgoing.body  # to weigh, should the answer not tell what it was
        self._place = outgoing.place
        self._strip_usage = outgoing.asked_usage
        self._way = way
        self.upstream: UpstreamConnection | None = None
        self.sent = False  # the provider was called
        self._head: AnswerHead | None = None
        self._meter: Meter | None = None
        self._decoder: Decoder | None = None
        self._flows = False  # the head has left, and with a stream its first token
        self._seam: Seam | None = None  # where the stream could be ended for want of money
        self._step = _WATCH_BYTES
        self._watch = _NEVER  # at which length of the answer its cost is looked at next
        self._left_ms = 0.0  # when the client left whose answer is read to its end all the same
        self._over = False

    def keep_request(self, data: bytes) -> None:
        """Keep a piece of a request body that streams through."""
        self._entry.request(data)

    # ---- relay ----------------------------------------------------------------------------------------------------

    def answer(self, head: AnswerHead | None, data: bytes, end: bool) -> None:
        """Take what one read of the provider's socket brought."""
        if self._over:
            return
        try:
            if self._flows and not end:
                self._flow(data)
                return
            if head is not None:
                self._take_head(head)
            if end:
                self._end(data)
            else:
                self._pass_on(data)
        except Exception:
            log.exception("a defect of Tollway broke an answer off", extra={"exchange": self._entry.record.id})
            self._break_off("gateway_error", "the gateway failed while it relayed the answer")

    def _flow(self, data: bytes) -> None:
        """Pass on a read from the middle of a stream: what `_pass_on` does, less what is settled by then.

        This runs for every event of every stream; the paced case of the benchmark measures it.
        """
        meter, entry = self._meter, self._entry
        out = data if meter is None else meter.feed(data)
        entry.answer(data)
        if meter is not None and meter.terminal and not entry.closed:
            self._close_books(whole=True)
        if entry.answer_bytes >= self._watch and not entry.closed:
            refusal = self._look_at_cost()
            if refusal is not None and self._seam is not None:
                self._stop(self._seam, out, refusal)
                return
        if self._seam is not None:
            self._seam.feed(out)
        if out:
            self._client.send(out)

    def _look_at_cost(self) -> Refusal | None:
        """Hold more money for a stream that needs it; return what it must end for where there is none."""
        entry, meter = self._entry, self._meter
        admission = entry.admission
        if admission is None or meter is None:
            return None
        if self._left_ms and entry.elapsed_ms() - self._left_ms > _DRAIN_MOST_MS:
            self.give_up("cancelled", LEFT)
            return None
        way = self._way
        cost = cost_so_far(entry.record, meter.so_far(), way.prices, way.provider, entry.started_ns / 1e9)
        refusal = admission.grow(cost)
        self._watch = entry.answer_bytes + (0 if admission.starves else self._step)
        return refusal

    def _stop(self, seam: Seam, out: bytes, refusal: Refusal) -> None:
        """End the stream with our own event, behind the last whole one of `out`, if that can be done here."""
        place, record = self._place, self._entry.record
        event = DIALECTS[place.dialect].error_event(addressed(refusal, record.client), record.id, place.endpoint)
        last = seam.end(out, event)
        if last is None:
            self._client.send(out)
            return
        self.give_up("budget_blocked", f"{refusal.kind}: {refusal.message}")
        self._client.send(last, end=True)

    def _take_head(self, head: AnswerHead) -> None:
        self._head = head
        record = self._entry.record
        record.status = status = head.status
        index = head.index
        content_type = index.get(b"content-type", b"")
        record.response_content_type = content_type.decode("latin-1")
        note_head(record.attempts[-1], index)
        endpoint = self._place.endpoint
        encoding = index.get(b"content-encoding", b"identity")
        if encoding != b"identity":
            record.content_encoding = encoding.decode("latin-1")
        if not endpoint.meters or not _OK <= status < _NOT_OK:
            return
        if encoding != b"identity":
            self._decoder = Decoder(encoding)
            self._strip_usage = False  # what is compressed passes untouched
        streamed = endpoint.streams or is_stream(content_type.lower(), asked=record.stream)
        if streamed:
            record.stream = True
        self._meter = self._new_meter(streamed)
        admission = self._entry.admission
        if streamed and admission is not None and (admission.plan.guesses or admission.plan.drains):
            self._watch = self._step = _STOP_BYTES if admission.plan.stops else _WATCH_BYTES
            if admission.plan.stops and self._decoder is None and head.length is None:
                self._seam = new_seam(endpoint, content_type.lower())

    def _new_meter(self, streamed: bool) -> Meter:
        place = self._place
        return DIALECTS[place.dialect].new_meter(place.endpoint, streamed=streamed, strip_usage=self._strip_usage)

    def _pass_on(self, data: bytes) -> None:
        """Pass on a read with which the answer does not end."""
        entry, meter, client = self._entry, self._meter, self._client
        record = entry.record
        out = data if meter is None else self._metered(meter, data)
        if data:
            entry.answer(data)
        if not entry.closed:
            self._note_progress(entry.elapsed_ms())
            if meter is not None and meter.terminal:
                self._close_books(whole=True)
        if self._seam is not None:
            self._seam.feed(out)
        if not client.started:
            self._start(whole=False)
            client.send(out)
        elif out:
            client.send(out)
        self._flows = self._decoder is None and (meter is None or record.first_token_ms is not None)

    def _end(self, data: bytes) -> None:
        """Pass on the read with which the answer ends; often it is the only one."""
        self.upstream = None
        entry, meter, client = self._entry, self._meter, self._client
        out = data
        if meter is not None:
            out = self._metered(meter, data)
            if rest := meter.finish():
                out += rest
        if data:
            entry.answer(data)
        if not entry.closed:
            self._note_progress(entry.elapsed_ms())
            self._close_books(whole=True)
        elif entry.answer_bytes != entry.record.response_bytes:
            self._amend(whole=True)
        if not client.started:
            self._start(whole=True)
        self._over = True
        self._owner = None
        if self._looks_cut():
            client.send(out)
            client.abort()
        else:
            client.send(out, end=True)

    def _note_progress(self, now_ms: float) -> None:
        record, meter = self._entry.record, self._meter
        if record.first_byte_ms is None:
            record.first_byte_ms = now_ms
        if record.stream and record.first_token_ms is None and meter is not None and meter.content_seen:
            record.first_token_ms = now_ms

    def _metered(self, meter: Meter, data: bytes) -> bytes:
        """Let the meter read along; return what the client gets."""
        if not data:
            return data
        if self._decoder is None:
            return meter.feed(data)
        meter.feed(self._decoder(data))
        return data

    def _start(self, *, whole: bool) -> None:
        """Fix the head that the client gets: the provider's, less what speaks about its host, plus ours."""
        head = self._head
        if head is None:
            return  # an answer cannot begin without one
        connection = head.index.get(b"connection")
        passing = _PASSING
        if connection is not None and (named := named_in_connection(connection)):
            passing = passing.without(named)
        record = self._entry.record
        lines = [write_block(head.headers, passing), id_line(record.id), self._way.own_lines]
        admission = self._entry.admission
        if admission is not None:
            lines += admission.lines()
        if whole and record.usage is not None:
            lines += (b"x-tollway-cost-usd: ", usd_digits(record.cost_nano_usd), b"\r\n")
        self._client.start(head.status, b"".join(lines), None if self._strip_usage else head.length)

    def _looks_cut(self) -> bool:
        """Tell whether an answer that ran to the connection's end lacks its own end: its framing cannot say so."""
        head, meter = self._head, self._meter
        return head is not None and head.until_eof and meter is not None and not self._is_complete(meter)

    def _is_complete(self, meter: Meter) -> bool:
        """Tell whether an answer is whole by its own words; of one that cannot be read we believe it."""
        if self._decoder is not None and self._decoder.blind:
            return True
        return meter.complete(self._head.status if self._head is not None else 200)

    def blocked(self) -> None:
        """The client reads more slowly than the provider sends."""
        if self.upstream is not None:
            self.upstream.pause()

    def drained(self) -> None:
        """The client has caught up."""
        if self.upstream is not None:
            self.upstream.resume()

    def upload_blocked(self) -> None:
        """The provider reads more slowly than the client sends."""
        if self._owner is not None:
            self._owner.upload_blocked()

    def upload_drained(self) -> None:
        """The provider has caught up."""
        if self._owner is not None:
            self._owner.upload_drained()

    # ---- settle and record ----------------------------------------------------------------------------------------

    def _close_books(self, *, whole: bool, outcome: str | None = None, result: str | None = None) -> None:
        """Settle and write the end: from here on the exchange is in the log, whatever happens to this process.

        `result`: of the attempt, where neither outcome nor status tells.
        """
        entry = self._entry
        record = entry.record
        status = self._head.status if self._head is not None else None
        meter = self._meter
        if meter is None and self.sent and status is None and self._place.endpoint.meters:
            meter = self._new_meter(
                record.stream
            )  # called, and no answer seen: what was asked is all there is to estimate from
        if meter is not None:
            whole = whole and self._is_complete(meter)
            error = self._settle(meter, whole=whole)
            if outcome is None and (error is not None or not whole):
                outcome = "upstream_error"
                record.error = record.error or "the stream ended without its terminal event"
        if outcome is None:
            outcome = outcome_of(status or 200)
        if self._left_ms:
            outcome, record.error = "cancelled", DRAINED if whole else LEFT
        told = result_of(status) if status is not None else "protocol"
        entry.finish_attempt(result or _RESULTS.get(outcome, told), status=status, error=record.error)
        self._write_end(outcome)

    def _amend(self, *, whole: bool) -> None:
        """Correct an end that was written too early: some servers mark every chunk as the last one."""
        entry, meter = self._entry, self._meter
        if meter is not None:
            self._settle(meter, whole=whole)
        entry.amend()

    def _settle(self, meter: Meter, *, whole: bool) -> str | None:
        """Settle by what could be read: of an answer that could not be to its end, more may have been used."""
        is_read = self._decoder is None or not self._decoder.blind
        way, asked = self._way, Billed(self._asked, self._place.endpoint.counts)
        return settle(self._entry, meter, way.prices, way.provider, whole=whole and is_read, asked=asked)

    def _write_end(self, outcome: str) -> None:
        self._way.slot.add(ENDED)
        self._entry.close(outcome)

    # ---- when it goes wrong ---------------------------------------------------------------------------------------

    def answer_failed(self, failure: UpstreamFailure) -> None:
        """The provider could not be reached, or broke off."""
        self.upstream = None
        if self._over:
            return
        if self._left_ms:
            self.give_up("cancelled", LEFT)
        elif not self._client.started and self._owner is not None:
            self._owner.unanswered(failure)
        else:
            self._break_off("timeout" if failure.kind == "timeout" else "upstream_error", failure.message)

    def give_up(self, outcome: str, error: str, result: str | None = None) -> None:
        """Close the books on an exchange that gets no answer from the provider; the caller tells the client."""
        self._over = True
        self._owner = None
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if not self._entry.closed:
            self._entry.record.error = error
            self._close_books(whole=False, outcome=outcome, result=result)
        elif self._entry.answer_bytes != self._entry.record.response_bytes:
            self._amend(whole=False)

    def _break_off(self, outcome: str, error: str) -> None:
        """End an answer that cannot be completed so that no client takes it for complete."""
        rest = self._meter.finish() if self._meter is not None and not self._over else b""
        self.give_up(outcome, error)
        if rest:
            self._client.send(rest)
        self._client.abort()

    def left(self, *, stopped: bool = False) -> None:
        """The client is gone, or this process goes: stop the provider at once, and book what it did so far."""
        if self._over:
            return
        admission = self._entry.admission
        if stopped:
            self.give_up("gateway_error", "the gateway was stopped and drain_timeout passed before the answer's end")
        elif admission is not None and admission.plan.drains and self.upstream is not None and not self._entry.closed:
            self._left_ms = self._entry.elapsed_ms()
            self.upstream.resume()
        else:
            self.give_up("cancelled", LEFT)
