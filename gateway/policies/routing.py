"""Where does a request go? A dialect and a model lead to candidates: a provider, and the model to ask it for."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from gateway.core.errors import Refusal
from gateway.policies.access import Principal
from gateway.policies.patterns import Patterns

CACHED_MOST = 4096  # model names are the callers' to invent


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream account. `base_path` has no trailing slash ("/v1", "" for the root).

    `api_keys` are the secrets that could be read; `missing_keys` names those that could not ("env:OPENAI_API_KEY").
    `allow_paths`: patterns of administration paths that are open all the same, with or without the leading /v1.
    `ca_file`: verify the provider's certificate against this file instead of the system's.
    `inject_usage`: ask streams for their usage where the client did not.
    """

    name: str
    dialect: str
    host: str
    tls: bool = True
    port: int = 443
    base_path: str = ""
    api_keys: tuple[bytes, ...] = field(default=(), repr=False)
    missing_keys: tuple[str, ...] = ()
    models: Patterns = field(default_factory=Patterns)
    free: bool = False
    allow_paths: tuple[str, ...] = ()
    ca_file: str | None = None
    http_leniency: bool = False
    inject_usage: bool = True
    _opened: Patterns = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opened", Patterns(map(_without_version, self.allow_paths)))

    def opens(self, path: str) -> bool:
        """Tell whether the operator opened this path, which is closed otherwise."""
        return self._opened.matches(_without_version(path))

    @property
    def base_url(self) -> str:
        """The base URL, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == (443 if self.tls else 80) else f":{self.port}"
        return f"{'https' if self.tls else 'http'}://{host}{port}{self.base_path}"


class Target(NamedTuple):
    """Ask `provider` for `model`; None: leave the request's own."""

    provider: Provider
    model: str | None


class Choice(NamedTuple):
    """What routing decided: the route's name where one chose, and whom to try in which order (never empty)."""

    route: str | None
    candidates: tuple[Target, ...]


class Weighted(NamedTuple):
    """A target of a route and its share of the traffic."""

    target: Target
    weight: int


