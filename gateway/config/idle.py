"""Which settings will not do what somebody believes, though nothing is wrong with their texts?"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar

from gateway.config.load import TEAMS, Config
from gateway.config.model import Budget as BudgetSection
from gateway.config.model import Company, Logging, Scoped, Store, Team
from gateway.config.model import Limit as LimitSection
from gateway.config.problems import Problem, suggestion
from gateway.core.asked import Asked
from gateway.policies.access import Principal
from gateway.policies.bounds import Bounds, Unbounded
from gateway.policies.budget import Budget
from gateway.policies.limit import Limit
from gateway.policies.patterns import Patterns
from gateway.policies.retention import Keep
from gateway.policies.routing import Provider
from gateway.policies.scope import Scope
from gateway.policies.snapshot import Snapshot

# A request as plain as can be, to ask for its bound: some text, and a short answer if it says how long at most.
_TEXT_BYTES: Final = 2_000
_SOME_TOKENS: Final = 256
_CALENDAR: Final = frozenset(("day", "week", "month"))
_FOR_GOOD: Final = 1 << 30
# What a scope may pin to one value, so that there is nothing to part by. A model has several names.
_PINNED: Final = ("team", "key", "user", "session", "provider")

Found = Iterator[tuple[str, str]]
T = TypeVar("T", bound=Scoped)


class Way(NamedTuple):
    """A model that config names, and who serves it. `names`: as it is asked for, and as the provider is."""

    provider: Provider
    names: tuple[str, ...]


def idle(config: Config, snapshot: Snapshot, at_s: float) -> Iterator[str]:
    """Say everything that has no effect, or refuses everything. `at_s`: by the prices of which instant."""
    there = _There(config, snapshot)
    budgets, limits = iter(snapshot.budgets.all), iter(snapshot.limits.all)  # compiled in the order of the files
    owners: list[tuple[str | None, Company | Team]] = [(None, config.company), *config.teams.items()]
    for team, owner in owners:
        file = config.file if team is None else f"{TEAMS}/{team}.toml"
        for place, section in _numbered("budgets", owner.budgets):
            yield from _told(file, place, _of_budget(section, next(budgets), team, there, at_s))
        for place, limit_section in _numbered("limits", owner.limits):
            yield from _told(file, place, _of_limit(limit_section, next(limits), team, there))
    yield from _told(config.file, "models", _models(config, snapshot))
    yield from _told(config.file, "store", _kept(config.company.store, snapshot.retention.company))
    for name, of_team in config.teams.items():
        yield from _told(f"{TEAMS}/{name}.toml", "logging", _kept(of_team.logging, snapshot.retention.of(name)))


def _numbered(table: str, sections: Sequence[T]) -> Iterator[tuple[str, T]]:
    return ((f"{table}[{at}]", section) for at, section in enumerate(sections))


def _told(file: str, place: str, found: Found) -> Iterator[str]:
    return (str(Problem(file, place + where, message)) for where, message in found)


@dataclass
class _There:
    """What there is to match."""

    config: Config
    snapshot: Snapshot

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """Every model that config calls by its name, with everybody who serves it."""
        company, routing = self.config.company, self.snapshot.routing
        found = [
            _way(provider, route.model, target.model)
            for route in company.routes
            for target in route.targets
            if target.weight and (provider := routing.provider(target.provider)) is not None
        ]
        for name in self._names():
            for dialect in dict.fromkeys(provider.dialect for provider in routing.providers()):
                if name not in routing.routes() and routing.knows(dialect, name):
                    provider, model = routing.choose(dialect, name, 0.0).candidates[0]
                    found.append(_way(provider, name, model))
        return tuple(dict.fromkeys(found))

    def _names(self) -> list[str]:
        company, teams = self.config.company, self.config.teams.values()
        budgets = chain(company.budgets, *(team.budgets for team in teams))
        listed = [
            *(provider.models for provider in self.snapshot.routing.providers()),
            *(Patterns(models.allow or ()) for models in (company.models, *(team.models for team in teams))),
            *(Patterns(budget.scope.model or ()) for budget in budgets),
            Patterns(company.models.__pydantic_extra__),
        ]
        return list(dict.fromkeys(name for patterns in listed for name in patterns.exact()))

    def callers(self, scope: Scope) -> list[Principal]:
        """Return one key of each team that a scope covers: of a team, all may ask for the same models."""
        found: list[Principal] = []
        for team in self.teams(scope):
            of_team = (each for each in self._principals.get(team, ()) if _matches(scope.key, each.key))
            found += islice(of_team, 1)
        return found

    def teams(self, scope: Scope) -> list[str]:
        """Return the teams that a scope covers. There may be thousands of budgets that each name one."""
        teams, patterns = self.config.teams, scope.team
        if patterns is None:
            return list(teams)
        if len(patterns.exact()) == len(patterns.texts):
            return [text for text in patterns.texts if text in teams]
        return [name for name in teams if patterns.matches(name)]

    @cached_property
    def _principals(self) -> dict[str, list[Principal]]:
        found: dict[str, list[Principal]] = {}
        for each in self.snapshot.access.principals():
            found.setdefault(each.team, []).append(each)
        return found

    def covered(self, scope: Scope) -> list[Way]:
        """Return the models by name that somebody may ask for so that the scope covers it."""
        allowed, callers = self.snapshot.routing.allowed, self.callers(scope)
        return [
            way
            for way in self.ways
            if _matches(scope.provider, way.provider.name)
            and (scope.model is None or any(map(scope.model.matches, way.names)))
            and any(allowed(caller, way.names[0]) for caller in callers)
        ]

    def dialects(self, scope: Scope) -> set[str]:
        """Return the APIs in which requests can come that a scope covers, as far as config tells."""
        routing = self.snapshot.routing
        speaking = {each.dialect for each in routing.providers() if _matches(scope.provider, each.name)}
        if scope.model is None:
            return speaking
        # A pattern is taken for one of the names that it matches: "claude-*" for "claude-x".
        samples = [text.replace("*", "x").replace("?", "x") for text in scope.model.texts]
        known = {dialect for dialect in speaking for sample in samples if routing.knows(dialect, sample)}
        known |= {way.provider.dialect for way in self.ways if any(map(scope.model.matches, way.names))}
        return known & speaking or speaking


def _way(provider: Provider, asked: str, model: str | None) -> Way:
    return Way(provider, tuple(dict.fromkeys((asked, model or asked))))


def _of_budget(section: BudgetSection, budget: Budget, team: str | None, there: _There, at_s: float) -> Found:
    return chain(
        _scope(section, budget, team, there),
        _budget(section, budget),
        _fallback(budget, there),
        _unbounded(budget, there, at_s),
    )


def _of_limit(section: LimitSection, limit: Limit, team: str | None, there: _There) -> Found:
    return chain(_scope(section, limit, team, there), _limit(section, limit))


def _scope(section: Scoped, compiled: Budget | Limit, team: str | None, there: _There) -> Found:
    """Find what matches nobody, and what parts nothing."""
    scope = compiled.scope
    yield from _matches_nobody(scope, there)
    for dimension in compiled.per:
        pinned: Patterns | None = getattr(scope, dimension) if dimension in _PINNED else None
        if pinned is not None and len(pinned.texts) == len(pinned.exact()) == 1:
            what = "in a team's file" if dimension == "team" and team else "with this scope"
            yield ".per", f'"{dimension}" parts nothing: {what} there is one, {pinned.texts[0]!r}'
    if "max_balances" in section.model_fields_set and not section.per:
        yield ".max_balances", "has no effect without per: there is one balance"


def _matches_nobody(scope: Scope, there: _There) -> Found:
    config = there.config
    yield from _unknown("team", scope.team, config.teams)
    if scope.key is not None:
        yield from _unknown(
            "key", scope.key, [key.name for name in there.teams(scope) for key in config.teams[name].keys]
        )
    yield from _unknown("provider", scope.provider, config.company.providers)
    if scope.model is not None and there.callers(scope) and not _may_ask(scope, scope.model, there):
        yield ".scope.model", f"holds for nothing: nobody whom it covers may ask for {_quoted(scope.model.texts)}"


def _unknown(what: str, patterns: Patterns | None, names: Collection[str]) -> Found:
    """Find names in a scope that nothing has. Where there is nothing at all yet, that is said elsewhere."""
    if patterns is None or not names:
        return
    unknown = [text for text in patterns.texts if text not in names and not any(map(Patterns([text]).matches, names))]
    if unknown:
        effect = "holds for nobody: " if len(unknown) == len(patterns.texts) else ""
        hint = suggestion(unknown[0], names) or f" There are: {', '.join(dict.fromkeys(names))}."
        yield f".scope.{what}", f"{effect}no {what} is called {_quoted(unknown)}.{hint}"


def _may_ask(scope: Scope, model: Patterns, there: _There) -> bool:
    """Tell whether somebody may ask for such a model. Of a pattern nobody can tell what it may match."""
    if len(model.exact()) < len(model.texts):
        return True
    allowed, callers = there.snapshot.routing.allowed, there.callers(scope)
    return bool(there.covered(scope)) or any(allowed(caller, name) for caller in callers for name in model.texts)


def _budget(section: BudgetSection, budget: Budget) -> Found:
    """Find settings that do nothing together, and money that nobody can spend."""
    tracks, window = budget.mode == "track", budget.window.kind
    if budget.limit_nano_usd == 0 and not tracks:
        yield ".limit_usd", "is 0: everything that costs anything is refused"
    if budget.limit_requests == 0 and not tracks:
        yield ".limit_requests", "is 0: every request that it covers is refused"
    if "timezone" in section.model_fields_set and window not in _CALENDAR:
        yield ".timezone", f'has no effect on window = "{window}": only days, weeks and months have one'
    if "exceeded_status" in section.model_fields_set and tracks:
        yield ".exceeded_status", 'has no effect with mode = "track", which never refuses'
    if budget.on_disconnect == "drain" and budget.limit_nano_usd is None:
        yield ".on_disconnect", '"drain" has no effect without limit_usd: what a request cost does not count'
    if budget.mode == "strict" and max(budget.thresholds, default=0) > 100:
        yield ".thresholds", "are never reached beyond 100: a strict budget is not exceeded"


def _fallback(budget: Budget, there: _There) -> Found:
    """Find routes that no request can go to which this budget refuses. Requests are never translated."""
    if budget.fallback is None:
        return
    spoken = {way.provider.dialect for way in there.ways if way.names[0] == budget.fallback}
    dialects = there.dialects(budget.scope)
    if spoken and dialects and not spoken & dialects:
        yield (
            ".on_exceeded",
            f"never happens: the route '{budget.fallback}' has targets that speak {_listed(spoken)}, and what this "
            f"budget covers comes in the API of {_listed(dialects)}; requests are not translated",
        )
    elif budget.limit_nano_usd is None and budget.scope.model is None and budget.scope.provider is None:
        yield (
            ".on_exceeded",
            f"never happens: what goes to '{budget.fallback}' counts in this budget of requests as well. Give it "
            "a scope that leaves that route out",
        )


def _unbounded(budget: Budget, there: _There, at_s: float) -> Found:
    """Find models that a strict budget refuses, whatever is asked of them."""
    if budget.mode != "strict" or budget.limit_nano_usd is None:
        return
    bounds = Bounds(there.snapshot.prices, there.snapshot.facts)
    for provider, names in there.covered(budget.scope):
        asked = Asked(
            dialect=provider.dialect, endpoint="chat", body_bytes=_TEXT_BYTES, text_bytes=_TEXT_BYTES,
            max_output_tokens=_SOME_TOKENS,
        )  # fmt: skip
        told = bounds.upper(asked, provider, names, at_s)
        which = f"'{names[0]}' ({provider.name})"
        if isinstance(told, Unbounded):
            yield "", f"refuses every request for {which}. {told.reason}"
            continue
        if provider.dialect == "anthropic":
            continue  # there the maximum is required
        asked.max_output_tokens = None
        told = bounds.upper(asked, provider, names, at_s)
        if isinstance(told, Unbounded):
            yield "", f"refuses requests for {which} that name no maximum of tokens. {told.reason}"


def _limit(section: LimitSection, limit: Limit) -> Found:
    for quota in limit.quotas:
        if quota.rate.amount == 0:
            yield f".{quota.setting}", "is 0: every request that it covers is refused"
    if section.concurrent == 0:
        yield ".concurrent", "is 0: every request that it covers is refused"


def _models(config: Config, snapshot: Snapshot) -> Found:
    models = config.company.models
    if models.scope.team is not None:
        yield from _unknown("team", Patterns(models.scope.team), config.teams)
    if models.__pydantic_extra__ and not any(budget.mode == "strict" for budget in snapshot.budgets.all):
        names = ", ".join(f"'{name}'" for name in models.__pydantic_extra__)
        yield "", f"what is said of {names} has no effect: only strict budgets ask, and there is none"


def _kept(section: Store | Logging, keep: Keep) -> Found:
    """Find bodies that are said to be kept longer than what they are the bodies of."""
    if section.body_retention_days is not None and (keep.bodies_days or 0) > (keep.rows_days or _FOR_GOOD):
        yield ".body_retention_days", f"has no effect: the whole exchange is removed after {keep.rows_days} days"


def _matches(patterns: Patterns | None, value: str) -> bool:
    return patterns is None or patterns.matches(value)


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f"'{text}'" for text in texts)


def _listed(words: set[str]) -> str:
    return " or ".join(sorted(words))
