"""What an exchange is booked at whose worker died: the provider may bill it, so it is never free by accident."""

from datetime import datetime

from gateway.core.record import encode
from gateway.exchange.books import estimate, note_poll, price, put_off
from gateway.exchange.remeter import endpoint_of, remeter
from gateway.journal.frame import Piece
from gateway.journal.reader import Finished
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Routing
from gateway.wire.billed import Billed


def settle(finished: Finished, routing: Routing, prices: PriceBook) -> Finished:
    """Complete the record from the parts of the answer that were written down, and price what they show."""
    record = finished.record
    provider = routing.provider(record.provider or "")
    endpoint = endpoint_of(record)
    if provider is None or endpoint is None:
        return finished
    if not endpoint.meters:
        record.usage_source = "none"
        return finished._replace(meta=encode(record))
    answer = b"".join(data for _, _, data in finished.response)
    meter = remeter(record, endpoint, answer, finish=False).meter
    sight = meter.sight()
    record.model_served = sight.model
    if sight.polled:
        note_poll(record, sight, whole=False)
        record.usage_source = "none"
        return finished._replace(meta=encode(record))
    if sight.usage is not None and not sight.usage.is_spoiled:
        record.usage, record.usage_source = sight.usage, "partial"
    else:
        record.request_bytes = max(record.request_bytes, _length(finished.request))
        asked = Billed(b"".join(data for _, _, data in finished.request), endpoint.counts)
        record.usage = estimate(meter, record, asked, sight.usage)
        record.usage_source = "estimated"
    price(record, prices, provider, datetime.fromisoformat(record.started_at).timestamp())
    if sight.job is not None:
        put_off(record, sight.job)
    record.request_bytes = max(record.request_bytes, _length(finished.request))
    record.response_bytes = record.response_bytes or _length(finished.response)
    return finished._replace(meta=encode(record))


def _length(pieces: list[Piece]) -> int:
    return max((offset + len(data) for _, offset, data in pieces), default=0)
