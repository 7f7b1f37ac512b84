"""What does the bundled price list say for an exchange that is long over? The one place that asks it again."""

from datetime import datetime

from gateway.core.record import Record
from gateway.policies.price_table import bundled
from gateway.policies.rates import Schedule
from gateway.policies.routing import Provider

_CLASS = ("service_tier", "speed", "processing", "geo")


def is_in_force(version: str | None) -> bool:
    """Tell whether prices of this version can be looked up now: those of a list that was refreshed cannot."""
    return version == bundled().version


def listed_prices(record: Record, provider: Provider) -> Schedule | None:
    """Look up the model of a record at the instant when the exchange began; None: the list does not know it then."""
    models = [model for model in dict.fromkeys((record.model_served, record.model_asked)) if model]
    usage = record.usage
    said = {name: getattr(usage, name) for name in _CLASS if usage is not None and getattr(usage, name) is not None}
    try:
        at_unix_s = datetime.fromisoformat(record.started_at).timestamp()
    except ValueError:
        return None
    return bundled().find(provider.name, provider.base_url, models, said, at_unix_s)
