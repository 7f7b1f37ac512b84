"""Why did an exchange go where it went, and who else was there? As far as its record tells, and the config of now."""

from typing import NamedTuple

from gateway.core.errors import Refusal
from gateway.core.record import Record
from gateway.policies.patterns import Patterns
from gateway.policies.routing import Provider, Routing, Weighted


class Reason(NamedTuple):
    """`by`: route | fallback | path | prefix | pattern | first | unknown | none. `told`: the same in a sentence.

    `source`: record, or config: then the config of now was asked, which may be another by now.
    """

    by: str
    told: str
    source: str = "record"


class Candidate(NamedTuple):
    """Somebody whom routing could choose, by the config of now. `weight`: of a route's target.

    `told`: why it was chosen, or why it was not.
    """

    provider: str
    model: str | None
    weight: int | None
    chosen: bool
    told: str


def why(record: Record, routing: Routing) -> Reason:
    """Say what chose the provider."""
    provider, model = record.provider, record.model_requested
    if provider is None:
        return Reason("none", "No provider was chosen.")
    if record.route is not None:
        chose = f"the route '{record.route}' chose {provider}, to be asked for '{record.model_asked}'."
        if record.route == model:
            return Reason("route", chose[0].upper() + chose[1:])
        return Reason("fallback", f"A budget had no room for '{model}' and wants another route then: {chose}")
    if (record.path or "").startswith(f"/{provider}/"):
        return Reason("path", f"The path names the provider: /{provider}/…")
    if model is not None and model.startswith(f"{provider}/"):
        return Reason("prefix", f"The model's name begins with its provider: {provider}/…")
    return _by_config(record, routing.provider(provider), routing)


def _by_config(record: Record, provider: Provider | None, routing: Routing) -> Reason:
    """Say which of the last two rules it was. The record does not tell, and the config may be another by now."""
    model, dialect = record.model_requested, record.dialect
    pattern = None if provider is None or model is None else _pattern(provider, model)
    if pattern is not None:
        return Reason("pattern", f"{record.provider} serves '{pattern}', by the config of now.", "config")
    first = next((each for each in routing.providers() if each.dialect == dialect), None)
    if provider is not None and first is provider:
        which = "a call without a model" if model is None else "a model that no other names"
        return Reason("first", f"{provider.name} is the first that speaks {dialect}: it gets {which}.", "config")
    return Reason("unknown", f"The config that chose {record.provider} is no longer in force.", "config")


def candidates(record: Record, routing: Routing) -> list[Candidate]:
    """List whom the config of now has for it. Of an exchange that went nowhere: where it would go."""
    targets = routing.targets(record.route or record.model_requested or "")
    if targets:
        return [_of_route(each, record, targets) for each in targets]
    if record.provider is None:
        return _would_go(record, routing)
    by = why(record, routing)
    if by.by in ("path", "prefix", "fallback", "route"):
        return [Candidate(record.provider, record.model_asked, None, True, by.told)]
    return _by_pattern(record, routing)


def _of_route(one: Weighted, record: Record, targets: tuple[Weighted, ...]) -> Candidate:
    provider, model = one.target
    asked = model or record.model_requested
    chosen = record.provider == provider.name and record.model_asked == asked
    whole = sum(each.weight for each in targets if each.target.provider.dialect == record.dialect)
    if provider.dialect != record.dialect:
        told = f"speaks {provider.dialect}, and this came as {record.dialect}"
    elif not one.weight:
        told = "has no share: weight 0"
    elif one.weight == whole:
        told = "gets every request"
    else:
        told = f"gets {one.weight} of {whole} requests, by lot"
    return Candidate(provider.name, asked, one.weight, chosen, told)


def _would_go(record: Record, routing: Routing) -> list[Candidate]:
    if record.dialect is None:
        return []
    try:
        [target] = routing.choose(record.dialect, record.model_requested, 0.0).candidates
    except Refusal:
        return []
    model = target.model or record.model_requested
    return [Candidate(target.provider.name, model, None, False, "would get it, by the config of now")]


def _by_pattern(record: Record, routing: Routing) -> list[Candidate]:
    """List who serves such a name, in the order of the file: the first of them gets it."""
    found: list[Candidate] = []
    for provider in routing.providers():
        chosen = provider.name == record.provider
        pattern = _pattern(provider, record.model_requested or "")
        if provider.dialect != record.dialect or (pattern is None and not chosen):
            continue
        if pattern is None:
            told = "serves no model of that name, but gets what nobody else serves"
        elif found:
            told = f"serves '{pattern}', but stands behind {found[0].provider}"
        else:
            told = f"serves '{pattern}', and stands first"
        found.append(Candidate(provider.name, record.model_requested, None, chosen, told))
    return found


def _pattern(provider: Provider, model: str) -> str | None:
    return next((each for each in provider.models.texts if Patterns([each]).matches(model)), None)
