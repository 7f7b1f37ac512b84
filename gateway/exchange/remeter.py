"""What does an answer's body tell, metered once more? For exchanges whose worker died, and to prove the books."""

from typing import NamedTuple

from gateway.core.record import Record
from gateway.wire.decode import Decoder
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import Meter
from gateway.wire.sse import is_stream

_PIECE_BYTES = 64 * 1024  # about what a read brings: a meter keeps what is near the end of one


class Again(NamedTuple):
    """An answer that was metered again.

    `complete`: whether it is whole by its own words; of one that cannot be read we believe it. `damaged`: its coding
    broke off, and how much was read before depends on how the network had cut it.
    """

    meter: Meter
    complete: bool
    damaged: bool


def endpoint_of(record: Record) -> Endpoint | None:
    """Tell the kind of call from the record, as the path told it then; None: its dialect is not known."""
    dialect = DIALECTS.get(record.dialect or "")
    if dialect is None:
        return None
    path = record.path or ""
    mount = f"/{record.provider}/"
    if path.startswith(mount):
        path = path[len(mount) - 1 :]
    return dialect.endpoint(record.method or "POST", path)


def remeter(record: Record, endpoint: Endpoint, answer: bytes, *, finish: bool) -> Again:
    """Meter an answer as it came from the provider. `finish`: it came to its end, or was broken off there.

    The record must name a dialect.
    """
    meter = DIALECTS[record.dialect or ""].new_meter(
        endpoint, streamed=_streamed(record, endpoint, answer), strip_usage=False
    )
    decode = Decoder(record.content_encoding.encode("latin-1", "replace")) if record.content_encoding else None
    never_read = decode is not None and decode.blind
    for at in range(0, len(answer), _PIECE_BYTES):
        piece = answer[at : at + _PIECE_BYTES]
        meter.feed(piece if decode is None else decode(piece))
    if finish:
        meter.finish()
    status = record.status if record.response_content_type is not None and record.status is not None else 200
    blind = decode is not None and decode.blind
    return Again(meter, blind or meter.complete(status), blind and not never_read)


def _streamed(record: Record, endpoint: Endpoint, answer: bytes) -> bool:
    """Tell whether the answer was a stream; where its head was not written down, by how it begins."""
    content_type = record.response_content_type
    if content_type is None:
        return record.stream or answer.startswith((b"data:", b"event:"))
    return endpoint.streams or is_stream(content_type.lower().encode("latin-1", "replace"), asked=record.stream)
