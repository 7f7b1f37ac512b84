"""`tollway check`: is the config sound? The same code that `serve` and a reload use."""

import asyncio
import os

import typer
from rich.console import Console
from rich.table import Table

from gateway.app.price_refresh import read as read_prices
from gateway.app.price_shelf import Shelf
from gateway.cli.held import budgets_json, held_table, holding, limits_json
from gateway.cli.kept import kept_json, kept_text
from gateway.cli.options import PROBLEM, AsJson, ConfigFile, Place, counted, place_of, print_json, print_problems
from gateway.cli.unloadable import problems
from gateway.config import compile
from gateway.config.load import Config, parse, read
from gateway.config.problems import ConfigError, Problem
from gateway.evaluation.rehearsal import rehearse
from gateway.policies.price_file import BadPrices
from gateway.policies.price_file import check as check_prices
from gateway.policies.price_table import PriceList
from gateway.policies.snapshot import PriceSource, Snapshot


def check(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Check the config and all teams, and print every problem, or what is there."""
    place = place_of(config)
    try:
        sources = read(place.file.absolute(), required=place.required)
        found = parse(sources, os.environ, place.root)
        listed = asyncio.run(Shelf(found.data_dir).take(refreshed=found.company.prices.source is not None))
        snapshot = compile.snapshot(found, os.environ, 0, listed)
        _check_source(found.file, snapshot.price_source, listed)
        evaluators = _load_evaluators(found, snapshot)
    except ConfigError as error:
        _refuse(error.problems, as_json=as_json)
        raise typer.Exit(PROBLEM) from error
    warnings = list(compile.warnings(found, os.environ, snapshot))
    if as_json:
        print_json(_summary(found, snapshot) | {"evaluators": evaluators, "warnings": warnings})
        return
    _print_summary(place, found, snapshot, from_file=found.file in sources)
    if evaluators:
        typer.echo(f"evaluators, which could all be loaded: {', '.join(evaluators)}")
    for warning in warnings:
        typer.secho(f"warning: {warning}", fg="yellow")


def _check_source(file: str, source: PriceSource | None, listed: PriceList) -> None:
    """Check a file of prices as a refresh does. It would not stop `serve`, which goes on with those it has."""
    if source is None or source.is_url:
        return
    try:
        check_prices(read_prices(source), listed.size)
    except (BadPrices, OSError) as error:
        raise ConfigError([Problem(file, "prices.source", f"{source}: {error}")]) from error


def _load_evaluators(config: Config, snapshot: Snapshot) -> list[str]:
    """Load them as the evaluator would: one that cannot be would not stop `serve`, and yet never give a score."""
    loaded = asyncio.run(rehearse(snapshot.evaluating))
    if found := list(problems(config, snapshot.evaluating, loaded)):
        raise ConfigError(found)
    return list(loaded)


def _refuse(problems: tuple[Problem, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": False, "problems": [problem._asdict() for problem in problems]})
        return
    print_problems(problems)
    typer.echo(counted(len(problems), "problem"), err=True)


def _summary(config: Config, snapshot: Snapshot) -> dict[str, object]:
    return {
        "ok": True,
        "problems": [],
        "listen": str(snapshot.server.listen),
        "admin": str(snapshot.server.admin),
        "providers": [
            {"name": each.name, "dialect": each.dialect, "base_url": each.base_url, "keys": len(each.api_keys)}
            for each in snapshot.routing.providers()
        ],
        "routes": [
            {"model": route.model, "targets": [target.model_dump() for target in route.targets]}
            for route in config.company.routes
        ],
        "teams": [
            {"name": name, "keys": [key.name for key in team.keys], **kept_json(snapshot.retention.of(name))}
            for name, team in config.teams.items()
        ],
        "budgets": budgets_json(snapshot),
        "limits": limits_json(snapshot),
        "prices": _prices(snapshot),
    }


def _prices(snapshot: Snapshot) -> dict[str, object]:
    listed, source = snapshot.prices.listed, snapshot.price_source
    return {
        "version": listed.version,
        "models": listed.size,
        "source": None if source is None else str(source),
        "refresh_s": None if source is None else source.refresh_s,
    }


def _print_summary(place: Place, config: Config, snapshot: Snapshot, *, from_file: bool) -> None:
    console = Console(highlight=False)
    where = place.file if from_file else f"built-in defaults (there is no {place.file})"
    server = snapshot.server
    console.print(f"{where}: sound\nagents: {server.listen}   admin: {server.admin}   workers: {server.workers}")
    console.print(_providers(snapshot), soft_wrap=True)
    for route in config.company.routes:
        total = sum(target.weight for target in route.targets)
        shares = (f"{each.provider}/{each.model or route.model} {each.weight / total:.0%}" for each in route.targets)
        console.print(f"route {route.model} → {', '.join(shares)}", markup=False, soft_wrap=True)
    console.print(_price_line(snapshot), markup=False, soft_wrap=True)
    if (held := held_table(snapshot)) is not None:
        console.print(held, soft_wrap=True)
    for name, team in config.teams.items():
        under = ", ".join(holding(snapshot, name))
        keys = counted(len(team.keys), "key")
        line = f"team {name}: {keys}{under and f', held to {under}'}; keeps {kept_text(snapshot.retention.of(name))}"
        console.print(line, markup=False, soft_wrap=True)
    counts = (
        (len(config.teams), "team"),
        (len(config.company.providers), "provider"),
        (len(config.company.routes), "route"),
    )
    console.print(", ".join(counted(*each) for each in counts))


def _price_line(snapshot: Snapshot) -> str:
    listed, source = snapshot.prices.listed, snapshot.price_source
    line = f"prices: {listed.version}, {counted(listed.size, 'model')}"
    if source is None:
        return line
    found = "fetched by `tollway serve`, not by this check" if source.is_url else "sound"
    return f"{line}; newer ones from {source} ({found}) every {source.refresh_s:g} s"


def _providers(snapshot: Snapshot) -> Table:
    table = Table("provider", "dialect", "base_url", "keys", box=None, header_style="bold")
    for each in snapshot.routing.providers():
        table.add_row(each.name, each.dialect, each.base_url, str(len(each.api_keys)))
    return table
