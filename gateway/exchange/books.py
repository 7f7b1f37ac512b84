"""What an exchange cost and how it is written down: its journal frames, its settlement, its final record."""

import time
from collections.abc import Sequence
from typing import Final

from msgspec import Raw

from gateway.core.charging import bounded
from gateway.core.errors import Refusal, UpstreamFailure
from gateway.core.record import Attempt, Job, Record, encode
from gateway.core.usage import Usage
from gateway.exchange.admission import Admission
from gateway.journal.capture import Capture
from gateway.journal.frame import AMEND, BEGIN, END, PART, REQUEST, RESPONSE, Piece
from gateway.journal.writer import Journal
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider
from gateway.wire.billed import Billed, add_asked
from gateway.wire.endpoint import job_in
from gateway.wire.job_meter import job
from gateway.wire.meter import Meter
from gateway.wire.shapes import Sight
from gateway.wire.weight import text_bytes

# Whose price is known before the usage is; so the metrics count the request under its model at once.
_LISTED: Final = ("config", "genai-prices", "free")
_OK: Final = 200
RACE_MS: Final = 500.0
# Errors of exchanges whose client left.
LEFT: Final = "the client left before the answer was complete"
DRAINED: Final = "the client left; the answer was read to its end all the same"
# The field's own default: another empty one would be written down, and would be no JSON.
_NO_RATES: Final = Record(id="", started_at="", team="", key="").rates
_now_ns: Final = time.perf_counter_ns
# To set a member of a record costs as much as a call: what has its default already is not set below.
# A body that is no longer is written in one piece and needs no bookkeeping.
_SMALL_BYTES: Final = 64 * 1024


