"""What does the OpenAI dialect tell of responses that go on in the background, and of batches?"""

from math import ceil
from typing import Any

import msgspec

from gateway.core.record import Job
from gateway.core.usage import Usage
from gateway.wire.counts import count, members
from gateway.wire.ending import RESPONSE_ENDED
from gateway.wire.endpoint import ASKS, Endpoint
from gateway.wire.job_meter import DocumentMeter, asked, job, polled
from gateway.wire.meter import Meter
from gateway.wire.openai_usage import read_usage
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import BatchObject, ResponseObject, Sight

BATCH_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})

_decode_response = msgspec.json.Decoder(ResponseObject).decode
_decode_batch = msgspec.json.Decoder(BatchObject).decode


def new_meter(endpoint: Endpoint) -> Meter:
    """Make the meter for an answer that is one document."""
    if endpoint.name == "batch":
        return DocumentMeter(asked_batch if endpoint.job == ASKS else polled_batch)
    return DocumentMeter(polled_response)


def goes_on(response: ResponseObject) -> Job | None:
    """Return the job that a response is which goes on in the background after its answer; None: it does not."""
    if response.background is not True or _in(response.status, RESPONSE_ENDED):
        return None
    return job(response.id, "open")


def asked_response(body: bytes) -> Job | None:
    """Read the answer to a request for a response that told no usage."""
    try:
        return goes_on(_decode_response(body))
    except UNREADABLE:
        return None


def told_by(response: ResponseObject) -> Sight:
    """Read how far a response is. One that never ran in the background was booked when it was answered."""
    if response.background is False:
        return Sight(polled=True)
    usage = None
    if response.usage and _in(response.status, RESPONSE_ENDED):
        usage = read_usage(bytes(response.usage), response.service_tier, response.tool_usage)
    return polled(response.id, usage, response.model)


def polled_response(body: bytes) -> Sight:
    """Read how far a response is, from an answer that is one."""
    try:
        return told_by(_decode_response(body))
    except UNREADABLE:
        return Sight(polled=True)


def asked_batch(body: bytes) -> Sight:
    """Read the answer to a request for a batch."""
    try:
        batch = _decode_batch(body)
    except UNREADABLE:
        return Sight()
    return asked(batch.id, batch_usage(batch), batch.model)


def polled_batch(body: bytes) -> Sight:
    """Read how far a batch is."""
    try:
        batch = _decode_batch(body)
    except UNREADABLE:
        return Sight(polled=True)
    return polled(batch.id, batch_usage(batch), batch.model)


def batch_usage(batch: BatchObject) -> Usage | None:
    """Read what a batch used, once it has ended; None: it goes on, or does not tell (those of before September 2025).

    It tells the sum only, so the price tier goes by the average request.
    """
    if not _in(batch.status, BATCH_ENDED):
        return None
    counts = members(batch.request_counts)
    completed = max(count(counts.get("completed")), 0)
    usage = read_usage(bytes(batch.usage)) if batch.usage else None
    if usage is None:
        # No request of it ran: it was refused, or ended before any did.
        return Usage(processing="batch") if batch.status == "failed" or counts.get("completed") == 0 else None
    if completed and not usage.suspect and not (usage.input_total or usage.output_total):
        return None
    usage.processing = "batch"
    usage.requests = completed
    usage.context = ceil(usage.input_total / completed) if completed else 1
    return usage


def _in(value: Any, words: frozenset[str]) -> bool:
    return isinstance(value, str) and value in words
