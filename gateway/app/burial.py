"""What an exchange is booked at whose worker died: the provider may bill it, so it is never free by accident."""

from datetime import datetime

from gateway.core import charging
from gateway.core.record import Record, encode
from gateway.exchange.books import estimate, note_answer, note_poll, price, put_off
from gateway.exchange.remeter import endpoint_of, remeter
from gateway.journal.frame import Piece
from gateway.journal.reader import Finished
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider, Routing
from gateway.wire.billed import Billed


def settle(finished: Finished, routing: Routing, prices: PriceBook) -> Finished:
    """Complete the record from the parts of the answer that were written down, price what they show, and charge it.

    Under a strict budget that is never less than its bound: what the provider did after the death nobody knows.
    """
    record = finished.record
    _weigh(finished, routing, prices)
    record.cost_nano_usd = charging.bounded(record.cost_nano_usd, record.bound_nano_usd, record.usage_source)
    charging.settle(record)
    return finished._replace(meta=encode(record))


def _weigh(finished: Finished, routing: Routing, prices: PriceBook) -> None:
    record = finished.record
    endpoint = endpoint_of(record)
    if endpoint is None:
        return
    if not endpoint.meters:
        record.usage_source = "none"
        return
    answer = b"".join(data for _, _, data in finished.response)
    meter = remeter(record, endpoint, answer, finish=False).meter
    sight = meter.sight()
    note_answer(record, sight)
    if sight.polled:
        note_poll(record, sight, whole=False)
        record.usage_source = "none"
        return
    if sight.usage is not None and not sight.usage.is_spoiled:
        record.usage, record.usage_source = sight.usage, "partial"
    else:
        record.request_bytes = max(record.request_bytes, _length(finished.request))
        asked = Billed(b"".join(data for _, _, data in finished.request), endpoint.counts)
        record.usage = estimate(meter, record, asked, sight.usage)
        record.usage_source = "estimated"
    price(record, prices, _provider(record, routing), datetime.fromisoformat(record.started_at).timestamp())
    if sight.job is not None:
        put_off(record, sight.job)
    record.request_bytes = max(record.request_bytes, _length(finished.request))
    record.response_bytes = record.response_bytes or _length(finished.response)


def _provider(record: Record, routing: Routing) -> Provider:
    """Return the provider; one that config no longer names is priced by its models."""
    name = record.provider or ""
    return routing.provider(name) or Provider(name, record.dialect or "", "")


def _length(pieces: list[Piece]) -> int:
    return max((offset + len(data) for _, offset, data in pieces), default=0)
