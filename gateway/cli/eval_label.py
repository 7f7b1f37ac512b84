"""`tollway eval label`: a person says what an exchange or a session was."""

import getpass
from typing import Annotated

import typer

from gateway.cli.admin_port import AdminPort
from gateway.cli.options import USAGE, AsJson, ConfigFile, Offered, fail, print_json, with_options

_OPTIONS = {
    "id": "ID",
    "name": "NAME",
    "value": "VALUE",
    "comment": "--comment",
    "author": "--author",
    "rubric": "--rubric",
    "session": "--session",
    "team": "--team",
}

_OFFERED = {
    "session": Offered(str, "ID", "A session instead of an exchange, with --team."),
    "team": Offered(str, "NAME", "Whose session."),
    "comment": Offered(str, "TEXT", "Why."),
    "author": Offered(str, "NAME", "Who says so. Default: your user."),
    "rubric": Offered(str, "TEXT", "By which version of the rules."),
}


@with_options(_OFFERED)
def label(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What is judged: helpful, correct, …")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="true, false, a number, or a label.")],
    exchange: Annotated[str | None, typer.Argument(metavar="[ID]", help="The exchange.", show_default=False)] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    **more: str | None,
) -> None:
    """Label an exchange, or a session. The same name by the same author again replaces what was said."""
    if (exchange is None) == (more["session"] is None):
        fail("give the ID of an exchange, or --session with --team", USAGE)
    port = AdminPort(config, _OPTIONS)
    order = {"id": exchange, "name": name, "value": value_of(value), **more}
    told = port.post("/api/labels", order | {"author": more["author"] or getpass.getuser()})
    if as_json:
        print_json(told)
    else:
        typer.echo(f"{name} = {value} is written down.")


def value_of(text: str) -> bool | float | str:
    """Read a value as people write it."""
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    try:
        return float(text)
    except ValueError:
        return text
