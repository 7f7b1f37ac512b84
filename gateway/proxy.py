"""The life of a request, top to bottom:

    read -> identify -> route -> admit -> forward -> relay -> settle -> record

Every decision is synchronous. With a warm connection and money in hand nothing is awaited and no task is made between
the request's last byte and the provider's first. The last three phases, the answer's, are in relay.py.
"""

import asyncio
import random
import time

from msgspec.structs import replace

from gateway.core.clock import Stamps
from gateway.core.errors import Refusal, UpstreamFailure
from gateway.core.ids import IdMaker
from gateway.exchange.books import Entry
from gateway.exchange.destination import check_price, find_way
from gateway.exchange.farewell import Farewell, as_refusal, refusal_of, write_down
from gateway.exchange.feedback import Aside, Feedback, feedback_allowance
from gateway.exchange.gate import Gate
from gateway.exchange.intake import Intake, framed
from gateway.exchange.introduction import Introduction, introduce
from gateway.exchange.lanes import Lane
from gateway.exchange.local import READERS, local_answer, models_answer
from gateway.exchange.outgoing import Outgoing, edit
from gateway.exchange.redacted_entry import new_entry
from gateway.exchange.refit import Refit, refit
from gateway.exchange.relay import Relay
from gateway.exchange.replies import JSON, id_line
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way
from gateway.http.client import UpstreamConnection
from gateway.http.reactor import Reactor
from gateway.http.reader import Request
from gateway.http.server import ServerConnection
from gateway.journal.writer import Journal
from gateway.metrics.board import ACCEPTED, Slot
from gateway.policies.snapshot import Snapshot
from gateway.wire import body as json_body
from gateway.wire.claims import note_body_claims
from gateway.wire.endpoint import Place
from gateway.wire.shapes import Fields


class Proxy:
    """What the exchanges of one worker share. Called with each request head, it returns the request's Flight."""

    serving: Serving

    def __init__(self, reactor: Reactor, journal: Journal, slot: Slot, ids: IdMaker, gate: Gate) -> None:
        # Delivered means recorded: the frames of a turn go first, and a turn with frames alone is flushed, too.
        reactor.outbox.first, journal.due = journal.flush, reactor.outbox.due
        self.loop = reactor.loop
        self.journal = journal
        self.slot = slot
        self.ids = ids
        self.gate = gate
        self.stamps = Stamps()
        self.feedback = feedback_allowance()

    def use(self, snapshot: Snapshot, lanes: dict[str, Lane]) -> None:
        """Serve every request that begins from now on by this config."""
        self.serving = Serving(snapshot, lanes, self.slot)
        self.gate.use(snapshot)

    def __call__(self, client: ServerConnection, request: Request) -> "Flight":
        (flight := Flight(self, client, request)).open()
        return flight


