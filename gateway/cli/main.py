"""The `tollway` command: which commands there are."""

from typing import Annotated

import typer

import gateway
from gateway.cli import (
    audit,
    budget,
    check,
    demo,
    doctor,
    explain,
    key,
    logs,
    plugin,
    price,
    redact,
    serve,
    spend,
    team,
    top,
)
from gateway.cli.options import USAGE, fail

# Announced commands of later versions: better a clear word than "no such command".
NOT_BUILT = {
    "alerts": "test the alerts",
    "bench": "measure the gateway",
    "dataset": "make datasets from the log",
    "eval": "run evaluators over datasets",
    "replay": "send logged requests again",
    "route": "tell where a request would go",
}

app = typer.Typer(
    name="tollway",
    help="An LLM gateway: agents set base_url, and logs, cost and metrics are there.",
    epilog="Start with `tollway serve`, or see it all at once with `tollway demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tollway {gateway.__version__}")
        raise typer.Exit()


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that stand before the command."""


# In the order in which people need them.
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(check.check)
app.command()(doctor.doctor)
app.add_typer(team.app, name="team")
app.add_typer(key.app, name="key")
app.add_typer(logs.app, name="logs")
app.command()(explain.explain)
app.command()(spend.spend)
app.add_typer(budget.app, name="budget")
app.add_typer(plugin.app, name="plugin")
app.command()(top.top)
app.command()(price.price)
app.command()(audit.audit)
app.command()(redact.redact)


def _add_not_built(name: str, purpose: str) -> None:
    @app.command(
        name,
        hidden=True,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def _refuse() -> None:
        fail(f"`tollway {name}` (to {purpose}) is not built yet in this version; `tollway --help` shows what is", USAGE)


for _name, _purpose in NOT_BUILT.items():
    _add_not_built(_name, _purpose)


def main() -> None:
    """Run the command line."""
    app(prog_name="tollway")
