"""Why did an exchange go where it went? As far as its record tells, and the config of now."""

from typing import NamedTuple

from gateway.core.record import Record
from gateway.policies.patterns import Patterns
from gateway.policies.routing import Provider, Routing


class Reason(NamedTuple):
    """`by`: route | path | prefix | pattern | first | unknown | none. `told`: the same in a sentence."""

    by: str
    told: str


def why(record: Record, routing: Routing) -> Reason:
    """Say what chose the provider."""
    provider, model = record.provider, record.model_requested
    if provider is None:
        return Reason("none", "No provider was chosen.")
    if record.route is not None:
        return Reason("route", f"The route '{record.route}' chose {provider}, to be asked for '{record.model_asked}'.")
    if (record.path or "").startswith(f"/{provider}/"):
        return Reason("path", f"The path names the provider: /{provider}/…")
    if model is not None and model.startswith(f"{provider}/"):
        return Reason("prefix", f"The model's name begins with its provider: {provider}/…")
    return _by_config(record, routing.provider(provider), routing)


def _by_config(record: Record, provider: Provider | None, routing: Routing) -> Reason:
    """Say which of the last two rules it was. The record does not tell, and the config may be another by now."""
    model, dialect = record.model_requested, record.dialect
    patterns = provider.models.texts if provider is not None and model is not None else ()
    pattern = next((each for each in patterns if Patterns([each]).matches(model or "")), None)
    if pattern is not None:
        return Reason("pattern", f"{record.provider} serves '{pattern}', by the config of now.")
    first = next((each for each in routing.providers() if each.dialect == dialect), None)
    if provider is not None and first is provider:
        which = "a call without a model" if model is None else "a model that no other names"
        return Reason("first", f"{provider.name} is the first that speaks {dialect}: it gets {which}.")
    return Reason("unknown", f"The config that chose {record.provider} is no longer in force.")