class Entry:
    """One exchange in the books. Every frame is in the journal before anything leaves that it tells of (the outbox).

    `begun_ns` is perf_counter at the request's first byte; `started_ns` the wall clock then (prices depend on it).
    `keep`: how many bytes of each body are written down. `admission`: the money that it holds, where a budget applies.
    `called`: the provider knows of the request.
    """

    __slots__ = (
        "_answer", "_attempt_us", "_first", "_journal", "_keep", "_part_meta", "_request", "_upload_us", "admission",
        "begun", "begun_ns", "called", "closed", "record", "started_ns",
    )  # fmt: skip

    def __init__(self, journal: Journal, record: Record, *, begun_ns: int, started_ns: int, keep: int) -> None:
        self.record = record
        self.begun_ns = begun_ns
        self.started_ns = started_ns
        self.begun = False
        self.called = False
        self.closed = False
        self.admission: Admission | None = None
        self._journal = journal
        self._keep = keep
        self._request: Capture | None = None
        self._first = b""  # an answer that comes in one piece needs no more than this
        self._answer: Capture | None = None
        self._part_meta = b""
        self._attempt_us = 0  # when the last attempt began
        self._upload_us = 0  # when the request was whole that took its time to come

    def set_off(self, route: str | None, provider: str, model: str | None, body: bytes, *, surely: bool) -> None:
        """Begin the first try at a provider. `surely`: raise Refusal unless that stands in the journal."""
        record = self.record
        if route is not None:
            record.route = route
        record.provider = provider
        self.attempt(provider, model or record.model_requested)
        self.begin(body)
        if surely and not self._journal.flush():
            raise Refusal("journal_down", "The journal cannot be written, so the request is not sent.")

    def note_upload(self, pieces: int) -> None:
        """The request is whole: until now we waited for the client, if it came in several pieces."""
        if pieces > 1:
            self._upload_us = self._elapsed_us()

    def note_wait(self) -> None:
        """Add what it waited for money or for a limit."""
        if self.admission is not None:
            self.record.waited_us += self.admission.waited_us

    def note_overhead(self) -> None:
        """Note what we took until now, when the request goes on: all the time in which we waited for nobody."""
        self.record.overhead_us = max(0, self._elapsed_us() - self._upload_us - self.record.waited_us)

    def forsake(self) -> None:
        """Nobody waits for it any more, and the provider does not know of it: let go of what is held."""
        if self.admission is not None:
            self.admission.leave()

    def begin(self, body: bytes) -> None:
        """Write what is known before the first upstream byte."""
        self.begun = True
        if len(body) <= _SMALL_BYTES and len(body) <= self._keep:
            self.record.request_bytes = len(body)
            self._journal.add(BEGIN, self._meta(ended=False), ((REQUEST, 0, body),) if body else ())
        else:
            self.record.request_bytes = len(body)  # should this process die: the input is estimated by it
            self._journal.add(BEGIN, self._meta(ended=False))
            self.record.request_bytes = 0  # what is kept of it is counted piece by piece
            self.request(body)

    def request(self, data: bytes) -> None:
        """Keep a piece of a request body that is long or streams through."""
        if self._request is None:
            self._request = Capture(REQUEST, self._keep)
            self._request.start_at(self.record.request_bytes)
        due = self._request.add(data)
        self.record.request_bytes = self._request.total
        if due:
            self._part(due)

    def answer(self, data: bytes) -> None:
        """Keep a piece of the answer."""
        if self._answer is None:
            if not self._first and len(data) <= _SMALL_BYTES:
                self._first = data
                return
            self._answer = Capture(RESPONSE, self._keep)
            if self.closed:
                self._answer.start_at(len(self._first))  # it is written already
            elif self._first:
                self._answer.add(self._first)
        due = self._answer.add(data)
        if due:
            self._part(due)

    @property
    def answer_bytes(self) -> int:
        """The true length of the answer's body so far."""
        return self._answer.total if self._answer is not None else len(self._first)

    def attempt(self, provider: str, model: str | None) -> None:
        """Begin one try at a provider."""
        self._attempt_us = started_us = self._elapsed_us()
        self.record.attempts.append(Attempt(provider=provider, model=model, start_ms=started_us / 1000))

    def lost_race(self, failure: UpstreamFailure) -> bool:
        """Tell whether the provider closed a kept connection just when we used it: nothing was read or will be billed.

        A close that was on its way when we sent comes within a round trip. Who closes later has read, and may bill.
        """
        return failure.retryable and self.elapsed_ms() - self.record.attempts[-1].start_ms < RACE_MS

    def finish_attempt(self, result: str, *, status: int | None = None, error: str | None = None) -> None:
        """Complete the try that is under way."""
        attempts = self.record.attempts
        if attempts:
            attempt = attempts[-1]
            if result != "ok":
                attempt.result = result
            if status is not None:
                attempt.status = status
            if error is not None:
                attempt.error = error
            attempt.duration_ms = (self._elapsed_us() - self._attempt_us) / 1000

    def elapsed_ms(self) -> float:
        """Milliseconds since the request's first byte, to the microsecond."""
        return self._elapsed_us() / 1000

    def _elapsed_us(self) -> int:
        return (_now_ns() - self.begun_ns) // 1000

    def close(self, outcome: str) -> None:
        """Write the end, before the answer's last bytes are sent. A loss is counted by the journal."""
        self.record.outcome = outcome
        self.closed = True
        admission = self.admission
        if admission is not None:
            admission.charge(self.record, called=self.called)
        self._write(END)
        if admission is not None:
            admission.settle()

    def amend(self) -> None:
        """Write the end once more, with what came behind it."""
        if self.admission is not None:
            self.admission.amend(self.record)
        self._write(AMEND)

    def _write(self, kind: int) -> None:
        record = self.record
        record.duration_ms = self.elapsed_ms()
        record.response_bytes = self.answer_bytes
        pieces = self._kept()
        self._journal.add(kind, self._meta(ended=True), pieces)

    def _kept(self) -> Sequence[Piece]:
        """Hand out what of the bodies is not written yet."""
        record = self.record
        pieces: Sequence[Piece] = ()
        if self._answer is None and self._first:
            if len(self._first) <= self._keep:
                pieces = ((RESPONSE, 0, self._first),)
            else:
                self._answer = Capture(RESPONSE, self._keep)
                self._answer.add(self._first)
        if self._answer is not None:
            pieces = self._answer.rest()
            record.truncated = self._answer.cut
        if self._request is not None:
            pieces = [*self._request.rest(), *pieces]
            record.truncated = record.truncated or self._request.cut
        return pieces

    def _encoded(self) -> bytes:
        """Return the record as it is written down."""
        return encode(self.record)

    def _meta(self, *, ended: bool) -> bytes:
        meta = self._encoded()
        admission = self.admission
        return meta if admission is None else meta[:-1] + admission.members(ended=ended)

    def _part(self, due: Sequence[Piece]) -> None:
        if not self._part_meta:
            self._part_meta = b'{"id":"%b"}' % self.record.id.encode()
        self._journal.add(PART, self._part_meta, due)


