"""Does the stored answer, metered once more, tell the usage that was booked?"""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.audit.findings import Findings
from gateway.audit.usage import without_prices
from gateway.core.errors import Refusal
from gateway.core.record import Job, Record
from gateway.core.usage import Usage
from gateway.exchange.books import DRAINED, estimate
from gateway.exchange.remeter import Again, endpoint_of, remeter
from gateway.journal.reader import WORKER_DIED
from gateway.store.interface import Body
from gateway.wire import body as json_body
from gateway.wire.billed import Billed
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint, job_in
from gateway.wire.job_meter import job
from gateway.wire.shapes import Sight


class _Told(NamedTuple):
    """What one way of metering tells."""

    model_served: str | None
    usage_source: str
    usage: Usage | None
    job: Job | None = None


def check_answer(record: Record, request: Body | None, response: Body | None, found: Findings) -> None:
    """Meter the answer again, where all of it was kept, and compare."""
    endpoint = endpoint_of(record)
    unknown = _unknown(record, endpoint)
    if unknown is not None or endpoint is None:
        found.skip("bodies", unknown or f"this version does not know the dialect {record.dialect}")
        return
    if not _was_metered(record, endpoint):
        found.expect("bodies", "usage", _named(record.usage), None)
        return
    if record.bodies == "redacted":
        found.skip("bodies", "what is kept of them is redacted")
        return
    reason = _not_whole(record, response, record.response_bytes)
    if reason is not None:
        found.skip("bodies", f"the answer was {reason}")
        return
    _compare(record, endpoint, _bytes_of(response), request, found)


def _compare(record: Record, endpoint: Endpoint, answer: bytes, request: Body | None, found: Findings) -> None:
    booked = _booked(record)
    told: list[_Told] = []
    for finish in _ends(record):
        again = remeter(record, endpoint, answer, finish=finish)
        if again.damaged:
            found.skip("bodies", "the answer's coding is damaged")
            return
        if _is_estimated(again) and (reason := _not_whole(record, request, record.request_bytes)) is not None:
            found.skip("bodies", f"nothing was told, and for an estimate the request was {reason}")
            return
        told += _told(record, endpoint, again, answer, _bytes_of(request))
        if booked in told:
            break
    found.look_into("bodies")
    if booked not in told:
        _differ(booked, told[0], found)


def _booked(record: Record) -> _Told:
    usage = None if record.usage is None else without_prices(record.usage)
    return _Told(record.model_served, record.usage_source, usage, record.job)


def _differ(booked: _Told, told: _Told, found: Findings) -> None:
    """Name each thing that is not what the answer tells."""
    for name in ("model_served", "usage_source"):
        found.expect("bodies", name, getattr(booked, name), getattr(told, name))
    for name, recorded, recomputed in (
        ("job", booked.job and booked.job.id, told.job and told.job.id),
        ("job.state", booked.job and booked.job.state, told.job and told.job.state),
    ):
        found.expect("bodies", name, recorded, recomputed)
    _differ_in_usage("usage", booked.usage, told.usage, found)
    if booked.job is not None and told.job is not None:
        _differ_in_usage("job.usage", booked.job.usage, told.job.usage, found)


def _differ_in_usage(what: str, booked: Usage | None, told: Usage | None, found: Findings) -> None:
    if booked is None or told is None:
        found.expect("bodies", what, _named(booked), _named(told))
        return
    for name in Usage.__struct_fields__:
        recorded, recomputed = getattr(booked, name), getattr(told, name)
        if name == "elsewhere":
            recorded, recomputed = [_named(each) for each in recorded], [_named(each) for each in recomputed]
        elif name == "raw":
            recorded, recomputed = (bytes(each).decode("utf-8", "replace") for each in (recorded, recomputed))
        found.expect("bodies", f"{what}.{name}", recorded, recomputed)


def _unknown(record: Record, endpoint: Endpoint | None) -> str | None:
    """Say why nothing can be said about the answer, whatever was kept of it."""
    if record.job is not None and record.job.state != "seen":
        return f"the work went on after the answer, the job is {record.job.state}"
    if record.attempts and endpoint is not None and endpoint.name != record.endpoint:
        return f"this version takes a call of kind {record.endpoint} for {endpoint.name}"
    return None