class Routing:
    """The routes and providers of one snapshot. `providers` and `routes` in the order of the file."""

    __slots__ = ("_by_name", "_chosen", "_draws", "_first", "_routes")

    def __init__(self, providers: Iterable[Provider], routes: Mapping[str, Sequence[Weighted]] | None = None) -> None:
        self._by_name = {provider.name: provider for provider in providers}
        self._routes = {name: tuple(targets) for name, targets in (routes or {}).items()}
        self._chosen: dict[tuple[str, str | None], Choice] = {}
        self._first: dict[str, Provider] = {}
        for provider in self._by_name.values():
            self._first.setdefault(provider.dialect, provider)
        self._draws = {
            (name, dialect): _Draw([each for each in targets if each.target.provider.dialect == dialect])
            for name, targets in self._routes.items()
            for dialect in {each.target.provider.dialect for each in targets if each.weight}
        }

    def choose(self, dialect: str, model: str | None, draw: float) -> Choice:
        """Choose by the request's dialect and model; `draw` in [0, 1) picks among a route's weighted targets."""
        if model in self._routes:
            return self._by_route(dialect, model, draw)
        choice = self._chosen.get((dialect, model))
        if choice is None:
            if len(self._chosen) >= CACHED_MOST:
                self._chosen.clear()
            choice = self._chosen[dialect, model] = Choice(None, (self._without_route(dialect, model),))
        return choice

    def provider(self, name: str) -> Provider | None:
        """Return the provider of that name."""
        return self._by_name.get(name)

    def providers(self) -> tuple[Provider, ...]:
        """Return all providers, in the order of the file."""
        return tuple(self._by_name.values())

    def routes(self) -> tuple[str, ...]:
        """Return the names of all routes, in the order of the file."""
        return tuple(self._routes)

    def targets(self) -> dict[str, tuple[Target, ...]]:
        """Return where each route may lead."""
        return {name: tuple(each.target for each in targets) for name, targets in self._routes.items()}

    def allowed(self, principal: Principal, model: str) -> bool:
        """Tell whether the key may use `model`: under its whole name, or bare behind a provider's (`openai/gpt-5`).

        In bodies Google writes `models/NAME`.
        """
        if principal.allows(model):
            return True
        head, slash, bare = model.partition("/")
        prefixed = bool(slash) and model not in self._routes and (head in self._by_name or head == "models")
        return prefixed and principal.allows(bare)

    def knows(self, dialect: str, model: str) -> bool:
        """Tell whether a route, a provider's name before it, or a provider's patterns lead `model` somewhere.

        The first provider of a dialect, which gets every other model, does not count.
        """
        if model in self._routes:
            return (model, dialect) in self._draws
        speaking = (provider for provider in self._by_name.values() if provider.dialect == dialect)
        return self._by_prefix(dialect, model) is not None or any(each.models.matches(model) for each in speaking)

    def models_for(self, principal: Principal, dialect: str) -> list[str]:
        """List what the key may ask for in this dialect: routes, then models that config names without wildcards."""
        names = [name for name in self._routes if (name, dialect) in self._draws]
        speaking = [provider for provider in self._by_name.values() if provider.dialect == dialect]
        for provider in speaking:
            names += provider.models.exact()
        wished = Patterns(principal.allow_models or ()).exact()
        names += (name for name in wished if any(provider.models.matches(name) for provider in speaking))
        return [name for name in dict.fromkeys(names) if principal.allows(name)]

    def _by_route(self, dialect: str, model: str, draw: float) -> Choice:
        drawn = self._draws.get((model, dialect))
        if drawn is None:
            raise _other_dialect(dialect, model, [each.target.provider for each in self._routes[model] if each.weight])
        return Choice(model, (drawn.at(draw),))

    def _without_route(self, dialect: str, model: str | None) -> Target:
        target = None
        if model is not None:
            target = self._by_prefix(dialect, model) or self._by_pattern(dialect, model)
        return target or Target(self._first_of(dialect), None)

    def _by_prefix(self, dialect: str, model: str) -> Target | None:
        head, slash, bare = model.partition("/")
        provider = self._by_name.get(head)
        if provider is None or not slash or not bare or provider.dialect != dialect:
            return None
        # Some providers put their own name into a model's ("groq/compound"): their patterns say so.
        return Target(provider, None if provider.models.matches(model) else bare)

    def _by_pattern(self, dialect: str, model: str) -> Target | None:
        matching = [provider for provider in self._by_name.values() if provider.models.matches(model)]
        named = self._by_name.get(model.partition("/")[0]) if "/" in model else None
        for provider in matching:
            if provider.dialect == dialect:
                return Target(provider, None)
        elsewhere = [named] if named else matching
        if elsewhere:
            raise _other_dialect(dialect, model, elsewhere)
        return None

    def _first_of(self, dialect: str) -> Provider:
        provider = self._first.get(dialect)
        if provider is None:
            has = ", ".join(f"{each.name} ({each.dialect})" for each in self._by_name.values()) or "none"
            raise Refusal(
                "no_provider",
                f"No provider here speaks the {dialect} API. Configured: {has}. "
                f'Add a [providers.NAME] with dialect = "{dialect}" to config.toml.',
            )
        return provider


class _Draw:
    """Pick one of some weighted targets by a number in [0, 1)."""

    __slots__ = ("_bounds", "_targets")

    def __init__(self, weighted: Sequence[Weighted]) -> None:
        self._targets = [each.target for each in weighted]
        self._bounds = list(accumulate(each.weight for each in weighted))

    def at(self, draw: float) -> Target:
        """Return the target whose share `draw` falls into; one of weight 0 has none."""
        return self._targets[bisect_right(self._bounds, draw * self._bounds[-1])]


def _without_version(path: str) -> str:
    """Take the leading /v1 off: some base URLs end in it, and then it is not in the path."""
    return path.removeprefix("/v1") if path.startswith("/v1/") else path


def _other_dialect(dialect: str, model: str, providers: Sequence[Provider]) -> Refusal:
    """Say who serves a model, where nobody does in the dialect of the request."""
    who = ", ".join(dict.fromkeys(f"{each.name} (speaks {each.dialect})" for each in providers))
    return Refusal(
        "no_provider",
        f"The model '{model}' is served by {who}, but this request came in the {dialect} API, and requests are not "
        f"translated. Call it with a client for that API, or route '{model}' to a provider that speaks {dialect}.",
        param="model",
    )