class Flight:
    """One request under way."""

    __slots__ = (
        "_body", "_client", "_complete", "_connecting", "_dialect", "_entry", "_farewell", "_fields", "_intake",
        "_intro", "_outgoing", "_over", "_place", "_proxy", "_refitted", "_relay", "_request", "_retried", "_serving",
        "_started_ns", "_way", "id",
    )  # fmt: skip

    # Known only from a certain phase on; no phase before it asks for them.
    _intro: Introduction  # identify
    _place: Place  # identify
    _way: Way  # route
    _body: bytes  # admit, as far as it was read before
    _outgoing: Outgoing  # forward

    def __init__(self, proxy: Proxy, client: ServerConnection, request: Request) -> None:
        self._proxy = proxy
        self._serving = serving = proxy.serving
        self._client = client
        self._request = request
        self._started_ns = now_ns = time.time_ns()
        self.id = proxy.ids.new(now_ns)
        self._dialect = "openai"  # in which we say no as long as we do not know better
        self._intake = Intake(serving.max_body_bytes)
        self._fields: Fields | None = None
        self._entry: Entry | None = None
        self._relay: Relay | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._farewell: Farewell | None = None
        self._complete = False  # the whole request has come
        self._retried = False
        self._refitted = False
        self._over = False

    # ==== read =====================================================================================================

    def open(self) -> None:
        """Take the head: everything that can be decided without the body is decided here."""
        try:
            local = local_answer(self._request.head, draining=self._client.draining)
            if local is None:
                self._identify()
            else:
                self._answer_ourselves(*local)
        except Exception as error:
            self._say_no(error)

    def body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._over:
            return
        intake = self._intake
        if intake.whole and self._request.length is not None:
            intake.hold(data)  # its length was checked with the head
            return
        try:
            self._take(data)
        except Exception as error:
            self._say_no(error)

    def body_end(self) -> None:
        """The request is complete."""
        self._complete = True
        if self._farewell is not None and self._farewell.late:
            self._farewell.say()
        elif not self._over:
            try:
                self._whole()
            except Exception as error:
                self._say_no(error)

    def _take(self, data: bytes) -> None:
        intake, relay = self._intake, self._relay
        intake.count(data)
        if relay is not None and relay.upstream is not None:
            relay.keep_request(data)
            relay.upstream.send_body(framed(data) if self._request.length is None else data, complete=False)
            return
        if relay is not None and relay.sent:
            return  # answered before it was sent whole: nobody takes the rest
        intake.hold(data)
        if intake.whole:
            return
        if intake.is_form and self._entry is not None:
            model = intake.form_model()
            if model is not None or intake.full:
                intake.is_form = False
                self._depart(self._entry, model, intake.release())
        elif intake.full:
            self._client.pause_body()  # until the connection is open

    def _whole(self) -> None:
        intake, entry = self._intake, self._entry
        if entry is None:
            return
        if intake.whole:
            entry.note_upload(intake.pieces)
            body = intake.release()
            fields = self._fields = json_body.read(body)
            if fields.claims:
                note_body_claims(entry.record, fields)
            self._depart(entry, self._place.model or fields.model, body)
        elif intake.is_form:
            intake.is_form = False
            self._depart(entry, intake.form_model(), intake.release())
        elif self._relay is not None and self._relay.upstream is not None:
            self._relay.upstream.send_body(b"0\r\n\r\n" if self._request.length is None else b"", complete=True)

    # ==== identify =================================================================================================

    def _identify(self) -> None:
        """Find out who calls for what, and open an entry in the books."""
        request, serving = self._request, self._serving
        head = request.head
        intro = head.notes
        if not isinstance(intro, Introduction) or intro.snapshot is not serving.snapshot:
            intro = head.notes = introduce(head, serving.snapshot, serving.directory)
        self._intro = intro
        self._dialect = intro.dialect
        entry = self._entry = self._opened(intro)
        place = intro.place
        if place is None:
            aside = Aside(self.id, request, intro, self._intake)
            self._farewell = Feedback(self._client, aside, self._proxy, self._say_no)
            self._entry = None  # it is no exchange
            return
        self._place = place
        if intro.choice is None and place.endpoint.name == "models" and head.method in READERS:
            self._answer_ourselves(200, JSON + id_line(self.id), models_answer(intro, serving.snapshot.routing, place))
            return
        intake = self._intake
        intake.expect(intro.taking, request.length)
        if not intake.whole and not intake.is_form:
            self._depart(entry, place.model, b"")

    def _opened(self, intro: Introduction) -> Entry:
        proxy, started_ns = self._proxy, self._started_ns
        record = replace(intro.record, id=self.id, started_at=proxy.stamps.text(started_ns), attempts=[])
        return new_entry(proxy.journal, record, intro.keeping, begun_ns=self._request.begun_ns, started_ns=started_ns)

    def _answer_ourselves(self, status: int, block: bytes, body: bytes) -> None:
        self._over = True
        self._client.start(status, block, len(body))
        self._client.send(body, end=True)

    # ==== route ====================================================================================================

    def _depart(self, entry: Entry, model: str | None, body: bytes) -> None:
        """The model is known, or known to be unknown: from here to the provider everything happens at once."""
        record, fields = entry.record, self._fields
        record.model_requested = model
        record.stream = self._place.endpoint.streams or (fields is not None and fields.stream)
        self._way = self._route(model)
        self._body = body
        if not self._proxy.gate.guards or self._admit(entry):
            self._begin(entry)
            self._forward(entry)

    def _route(self, model: str | None) -> Way:
        """Choose where to go. Only the first candidate is tried yet."""
        way = self._intro.ways.get(model)
        if way is None:
            way = find_way(self._intro, self._serving, model, random.random())  # noqa: S311  (no secret)
        if way.prices.may_deny and self._place.endpoint.meters and not self._place.endpoint.job:
            check_price(way, model, self._started_ns / 1e9)
        return way

    # ==== admit ====================================================================================================

    def _admit(self, entry: Entry) -> bool:
        """Hold the money that the request may cost; False: more must be asked for first."""
        body, length = self._body, self._request.length
        size = len(body) if self._intake.whole or length is None else length
        gate = self._proxy.gate
        admission = entry.admission = gate.admission(entry, self._place, self._way, self._fields, body, size)
        if admission is None or admission.enter():
            gate.at_once += 1
            return True
        gate.asked += 1
        admission.wait(self._admitted)
        return False

    def _admitted(self, refusal: Refusal | None) -> None:
        """The ledger has answered."""
        entry = self._entry
        if self._over or entry is None:
            return
        entry.note_wait()
        try:
            if refusal is None or self._fits_otherwise(entry, refusal):
                self._begin(entry)
                self._forward(entry)
        except Exception as error:
            self._say_no(error)

    def _fits_otherwise(self, entry: Entry, refusal: Refusal) -> bool:
        """Try what the budget's owner wants instead, once; False: more must be asked for first. Raise the refusal."""
        other, now = None, Refit(self._way, self._body)
        if entry.admission is not None and not self._refitted:
            other = refit(self._proxy.gate, entry.admission, self._intro, self._serving, now, random.random())  # noqa: S311  (no secret)
        if other is None:
            raise refusal
        self._refitted = True
        self._way, self._body = other
        return self._admit(entry)

    def _begin(self, entry: Entry) -> None:
        """Write down that the exchange begins, before the provider can know of it."""
        way = self._way
        way.slot.add(ACCEPTED)
        entry.set_off(way.route, way.provider.name, way.model, self._body, surely=self._serving.must_record)

    # ==== forward ==================================================================================================

    def _forward(self, entry: Entry) -> None:
        """Send the request on a warm connection, or open one."""
        way = self._way
        outgoing = self._outgoing = edit(self._place, self._body, self._fields, way.provider, way.model)
        self._relay = Relay(self, self._client, entry, way, outgoing)
        upstream = way.lane.pool.take()
        entry.note_overhead()
        if upstream is None:
            self._connect()
        else:
            self._send(upstream)

    def _connect(self) -> None:
        self._connecting = self._proxy.loop.create_task(self._connect_and_send(), name=f"connect {self.id}")

    async def _connect_and_send(self) -> None:
        pool, relay = self._way.lane.pool, self._relay
        try:
            upstream = await pool.connect()
        except UpstreamFailure as failure:
            if relay is not None:
                relay.answer_failed(failure)
            return
        finally:
            self._connecting = None
        if self._over:
            pool.free(upstream)  # the client left meanwhile; the next request can use it
            return
        try:
            self._send(upstream)
        except Exception as error:
            self._say_no(error)

    def _send(self, upstream: UpstreamConnection) -> None:
        """Hand over the head and as much of the body as is here."""
        request, relay, intake = self._request, self._relay, self._intake
        if relay is None or self._entry is None:
            return
        self._entry.called = True
        body = self._outgoing.body
        if not intake.whole and (more := intake.release()):  # came while the connection was being opened
            relay.keep_request(more)
            body += more
        method, complete = request.head.method, self._complete
        length = len(body) if intake.whole else request.length
        head = self._way.lane.head(self._intro.passed, method, self._outgoing.place.path, length)
        if length is None:
            body = framed(body) + (b"0\r\n\r\n" if complete else b"")
        relay.upstream = upstream
        relay.sent = True
        upstream.send(relay, head, body, is_head_request=method == b"HEAD", complete=complete)
        if not complete:
            self._client.resume_body()

    # ==== what the other side makes of it ==========================================================================

    def blocked(self) -> None:
        """The client reads more slowly than the provider sends."""
        if self._relay is not None:
            self._relay.blocked()

    def drained(self) -> None:
        """The client has caught up."""
        if self._relay is not None:
            self._relay.drained()

    def upload_blocked(self) -> None:
        """The provider reads more slowly than the client sends."""
        if not self._complete:
            self._client.pause_body()

    def upload_drained(self) -> None:
        """The provider has caught up."""
        if not self._complete:
            self._client.resume_body()

    def left(self, *, stopped: bool = False) -> None:
        """The client is gone, or this process goes. Before the request was admitted there is nothing to write down."""
        self._over = True
        if self._relay is not None:
            self._relay.left(stopped=stopped)
        elif self._entry is not None:
            self._entry.forsake()

    def unanswered(self, failure: UpstreamFailure) -> None:
        """An attempt failed before the client saw anything of it."""
        entry, relay = self._entry, self._relay
        if self._over or entry is None or relay is None:
            return
        if entry.lost_race(failure) and not self._retried and self._intake.whole:
            self._retried = True
            relay.sent = False
            entry.finish_attempt("protocol", error=failure.message)
            last = entry.record.attempts[-1]
            entry.attempt(last.provider, last.model)
            self._connect()
            return
        self._refuse(refusal_of(failure, self._way.provider.name))

    # ==== saying no ================================================================================================

    def _say_no(self, error: Exception) -> None:
        """End a request whose phase raised: by a refusal, or a defect of ours, which ends this request, not others."""
        self._refuse(as_refusal(error, self.id))

    def _refuse(self, refusal: Refusal) -> None:
        """Say no in the caller's dialect, and write it down if the caller is known."""
        if self._over:
            return
        self._over = True
        write_down(refusal, self._entry, self._relay, self._proxy.slot)
        self._farewell = Farewell(self._client, refusal, self._dialect, self.id)
        self._farewell.answer(self._request, complete=self._complete)
