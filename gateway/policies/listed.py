"""What does a public price list say for an exchange that is long over? The one place that asks it again."""

from datetime import datetime

from gateway.core.record import Record
from gateway.policies.price_table import PriceList
from gateway.policies.rates import Schedule
from gateway.policies.routing import Provider

_CLASS = ("service_tier", "speed", "processing", "geo")


def listed_prices(record: Record, provider: Provider, prices: PriceList) -> Schedule | None:
    """Look up the model of a record at the instant when the exchange began; None: the list does not know it then.

    `prices`: that of the record's `price_version`; another one would say something else.
    """
    models = [model for model in dict.fromkeys((record.model_served, record.model_asked)) if model]
    usage = record.usage
    said = {name: getattr(usage, name) for name in _CLASS if usage is not None and getattr(usage, name) is not None}
    try:
        at_unix_s = datetime.fromisoformat(record.started_at).timestamp()
    except ValueError:
        return None
    return prices.find(provider.name, provider.base_url, models, said, at_unix_s)