def _was_metered(record: Record, endpoint: Endpoint) -> bool:
    """Tell whether usage was looked for: in a good answer, or where a provider was called and none came."""
    if not endpoint.meters or not record.attempts:
        return False
    if record.usage is not None or record.job is not None:
        return True
    is_good = record.status is not None and 200 <= record.status < 300
    return is_good and record.response_content_type is not None


def _not_whole(record: Record, body: Body | None, total_bytes: int) -> str | None:
    if body is None:
        return "not kept" if total_bytes else None
    if body.is_whole:
        return None
    return "cut by max_body" if record.truncated else "not written down whole"


def _bytes_of(body: Body | None) -> bytes:
    return b"" if body is None else b"".join(data for _, data in body.pieces)


def _ends(record: Record) -> tuple[bool, ...]:
    """Give the ways in which the metering may have ended, the likeliest first: with a last look at an event that lacks
    its end, or, because the client left or the worker died, without."""
    if record.error == WORKER_DIED:
        return (False,)
    return (False, True) if record.outcome == "cancelled" else (True, False)


def _is_estimated(again: Again) -> bool:
    sight = again.meter.sight()
    return not sight.polled and sight.job is None and (sight.usage is None or sight.usage.is_spoiled)


def _told(record: Record, endpoint: Endpoint, again: Again, answer: bytes, request: bytes) -> Iterator[_Told]:
    """Give what may have been booked by this metering."""
    sight = again.meter.sight()
    usage = sight.usage
    if sight.polled:
        yield _Told(sight.model, "none", None, _seen(record, again))
        return
    if sight.job is not None and record.job is not None:
        # The same work was asked for twice; it is billed where it was asked for first.
        yield _Told(sight.model, "none", None, Job(id=sight.job.id, state="seen"))
        return
    if usage is not None and not usage.is_spoiled:
        for source in _sources(record, endpoint, again, answer):
            yield _Told(sight.model, source, without_prices(usage))
        return
    for asked in _asked(record, endpoint, request):
        guess = estimate(again.meter, record, Billed(asked, endpoint.counts), usage)
        yield _Told(sight.model, "estimated", guess)


def _seen(record: Record, again: Again) -> Job | None:
    """Say what was noted of work that another exchange asked for: its usage only from an answer that came whole."""
    sight = again.meter.sight()
    if sight.job is None:
        return None
    whole = again.meter.terminal or (again.complete and _has_ended(record, sight))
    is_told = whole and record.status == 200 and record.error != WORKER_DIED
    return job(sight.job.id or job_in(record.path or ""), "seen", sight.job.usage if is_told else None)


def _has_ended(record: Record, sight: Sight) -> bool:
    """Tell whether the answer was taken to its end: an error inside it is none of the connection."""
    return (
        record.outcome == "ok" or record.error == DRAINED or (sight.error is not None and record.error == sight.error)
    )


def _sources(record: Record, endpoint: Endpoint, again: Again, answer: bytes) -> Iterator[str]:
    """Give what `usage_source` may be: `provider` if the answer came to its end, which told all of it."""
    sight = again.meter.sight()
    if not again.complete or not _has_ended(record, sight) or sight.guessed:
        yield "partial"
        return
    yield "provider"
    # Its books were closed at a mark of the end, and amended when more came and the client left.
    if remeter(record, endpoint, answer[:-1], finish=False).meter.terminal:
        yield "partial"


def _asked(record: Record, endpoint: Endpoint, request: bytes) -> Iterator[bytes]:
    """Give the request as it may have been weighed: as it came, as it was sent, or unseen where it streamed through."""
    yield request
    if not endpoint.reads_body:
        yield b""
    try:
        fields = json_body.read(request)
        model = record.model_asked
        sent = request
        if fields.model is not None and model is not None and model != fields.model:
            sent = json_body.with_model(request, model)
            yield sent
        if DIALECTS[record.dialect or ""].wants_usage_injection(endpoint, fields):
            yield json_body.with_usage(sent, fields.options)
    except Refusal:
        return  # a form, or not JSON


def _named(usage: Usage | None) -> str | None:
    """Say in one line what a usage holds."""
    if usage is None:
        return None
    fields = {name: getattr(usage, name) for name in usage.__struct_fields__ if name not in ("raw", "rates")}
    return ", ".join(f"{name} {value}" for name, value in fields.items() if value)
