"""`tollway serve`: run the gateway, and tell people how to reach it."""

import asyncio
import logging
import os
from collections.abc import Iterator

import typer

import gateway
from gateway.app import log
from gateway.app.compiled import advice, stale
from gateway.app.live import Live
from gateway.app.startup import StartError
from gateway.app.supervisor import Supervisor, our_commands
from gateway.cli.options import PROBLEM, ConfigFile, Place, counted, fail, place_of, print_problems
from gateway.config import compile, edit
from gateway.config.load import team_files
from gateway.config.problems import ConfigError
from gateway.policies.snapshot import Address

logger = logging.getLogger("tollway.supervisor")

DEFAULT_TEAM = "default"
YOUR_KEY = "<a key of your team>"

# How the SDKs of each dialect are pointed here: base URL variable, what follows the address, key variable.
CONNECT = {
    "openai": ("OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_BASE_URL", "", "ANTHROPIC_API_KEY"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", "", "GEMINI_API_KEY"),
}


def serve(config: ConfigFile = None) -> None:
    """Run the gateway. Changes of the config and of teams are taken over while it runs.

    SIGTERM or Ctrl-C lets what runs end (a second one does not), SIGHUP reads the config again.
    """
    log.begin("supervisor")
    if changed := stale():
        logger.warning("%s", advice(changed))
    place = place_of(config)
    try:
        key = _first_key(place)
        live = Live(place.file, os.environ, required=place.required)
        log.configure("supervisor", live.snapshot)
    except ConfigError as error:
        print_problems(error.problems)
        raise typer.Exit(PROBLEM) from error
    except (StartError, edit.EditError) as error:
        fail(str(error))
    for_people = live.snapshot.server.log_format == "human"
    announce = _announce if for_people else _announce_to_programs
    try:
        asyncio.run(Supervisor(live, our_commands()).run(lambda running: announce(running, key)))
    except StartError as error:
        if for_people:
            fail(str(error))
        logger.critical("%s", error)
        raise typer.Exit(PROBLEM) from error


def _first_key(place: Place) -> str | None:
    """Make a team where there is nothing at all, so that one command is enough to begin."""
    if place.required or place.file.exists() or team_files(place.root):
        return None
    try:
        key = edit.add_team(place.root, DEFAULT_TEAM)
    except OSError as error:
        raise StartError(f"cannot write {place.root}/teams: {error.strerror}. Start in a directory of yours") from error
    # At once, not after the start: should that fail, the key is known all the same.
    _say(f"made team '{DEFAULT_TEAM}' in {place.root}/teams. Its key, shown this once: {key}")
    return key


def _announce(running: Supervisor, key: str | None) -> None:
    live = running.live
    company, teams = live.config.company, live.config.teams
    providers, keys = len(company.providers), sum(len(team.keys) for team in teams.values())
    parts = (providers, "provider"), (len(company.routes), "route"), (len(teams), "team"), (keys, "key")
    _say(f"Tollway {gateway.__version__}: {', '.join(counted(*part) for part in parts)}")
    _say(f"  agents  {_url(running.listen, tls=live.snapshot.server.tls_cert is not None)}")
    _say(f"  admin   {_url(running.admin, tls=False)}   (/metrics, /api)")
    _say(
        f"  config  {live.file if live.file.name in live.sources else f'built-in defaults, as there is no {live.file}'}"
    )
    for warning in compile.warnings(live.config, os.environ, live.snapshot):
        _say(f"  warning: {warning}")
    for line in _recipes(running, key or YOUR_KEY):
        _say(line)


def _announce_to_programs(running: Supervisor, _: str | None) -> None:
    """Say the same in the log: nothing else stands between lines that programs read."""
    live = running.live
    told = {
        "version": gateway.__version__,
        "agents": _url(running.listen, tls=live.snapshot.server.tls_cert is not None),
        "admin": _url(running.admin, tls=False),
        "config": str(live.file) if live.file.name in live.sources else None,
    }
    logger.info("serving", extra=told)
    for warning in compile.warnings(live.config, os.environ, live.snapshot):
        logger.warning("config: %s", warning)


def _recipes(running: Supervisor, key: str) -> Iterator[str]:
    """Yield a line to paste for each kind of SDK that has a provider here."""
    url = _url(running.listen, tls=running.live.snapshot.server.tls_cert is not None)
    spoken = {provider.dialect for provider in running.live.snapshot.routing.providers()} or set(CONNECT)
    yield "Point an agent at it:"
    for dialect, (base, suffix, variable) in CONNECT.items():
        if dialect in spoken:
            yield f"  export {base}={url}{suffix} {variable}='{key}'"


def _url(address: Address, *, tls: bool) -> str:
    """Return how this machine reaches an address; one that means every interface is reached by loopback."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  # compared, not bound
    return f"{'https' if tls else 'http'}://{Address(here, address.port)}"


def _say(line: str) -> None:
    typer.echo(line, err=True)
