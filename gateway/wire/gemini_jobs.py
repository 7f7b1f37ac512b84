"""What does the Gemini dialect tell of batches? They are long-running operations."""

from collections.abc import Callable

import msgspec

from gateway.core.usage import Usage
from gateway.wire import openai_jobs
from gateway.wire.adding import Part, Sum
from gateway.wire.endpoint import ASKS, Endpoint
from gateway.wire.job_meter import DocumentMeter, asked, polled
from gateway.wire.meter import Meter
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import BatchOutput, InlinedEntry, Operation, Sight

ReadUsage = Callable[[msgspec.Raw], Usage | None]

_decode_operation = msgspec.json.Decoder(Operation).decode


def new_meter(endpoint: Endpoint, read_usage: ReadUsage) -> Meter:
    """Make the meter for an answer about a batch. `read_usage`: how the usage of one answer is read.

    Behind `/openai/` this API speaks the OpenAI dialect, also about batches.
    """
    if endpoint.name != "batch":
        return openai_jobs.new_meter(endpoint)
    if endpoint.job == ASKS:
        return DocumentMeter(lambda body: asked_operation(body, read_usage))
    return DocumentMeter(lambda body: polled_operation(body, read_usage))


def asked_operation(body: bytes, read_usage: ReadUsage) -> Sight:
    """Read the answer to a request for a batch."""
    try:
        operation = _decode_operation(body)
    except UNREADABLE:
        return Sight()
    if operation.name is None:
        return openai_jobs.asked_batch(body)
    return asked(operation.name, *told(operation, read_usage))


def polled_operation(body: bytes, read_usage: ReadUsage) -> Sight:
    """Read how far a batch is."""
    try:
        operation = _decode_operation(body)
    except UNREADABLE:
        return Sight(polled=True)
    if operation.name is None:
        return openai_jobs.polled_batch(body)
    return polled(operation.name, *told(operation, read_usage))


def told(operation: Operation, read_usage: ReadUsage) -> tuple[Usage | None, str | None]:
    """Add up what the answers inside a batch used, and name their model; None: it goes on, or does not tell.

    The answers stand in `response`, or where the SDK looks for them, or in both places. Those in a file are not read.
    """
    state = operation.metadata
    found = _answers(operation.response) or _answers(state.output if state is not None else None)
    if operation.done is not True or not found:
        return None, None
    total, is_told = Sum(), False
    named = state.model.removeprefix("models/") if state is not None and isinstance(state.model, str) else None
    for entry in found:
        if entry.response is None:
            continue  # it failed, and is not billed
        model = entry.response.modelVersion
        usage = read_usage(entry.response.usageMetadata) if entry.response.usageMetadata else None
        if usage is None:
            total.spoil()
            continue
        is_told = True
        total.add(model if isinstance(model, str) else named, usage)
    part: Part = total.result()
    all_failed = all(entry.response is None for entry in found)
    return (part.usage, part.model) if is_told or all_failed else (None, None)


def _answers(output: BatchOutput | None) -> list[InlinedEntry] | None:
    if output is None:
        return None
    inlined = output.inlinedResponses or output.inlinedEmbedContentResponses
    return inlined if inlined is None or isinstance(inlined, list) else inlined.inlinedResponses
