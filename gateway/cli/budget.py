"""`tollway budget`: how the budgets of the running gateway stand, and what people do to them."""

import getpass

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from gateway.cli.admin_port import AdminPort
from gateway.cli.budget_tables import deed_sentence, show_list, show_one, standing_sentence
from gateway.cli.options import USAGE, AsJson, ConfigFile, fail, place_of
from gateway.cli.output import print_json_line, printable
from gateway.cli.reading import instant
from gateway.config.budgets import compile_budgets
from gateway.config.load import parse, read
from gateway.config.problems import ConfigError
from gateway.core.clock import stamp

app = typer.Typer(
    help="Show how budgets stand; raise, reset and correct them. Needs the running gateway.", no_args_is_help=True
)

PATH: Final = "/api/budgets"
# What the admin port calls it, and what the command line does.
OPTIONS: Final = {
    "amount_usd": "AMOUNT",
    "amount_requests": "--requests",
    "for": "--for",
    "at": "--at",
    "values": "--value",
    "raise": "--end",
    "who": "--who",
    "why": "--why",
    "limit": "--limit",
    "team": "--team",
}
# A minus sign begins an amount, too.
_WITH_AMOUNT: Final = {"ignore_unknown_options": True}


def _ids(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Complete a budget's id from the config."""
    place = place_of(ctx.params.get("config"))
    try:
        config = parse(read(place.file.absolute(), required=place.required), {}, place.root)
    except (ConfigError, OSError):
        return
    budgets = compile_budgets(config.company.budgets, {name: team.budgets for name, team in config.teams.items()})
    yield from (one.id for one in budgets.all if one.id.startswith(incomplete))


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The budget: TEAM/NAME.", show_default=False, autocompletion=_ids)
]
Amount = Annotated[
    str | None, typer.Argument(metavar="[AMOUNT]", help="How much, in USD; may be negative.", show_default=False)
]
Requests = Annotated[
    int | None, typer.Option("--requests", metavar="N", help="How many requests, instead of USD.", show_default=False)
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the trail.", show_default=False)]
Who = Annotated[
    str | None, typer.Option("--who", metavar="NAME", help="Who does it. Default: your user.", show_default=False)
]
User = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Short for --value user=NAME.", show_default=False)
]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", metavar="NAME=VALUE", help="Whose balance, where each has one.", show_default=False),
]
Shared = Annotated[bool, typer.Option("--shared", help="The balance of all who have none of their own.")]
Limit = Annotated[int | None, typer.Option(metavar="N", help="So many balances, busiest first.", show_default=False)]


@app.command("list")
def list_budgets(
    team: Annotated[
        str | None, typer.Option("--team", metavar="NAME", help="Of this team, or 'company'.", show_default=False)
    ] = None,
    limit: Limit = 5,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List all budgets: what is spent, reserved and left, and when they reset."""
    budgets = _port(config).get(PATH, {"team": team, "limit": limit})["budgets"]
    if as_json:
        for one in budgets:
            print_json_line(one)
    elif budgets:
        show_list(budgets, datetime.now(UTC))
    else:
        whose = f" of '{team}'" if team else ""
        typer.echo(f"no budgets{whose}: write [[budgets]] into config.toml or a team's file", err=True)


@app.command("show")
def show(budget: Id, limit: Limit = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one budget: its balances, who holds leases, raises in force, and what was done to it."""
    found = _port(config).get(_path(budget), {"limit": limit})
    if as_json:
        print_json_line(found)
    else:
        show_one(found, datetime.now(UTC))


@app.command("raise", context_settings=_WITH_AMOUNT)
def raise_budget(
    budget: Id,
    why: Why,
    amount: Amount = None,
    requests: Requests = None,
    how_long: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="90m, 24h, 7d, or 'window': until it ends.", show_default=False),
    ] = None,
    end: Annotated[
        int | None, typer.Option("--end", metavar="RAISE", help="End this raise instead.", show_default=False)
    ] = None,
    user: User = None,
    value: Values = None,
    shared: Shared = False,
    who: Who = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let more be spent from now on: for good, for some time, or of one balance; less with a negative amount."""
    by = {"who": _who(who), "why": why}
    if end is not None:
        if amount is not None or requests is not None:
            fail("--end takes no amount: it ends the raise of this number", USAGE)
        _change(config, budget, "end", {"raise": end, **by}, as_json=as_json)
        return
    order = {**_amounts(amount, requests), "for": how_long, "values": _values(user, value, shared=shared), **by}
    _change(config, budget, "raise", order, as_json=as_json)


@app.command("reset")
def reset(
    budget: Id,
    why: Why,
    user: User = None,
    value: Values = None,
    shared: Shared = False,
    who: Who = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let what was spent in this window count no more."""
    order = {"values": _values(user, value, shared=shared), "who": _who(who), "why": why}
    _change(config, budget, "reset", order, as_json=as_json)


@app.command("correct", context_settings=_WITH_AMOUNT)
def correct(
    budget: Id,
    why: Why,
    amount: Amount = None,
    requests: Requests = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="WHEN", help="When it was spent: 2h ago, or a time.", show_default=False),
    ] = None,
    user: User = None,
    value: Values = None,
    shared: Shared = False,
    who: Who = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Add to what was spent, or take from it with a negative amount: a cost that was recorded was wrong."""
    at_ms = instant("at", at)
    order = {
        **_amounts(amount, requests),
        "at": None if at_ms is None else stamp(at_ms / 1000),
        "values": _values(user, value, shared=shared),
        "who": _who(who),
        "why": why,
    }
    _change(config, budget, "correct", order, as_json=as_json)


def _change(config: Any, budget: str, what: str, order: Mapping[str, object], *, as_json: bool) -> None:
    answer = _port(config).post(f"{_path(budget)}/{what}", order)
    if as_json:
        print_json_line(answer)
        return
    for deed in answer["deeds"]:
        typer.echo(printable(deed_sentence(deed)))
    changed = {deed["balance"] for deed in answer["deeds"]}
    for balance in answer["budget"]["balances"]:
        if balance["balance"] in changed:
            typer.echo(printable(standing_sentence(balance)))


def _port(config: Any) -> AdminPort:
    return AdminPort(config, OPTIONS)


def _path(budget: str) -> str:
    owner, slash, name = budget.partition("/")
    if not slash or not owner or not name or "/" in name:
        fail(f"ID: '{budget}' is no budget's id; they are TEAM/NAME: see `tollway budget list`", USAGE)
    return f"{PATH}/{quote(owner, safe='')}/{quote(name, safe='')}"


def _who(given: str | None) -> str:
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        fail("--who: this system does not say who you are, so say it", USAGE)


def _amounts(amount: str | None, requests: int | None) -> dict[str, object]:
    if (amount is None) == (requests is None):
        fail("give an AMOUNT in USD or --requests N, one of them", USAGE)
    return {"amount_usd": amount, "amount_requests": requests}


def _values(user: str | None, value: list[str] | None, *, shared: bool) -> object:
    """Read whose balance is meant; None: nobody said."""
    written = [*(value or ()), *([f"user={user}"] if user is not None else [])]
    if shared:
        if written:
            fail("--shared is the balance of nobody in particular: give it alone", USAGE)
        return "shared"
    wrong = next((each for each in written if "=" not in each), None)
    if wrong is not None:
        fail(f"--value: NAME=VALUE such as user=ann, not '{wrong}'", USAGE)
    return dict(each.split("=", 1) for each in written) or None
