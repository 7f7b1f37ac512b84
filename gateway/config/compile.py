"""From a checked Config to the Snapshot that decisions use: secrets revealed, paths absolute, patterns compiled."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config.budgets import compile_budgets, compile_facts, compile_limits
from gateway.config.evaluators import JudgePrice, compile_evaluating
from gateway.config.idle import idle
from gateway.config.judges import judge_budgets, judge_principals
from gateway.config.load import Config, Sources, parse
from gateway.config.model import Provider as ProviderSection
from gateway.config.model import Redact
from gateway.config.problems import ConfigError, Problem
from gateway.config.secret import MissingSecret, reveal
from gateway.config.values import split_address
from gateway.policies.access import Access, Principal
from gateway.policies.budget import Budgets
from gateway.policies.patterns import Patterns
from gateway.policies.price_table import PriceList
from gateway.policies.pricing import PriceBook
from gateway.policies.redaction import DEFAULT, Redaction
from gateway.policies.retention import Keep, Retention
from gateway.policies.routing import Provider, Routing, Target, Weighted
from gateway.policies.snapshot import Address, PriceSource, Server, Snapshot

NO_KEYS: Mapping[str, str] = {}


def from_sources(sources: Sources, root: Path | str, env: Mapping[str, str], generation: int) -> Snapshot:
    """Parse and compile in one go, with the bundled price list."""
    return snapshot(parse(sources, env, root), env, generation)


def snapshot(
    config: Config,
    env: Mapping[str, str],
    generation: int,
    listed: PriceList | None = None,
    judge_keys: Mapping[str, str] = NO_KEYS,
) -> Snapshot:
    """Compile; raise ConfigError where a secret or file is missing without which it would not be safe to go on.

    `listed`: the public price list in force; by default the bundled one. `judge_keys`: SHA-256 by evaluator, in hex.
    """
    company, teams = config.company, config.teams
    routes, prices = routing(config, env), price_book(config, listed)
    evaluating = compile_evaluating(config, JudgePrice(routes, prices, time.time()))
    return Snapshot(
        generation=generation,
        access=_access(config, judge_principals(evaluating, judge_keys)),
        routing=routes,
        prices=prices,
        server=_server(config, env),
        price_source=price_source(config),
        budgets=budgets(config),
        limits=compile_limits(company.limits, {name: team.limits for name, team in teams.items()}),
        facts=compile_facts(company.models.__pydantic_extra__),
        retention=_retention(config),
        evaluating=evaluating,
    )


def budgets(config: Config) -> Budgets:
    """Compile all budgets: those of the files, and those of the judges."""
    teams = {name: team.budgets for name, team in config.teams.items()}
    return Budgets([*compile_budgets(config.company.budgets, teams).all, *judge_budgets(compile_evaluating(config))])


def warnings(config: Config, env: Mapping[str, str], compiled: Snapshot) -> Iterator[str]:
    """Say what will not work, though nothing is wrong with the text: secrets that are not there, nobody to call.

    `compiled`: what was made of this config.
    """
    for name, section in config.company.providers.items():
        for secret in section.api_keys or ():
            try:
                reveal(secret, env, config.root)
            except MissingSecret as error:
                yield f"providers.{name}.api_keys: {error}; without a key its requests are refused"
    if not config.company.providers:
        yield (
            "no provider: set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or another provider's variable, or add "
            f"[providers.NAME] to {config.file}"
        )
    if not config.teams:
        yield "no team, so nobody can call: make one with `tollway team new NAME`"
    yield from idle(config, compiled, time.time())


def _access(config: Config, judges: dict[bytes, Principal]) -> Access:
    held = config.company.models
    company_models = None if held.allow is None else tuple(held.allow)
    teams = Patterns(held.scope.team or ["*"])
    redactions = {name: redaction(team.logging.redact) for name, team in config.teams.items()}
    return Access(
        {
            bytes.fromhex(key.sha256): Principal(
                team=name,
                key=key.name,
                allow_models=None if team.models.allow is None else tuple(team.models.allow),
                forward_credentials=team.forward_credentials,
                bodies=team.logging.bodies,
                max_body_bytes=team.logging.max_body,
                company_models=company_models if teams.matches(name) else None,
                redaction=redactions[name],
            )
            for name, team in config.teams.items()
            for key in team.keys
        }
        | judges
    )


def redaction(section: Redact) -> Redaction:
    """Compile what a team wants taken out of its bodies."""
    if section == Redact():
        return DEFAULT
    return Redaction(section.kinds, section.patterns, section.paths)


def routing(config: Config, env: Mapping[str, str]) -> Routing:
    """Compile who serves what."""
    providers = {provider.name: provider for provider in _providers(config, env)}
    return Routing(
        providers.values(),
        {
            route.model: [Weighted(Target(providers[each.provider], each.model), each.weight) for each in route.targets]
            for route in config.company.routes
        },
    )


def _providers(config: Config, env: Mapping[str, str]) -> Iterator[Provider]:
    for name, section in config.company.providers.items():
        yield _provider(config, name, section, env)


def _provider(config: Config, name: str, section: ProviderSection, env: Mapping[str, str]) -> Provider:
    keys, missing = [], []
    for secret in section.api_keys or ():
        try:
            keys.append(reveal(secret, env, config.root).encode())
        except MissingSecret:
            missing.append(secret)
    url = urlsplit(section.base_url or "")
    tls = url.scheme == "https"
    return Provider(
        name=name,
        dialect=section.dialect or "openai",
        host=url.hostname or "",
        tls=tls,
        port=url.port or (443 if tls else 80),
        base_path=url.path.rstrip("/"),
        api_keys=tuple(keys),
        missing_keys=tuple(missing),
        models=Patterns(section.models or ()),
        free=bool(section.free),
        allow_paths=tuple(section.allow_paths),
        ca_file=_file(config, section.ca_file, f"providers.{name}.ca_file"),
        http_leniency=section.http_leniency,
        inject_usage=section.stream_usage != "off",
    )


def _retention(config: Config) -> Retention:
    store = config.company.store
    company = Keep(store.retention_days, store.body_retention_days)
    return Retention(
        company,
        {
            name: Keep(each.retention_days or company.rows_days, each.body_retention_days or company.bodies_days)
            for name, each in ((name, team.logging) for name, team in config.teams.items())
        },
    )


def price_source(config: Config) -> PriceSource | None:
    """Return where newer price lists come from; None: nowhere, the bundled one stays."""
    prices = config.company.prices
    if prices.source is None:
        return None
    location = prices.source if "://" in prices.source else str(config.root / prices.source)
    return PriceSource(location, prices.refresh)


def price_book(config: Config, listed: PriceList | None) -> PriceBook:
    """Compile what everything costs. `listed`: the public list in force; by default the bundled one."""
    prices = config.company.prices
    overrides = {
        name: {model: {str(kind): usd for kind, usd in rates.items()} for model, rates in section.prices.items()}
        for name, section in config.company.providers.items()
        if section.prices
    }
    return PriceBook(
        overrides,
        (prices.default_price.input, prices.default_price.output),
        prices.unknown_model,
        listed,
    )


def _server(config: Config, env: Mapping[str, str]) -> Server:
    section = config.company.server
    return Server(
        data_dir=str(config.data_dir),
        store_dir=str(config.store_dir),
        full_text=config.company.store.full_text,
        listen=Address(*split_address(section.listen)),
        admin=Address(*split_address(section.admin)),
        admin_token=_token(config, env, "admin_token"),
        metrics_token=_token(config, env, "metrics_token"),
        workers=section.workers,
        on_journal_failure=section.on_journal_failure,
        durability=section.durability,
        max_request_body_bytes=section.max_request_body,
        header_timeout_s=section.header_timeout,
        body_timeout_s=section.body_timeout,
        idle_timeout_s=section.idle_timeout,
        keepalive_timeout_s=section.keepalive_timeout,
        connect_timeout_s=section.connect_timeout,
        drain_timeout_s=section.drain_timeout,
        tls_cert=_file(config, section.tls_cert, "server.tls_cert"),
        tls_key=_file(config, section.tls_key, "server.tls_key"),
        log_format=section.log_format,
        log_level=section.log_level,
    )


def _token(config: Config, env: Mapping[str, str], name: str) -> str | None:
    """Reveal a token; without it the admin port would stand open, so that a missing one is an error."""
    secret: str | None = getattr(config.company.server, name)
    if secret is None:
        return None
    try:
        return reveal(secret, env, config.root)
    except MissingSecret as error:
        raise ConfigError([Problem(config.file, f"server.{name}", str(error))]) from error


def _file(config: Config, path: str | None, where: str) -> str | None:
    """Make a path of the config absolute; what is not there is better said now than at the first request."""
    if path is None:
        return None
    absolute = config.root / path
    if not absolute.is_file():
        raise ConfigError([Problem(config.file, where, f"there is no file {absolute}")])
    return str(absolute)
