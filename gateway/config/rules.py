"""What one value alone cannot show to be wrong: names that must exist, be unique, fit together."""

from collections.abc import Iterator, Mapping

from gateway.config.budget_rules import broken_budgets, broken_limits
from gateway.config.defaults import KNOWN
from gateway.config.evaluator_rules import NOTHING, broken_evaluators, broken_use, installed, is_needed
from gateway.config.model import Company, Server, Team
from gateway.config.problems import Problem, suggestion
from gateway.config.values import NAME_RULE, is_loopback, is_name, split_address

# First segments of paths that mean something at the root: a provider of that name could not be reached by its own.
RESERVED_NAMES = frozenset(
    [
        *("v1", "v1beta", "v1alpha", "upload", "api", "health", "healthz", "readyz", "metrics", "feedback"),
        *("chat", "completions", "responses", "messages", "embeddings", "models", "moderations", "images", "audio"),
        *("files", "batches", "realtime"),
    ]
)


def broken_rules(file: str, company: Company, teams: Mapping[str, Team]) -> Iterator[Problem]:
    """Find everything that does not fit together; `file` is the name of the main one."""
    routes = [route.model for route in company.routes]
    there = installed() if is_needed(company, teams.values()) else NOTHING
    for where, message in (
        *_server(company.server),
        *_providers(company),
        *_routes(company),
        *_models(company),
        *broken_budgets(company.budgets, None, routes),
        *broken_limits(company.limits, None),
        *broken_evaluators(company, there),
    ):
        yield Problem(file, where, message)
    owners: dict[str, str] = {}
    for stem, team in teams.items():
        for where, message in (
            *_team(stem, team, owners),
            *broken_budgets(team.budgets, stem, routes),
            *broken_limits(team.limits, stem),
            *broken_use(stem, team, company, there),
        ):
            yield Problem(f"teams/{stem}.toml", where, message)


def _server(server: Server) -> Iterator[tuple[str, str]]:
    if (server.tls_cert is None) != (server.tls_key is None):
        absent = "tls_key" if server.tls_key is None else "tls_cert"
        yield f"server.{absent}", "is required too: tls_cert and tls_key belong together"
    admin_host, admin_port = split_address(server.admin)
    if not is_loopback(admin_host) and server.admin_token is None:
        yield (
            "server.admin_token",
            f'is required, because admin = "{server.admin}" can be reached from other machines. Set it to '
            '"env:NAME" or "file:PATH", or let admin listen on 127.0.0.1',
        )
    if admin_port and server.admin == server.listen:
        yield "server.admin", "is the same address as listen: give it another port"


def _providers(company: Company) -> Iterator[tuple[str, str]]:
    for name, provider in company.providers.items():
        where = f"providers.{name}"
        if name in RESERVED_NAMES:
            yield where, f"'{name}' is a path of the gateway itself: choose another name"
        for setting in ("dialect", "base_url"):
            if getattr(provider, setting) is None:
                hint = suggestion(name, KNOWN) or f" Built in are: {', '.join(KNOWN)}."
                yield f"{where}.{setting}", f"is required for a provider that is not built in.{hint}"
        for at, path in enumerate(provider.allow_paths):
            if not path.startswith("/"):
                yield f"{where}.allow_paths[{at}]", 'a path begins with "/"'


def _routes(company: Company) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for at, route in enumerate(company.routes):
        if (first := seen.setdefault(route.model, at)) != at:
            yield f"routes[{at}].model", f"'{route.model}' is already routed by routes[{first}]"
        if not any(target.weight for target in route.targets):
            yield f"routes[{at}].targets", "at least one weight must be above 0"
        for index, target in enumerate(route.targets):
            if target.provider not in company.providers:
                hint = suggestion(target.provider, company.providers)
                has = ", ".join(company.providers) or "none"
                yield (
                    f"routes[{at}].targets[{index}].provider",
                    f"there is no provider '{target.provider}'.{hint or f' Configured: {has}.'}",
                )


def _models(company: Company) -> Iterator[tuple[str, str]]:
    if company.models.scope.team is not None and company.models.allow is None:
        yield "models.scope", "says who is held to allow, which is not there: add it, or remove this"


def _team(stem: str, team: Team, owners: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Check one team; `owners` maps every hash seen so far to whose it is."""
    if not is_name(stem):
        yield "", f"the file's name is the team's: {NAME_RULE}"
    if team.name not in (None, stem):
        yield "name", f"is '{team.name}', but the file says '{stem}': rename one of them"
    names: dict[str, int] = {}
    for at, key in enumerate(team.keys):
        if (first := names.setdefault(key.name, at)) != at:
            yield f"keys[{at}].name", f"'{key.name}' is already the name of keys[{first}]"
        owner = f"teams/{stem}.toml: keys[{at}]"
        if (other := owners.setdefault(key.sha256, owner)) != owner:
            yield f"keys[{at}].sha256", f"is the same key as {other}: every key belongs to one team, under one name"
