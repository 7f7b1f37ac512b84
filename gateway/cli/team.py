"""`tollway team`: make a team."""

from typing import Annotated

import typer

from gateway.cli.key import print_new_key
from gateway.cli.options import AsJson, ConfigFile, fail, root_of
from gateway.config import edit

app = typer.Typer(help="Make teams: one file each, in teams/ beside the config.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The team's name, which is also its file's.", show_default=False)],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Write teams/NAME.toml with a first key, and print that key once."""
    root = root_of(config)
    try:
        secret = edit.add_team(root, name)
    except (edit.EditError, OSError) as error:
        fail(str(error))
    print_new_key(config, team=name, key=edit.FIRST_KEY, secret=secret, as_json=as_json)


@app.callback()
def teams() -> None:
    """Keep `new` a command of its own: with a single one, typer would drop its name."""
