"""What does work cost that ended after its exchange? Booked at the prices of the instant at which it was asked for."""

from datetime import datetime

from gateway.core import charging
from gateway.core.record import Job, Record
from gateway.core.usage import Usage
from gateway.exchange.books import price
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Provider, Routing
from gateway.store.jobs import Told
from gateway.wire.adding import Part, add, parts_of, whole_of


def book(record: Record, told: Told, state: str, routing: Routing, prices: PriceBook) -> None:
    """Book what was told into the record of the exchange that asked for the work. `state`: booked | lapsed."""
    name = record.provider or ""
    # A provider that config no longer names is priced by its models.
    provider = routing.provider(name) or Provider(name, record.dialect or "", "")
    at_unix_s = datetime.fromisoformat(record.started_at).timestamp()
    model, usage = _folded(record, told, prices, provider, at_unix_s)
    record.model_served = record.model_served or model
    record.usage = usage
    record.usage_source = "provider" if state == "booked" else "estimated"
    record.job = Job(id=record.job.id if record.job is not None else "", state=state)
    price(record, prices, provider, at_unix_s)
    record.cost_nano_usd = charging.bounded(record.cost_nano_usd, record.bound_nano_usd, record.usage_source)
    charging.correct(record)


def _folded(record: Record, told: Told, prices: PriceBook, provider: Provider, at_unix_s: float) -> Part:
    """Add up the parts of a batch that pay the same rates: the meter kept apart whatever might differ."""
    parts = parts_of(told.model, told.usage)
    sums: dict[tuple[object, ...], Part] = {}
    for model, usage in parts:
        cost = prices.price(provider, model, record.model_asked, usage, at_unix_s)
        kind = (usage.service_tier, usage.speed, usage.processing, usage.geo)
        key = (model, cost.source, cost.rates, kind)
        if key not in sums:
            tier, speed, processing, geo = kind
            empty = Usage(service_tier=tier, speed=speed, processing=processing, geo=geo)
            sums[key] = Part(model, empty)
        add(sums[key].usage, usage)
    return whole_of(list(sums.values())) if len(sums) < len(parts) else Part(told.model, told.usage)
