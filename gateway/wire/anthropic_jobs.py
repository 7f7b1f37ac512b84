"""What does the Anthropic dialect tell of batches of messages?"""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.wire.adding import Sum
from gateway.wire.counts import members
from gateway.wire.endpoint import ASKS, RESULTS, Endpoint
from gateway.wire.job_meter import DocumentMeter, LinesMeter, asked, polled
from gateway.wire.meter import Meter
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import BatchObject, ResultLine, Sight

ReadUsage = Callable[[dict[str, Any], bytes], Usage]

_decode_batch = msgspec.json.Decoder(BatchObject).decode
_decode_line = msgspec.json.Decoder(ResultLine).decode
_NO_RAW = b""


def new_meter(endpoint: Endpoint, read_usage: ReadUsage) -> Meter:
    """Make the meter for an answer about a batch. `read_usage`: how the usage of one message is read."""
    if endpoint.job == RESULTS:
        return LinesMeter(lambda line, total: add_line(line, total, read_usage))
    return DocumentMeter(asked_batch if endpoint.job == ASKS else polled_batch)


def asked_batch(body: bytes) -> Sight:
    """Read the answer to a request for a batch."""
    try:
        return asked(_decode_batch(body).id)
    except UNREADABLE:
        return Sight()


def polled_batch(body: bytes) -> Sight:
    """Read how far a batch is. What it used stands in its results; where no request succeeded that is nothing."""
    try:
        batch = _decode_batch(body)
    except UNREADABLE:
        return Sight(polled=True)
    ended = batch.processing_status == "ended"
    none_ran = ended and members(batch.request_counts).get("succeeded") == 0
    return polled(batch.id, Usage(processing="batch") if none_ran else None)


def add_line(line: bytes, total: Sum, read_usage: ReadUsage) -> None:
    """Add one result to the sum; requests that failed, expired or were cancelled are not billed."""
    try:
        result = _decode_line(line).result
    except UNREADABLE as error:
        raise ValueError("no result") from error
    if result.type != "succeeded":
        return
    message = result.message
    if message is None or type(message.usage) is not dict:
        raise ValueError("a result without usage")
    usage = read_usage(message.usage, _NO_RAW)
    total.add(message.model if isinstance(message.model, str) else None, usage)
