"""`tollway key`: make, list and revoke the keys that agents call with."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.options import AsJson, ConfigFile, counted, fail, load, place_of, print_json, root_of
from gateway.config import edit
from gateway.config.load import parse, read
from gateway.config.problems import ConfigError

app = typer.Typer(help="Make, list and revoke the keys that agents call with.", no_args_is_help=True)

TeamName = Annotated[str, typer.Option("--team", help="Whose key it is.", show_default=False)]


@app.command("new")
def new(
    team: TeamName,
    name: Annotated[str, typer.Option("--name", help="What the key is called in logs.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a key to a team, and print it once: only its hash is kept."""
    root = root_of(config)
    try:
        secret = edit.add_key(root, team, name)
    except (edit.EditError, OSError) as error:
        fail(str(error))
    print_new_key(config, team=team, key=name, secret=secret, as_json=as_json)


@app.command("list")
def list_keys(
    team: Annotated[str | None, typer.Option("--team", help="Of this team only.", show_default=False)] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List the keys of all teams, or of one."""
    teams = load(config).teams
    if team is not None and team not in teams:
        fail(f"there is no team '{team}'. There are: {', '.join(teams) or 'none'}")
    rows = [
        {"team": each, "name": key.name, "sha256": key.sha256}
        for each, section in teams.items()
        for key in section.keys
        if team in (None, each)
    ]
    if as_json:
        for row in rows:
            print_json(row)
        return
    table = Table("team", "key", "sha256", box=None, header_style="bold")
    for row in rows:
        table.add_row(row["team"], row["name"], f"{row['sha256'][:12]}…")
    Console().print(table if rows else "no keys: make one with `tollway key new --team TEAM --name NAME`")


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="The key's name.", show_default=False)],
    team: TeamName,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a key; a running gateway refuses it within a second."""
    root = root_of(config)
    try:
        edit.revoke_key(root, team, name)
    except (edit.EditError, OSError) as error:
        fail(str(error))
    if as_json:
        print_json({"team": team, "name": name, "revoked": True})
    else:
        typer.echo(f"revoked key '{name}' of team '{team}'")
    _warn_of_problems(config)


def print_new_key(config: Path | None, *, team: str, key: str, secret: str, as_json: bool) -> None:
    """Print a new key: the key alone on stdout, so that scripts can take it; words for people on stderr."""
    if as_json:
        print_json({"team": team, "name": key, "key": secret})
    else:
        typer.echo(f"key '{key}' of team '{team}'; this is the only time that it is shown:", err=True)
        typer.echo(secret)
    _warn_of_problems(config)


def _warn_of_problems(config: Path | None) -> None:
    """Say so where a running gateway will not take the change over, because something else is wrong."""
    place = place_of(config)
    try:
        parse(read(place.file.absolute(), required=place.required), os.environ, place.root)
    except ConfigError as error:
        typer.secho(
            f"but the config has {counted(len(error.problems), 'problem')}, so a running gateway keeps the one before: "
            "see `tollway check`",
            fg="yellow",
            err=True,
        )
