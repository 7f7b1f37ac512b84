"""`tollway budget`: how the budgets of the running gateway stand, and what people do to them."""

import getpass
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from gateway.cli.admin_port import AdminPort
from gateway.cli.budget_tables import deed_sentence, show_barred, show_list, show_one, standing_sentence
from gateway.cli.options import USAGE, AsJson, ConfigFile, Offered, fail, place_of, with_options
from gateway.cli.output import print_json_line, printable
from gateway.cli.reading import instant
from gateway.config import compile
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
_ONE_AMOUNT: Final = "give an AMOUNT in USD, or --requests N"
# A minus sign begins an amount, too.
_WITH_AMOUNT: Final = {"ignore_unknown_options": True}


def _ids(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Complete a budget's id from the config."""
    place = place_of(ctx.params.get("config"))
    try:
        config = parse(read(place.file.absolute(), required=place.required), {}, place.root)
    except (ConfigError, OSError):
        return
    budgets = compile.budgets(config)
    yield from (one.id for one in budgets.all if one.id.startswith(incomplete))


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The budget: TEAM/NAME.", show_default=False, autocompletion=_ids)
]
Amount = Annotated[
    str | None, typer.Argument(metavar="AMOUNT", help="How much, in USD; may be negative.", show_default=False)
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the trail.", show_default=False)]
Limit = Annotated[int | None, typer.Option(metavar="N", help="So many balances, busiest first.", show_default=False)]

_REQUESTS: Final = {"requests": Offered(int, "N", "How many requests, instead of USD.")}
_WHOSE: Final = {
    "value": Offered(list[str], "NAME=VALUE", "Whose balance, where each has one; 'shared': of who has none."),
    "user": Offered(str, "NAME", "Short for --value user=NAME."),
    "who": Offered(str, "NAME", "Who does it. Default: your user."),
}


@app.command("list")
def list_budgets(
    team: Annotated[
        str | None, typer.Option("--team", metavar="NAME", help="Of this team, or 'company'.", show_default=False)
    ] = None,
    limit: Limit = 5,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List all budgets: what is spent, reserved and left, and when they reset; and models that strict ones refuse."""
    found = _port(config).get(PATH, {"team": team, "limit": limit})
    budgets, barred = found["budgets"], found["barred"]
    if as_json:
        for one in budgets:
            print_json_line(one)
        for bar in barred:
            print_json_line({"barred": bar.pop("model"), **bar})
        return
    if budgets:
        show_list(budgets, datetime.now(UTC))
    else:
        whose = f" of '{team}'" if team else ""
        typer.echo(f"no budgets{whose}: write [[budgets]] into config.toml or a team's file", err=True)
    show_barred(barred)


@app.command("show")
def show(budget: Id, limit: Limit = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one budget: its balances, who holds leases, raises in force, and what was done to it."""
    found = _port(config).get(_path(budget), {"limit": limit})
    if as_json:
        print_json_line(found)
    else:
        show_one(found, datetime.now(UTC))


@app.command("raise", context_settings=_WITH_AMOUNT)
@with_options({**_REQUESTS, "end": Offered(int, "RAISE", "End this raise instead."), **_WHOSE})
def raise_budget(
    budget: Id,
    why: Why,
    amount: Amount = None,
    how_long: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="90m, 24h, 7d, or 'window': until it ends.", show_default=False),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Let more be spent from now on: for good, for some time, or of one balance; less with a negative amount."""
    order = {**_amounts(amount, given), "for": how_long, "raise": given["end"], **_whose(given), "why": why}
    what = "raise"
    if given["end"] is not None:
        what = "end"
        if any(order[name] is not None for name in ("amount_usd", "amount_requests", "for", "values")):
            fail("--end ends the raise of this number: give no more than --why with it", USAGE)
    elif order["amount_usd"] is None and order["amount_requests"] is None:
        fail(_ONE_AMOUNT, USAGE)
    _change(config, budget, what, order, as_json=as_json)


@app.command("reset")
@with_options(_WHOSE)
def reset(budget: Id, why: Why, config: ConfigFile = None, as_json: AsJson = False, **given: Any) -> None:
    """Let what was spent in this window count no more."""
    _change(config, budget, "reset", {**_whose(given), "why": why}, as_json=as_json)


@app.command("correct", context_settings=_WITH_AMOUNT)
@with_options({**_REQUESTS, "at": Offered(str, "WHEN", "When it was spent: 2h (ago), or a time."), **_WHOSE})
def correct(
    budget: Id, why: Why, amount: Amount = None, config: ConfigFile = None, as_json: AsJson = False, **given: Any
) -> None:
    """Add to what was spent, or take from it with a negative amount: a cost that was recorded was wrong."""
    at_ms = instant("at", given["at"])
    at = None if at_ms is None else stamp(at_ms / 1000)
    order = {**_amounts(amount, given), "at": at, **_whose(given), "why": why}
    if order["amount_usd"] is None and order["amount_requests"] is None:
        fail(_ONE_AMOUNT, USAGE)
    _change(config, budget, "correct", order, as_json=as_json)


@app.command("acknowledge")
@with_options({"who": _WHOSE["who"]})
def acknowledge(
    model: Annotated[str, typer.Argument(metavar="PROVIDER/MODEL", help="As `tollway budget list` names it.")],
    why: Why,
    config: ConfigFile = None,
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Let strict budgets use a model again that cost more than its bound: its bound or prices are corrected."""
    answer = _port(config).post(f"{PATH}/acknowledge", {"model": model, "who": _who(given), "why": why})
    if as_json:
        print_json_line(answer)
    else:
        typer.echo(printable(f"strict budgets use {model} again from now on"))
        show_barred(answer["barred"])


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
            typer.echo(printable(standing_sentence(budget, balance)))


def _port(config: Any) -> AdminPort:
    return AdminPort(config, OPTIONS)


def _path(budget: str) -> str:
    owner, slash, name = budget.partition("/")
    if not slash or not owner or not name or "/" in name:
        fail(f"ID: '{budget}' is no budget's id; they are TEAM/NAME: see `tollway budget list`", USAGE)
    return f"{PATH}/{quote(owner, safe='')}/{quote(name, safe='')}"


def _amounts(amount: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if amount is not None and given["requests"] is not None:
        fail(_ONE_AMOUNT, USAGE)
    return {"amount_usd": amount, "amount_requests": given["requests"]}


def _whose(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read whose balance is meant, None: nobody said; and who does it."""
    written = [*(given["value"] or ()), *([f"user={given['user']}"] if given["user"] is not None else [])]
    values: object = "shared"
    if written != ["shared"]:
        wrong = next((each for each in written if "=" not in each), None)
        if wrong is not None:
            fail(f"--value: NAME=VALUE such as user=ann, or shared alone; not '{wrong}'", USAGE)
        values = dict(each.split("=", 1) for each in written) or None
    return {"values": values, "who": _who(given)}


def _who(given: Mapping[str, Any]) -> str:
    return given["who"] if given["who"] is not None else _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        fail("--who: this system does not say who you are, so say it", USAGE)