def settle(
    entry: Entry, meter: Meter, prices: PriceBook, provider: Provider, *, whole: bool, asked: Billed
) -> str | None:
    """Work out usage and cost, once. `whole`: the answer came to its end. Return what an error inside it says."""
    record = entry.record
    sight = meter.sight()
    note_answer(record, sight)
    usage = sight.usage
    if usage is not None and not (usage.suspect and usage.is_spoiled):
        record.usage_source = "provider" if whole and not sight.guessed else "partial"
    elif sight.polled:
        note_poll(record, sight, whole=whole or meter.terminal)
        return None
    else:
        usage = estimate(meter, record, asked, usage)
        record.usage_source = "estimated"
    record.usage = usage
    price(record, prices, provider, entry.started_ns / 1e9)
    if record.bound_nano_usd is not None:
        record.cost_nano_usd = bounded(record.cost_nano_usd, record.bound_nano_usd, record.usage_source)
    if sight.job is not None:
        put_off(record, sight.job)
    error = sight.error
    if error is not None and record.error is None:
        record.error = error
    return error


def note_answer(record: Record, sight: Sight) -> None:
    """Write down what an answer tells of itself."""
    record.model_served = sight.model
    record.response_id = sight.response_id
    record.finish_reason = sight.finish_reason
    if calls := sight.tool_calls:
        record.tool_calls = calls


def estimate(meter: Meter, record: Record, asked: Billed, spoiled: Usage | None) -> Usage:
    """Guess what was consumed: once a provider was called that is never nothing. What it said is kept beside."""
    guess = meter.estimate(text_bytes(record.request_bytes, asked.body, record.request_content_type))
    if asked.counts:
        add_asked(guess, asked, record.request_bytes)
    if spoiled is not None:
        guess.raw = spoiled.raw
        guess.suspect = True
    return guess


def price(record: Record, prices: PriceBook, provider: Provider, at_unix_s: float) -> None:
    """Book the cost of a record's usage at the prices of that instant."""
    if record.usage is None:
        return
    attempts = record.attempts
    asked = attempts[-1].model if attempts else record.model_requested
    cost = prices.price(provider, record.model_served, asked, record.usage, at_unix_s)
    record.cost_nano_usd = cost.nano_usd
    record.price_source = cost.source
    record.price_version = cost.version
    if cost.rates:
        record.rates = Raw(cost.rates)


def cost_so_far(record: Record, written: int, prices: PriceBook, provider: Provider, at_unix_s: float) -> int:
    """Estimate what a stream has cost until now, in nano-USD, that has written so many tokens."""
    usage = Usage(input_total=record.request_bytes // 4, output_total=written)
    return prices.price(provider, None, record.model_asked, usage, at_unix_s).nano_usd


def note_poll(record: Record, sight: Sight, *, whole: bool) -> None:
    """Write down what an answer told of work that another exchange asked for; whoever adds up looks there.

    Part of an answer (a range of it, too) may tell less than was used, so it tells nothing.
    """
    seen = sight.job
    if seen is not None:
        told = seen.usage if whole and record.status == _OK else None
        record.job = job(seen.id or job_in(record.path or ""), "seen", told)


def put_off(record: Record, open_job: Job) -> None:
    """Take back what was booked, because the work goes on: it is booked when its cost is known.

    What was booked stays beside it, should nobody ever ask for the result; of the answer nothing is known yet, unless a
    stream told some of it.
    """
    usage = record.usage
    if usage is not None and not record.stream:
        usage.output_total = 0
    open_job.usage = usage
    record.job = open_job
    record.usage = None
    record.usage_source = "none"
    record.cost_nano_usd = 0
    record.rates = _NO_RATES
    if record.price_source not in _LISTED:
        record.price_source = "none"
        record.price_version = None


# What a provider's refusal means for the exchange's outcome; every other 4xx is the client's.
_OUTCOME_OF_STATUS = {401: "upstream_error", 402: "upstream_error", 403: "upstream_error", 408: "timeout",
                      429: "rate_limited", 504: "timeout", 529: "overloaded"}  # fmt: skip
_RESULT_OF_STATUS = {429: "429", 408: "timeout", 504: "timeout"}


def outcome_of(status: int) -> str:
    """Name the outcome of an answer that the provider sent whole."""
    if status < 400:
        return "ok"
    return _OUTCOME_OF_STATUS.get(status) or ("client_error" if status < 500 else "upstream_error")


def result_of(status: int) -> str:
    """Name the result of one attempt by the provider's status."""
    if status < 400:
        return "ok"
    return _RESULT_OF_STATUS.get(status) or ("4xx" if status < 500 else "5xx")
