"""How do budgets look to people? Tables of balances, leases, raises, and of what was done to them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from rich.text import Text

from gateway.cli.output import Cell, console, print_facts, table

COLUMNS: Final = ("BUDGET", "WINDOW", "SPENT", "OF", "USED", "LEFT", "RESERVED", "RESETS IN")
NUMBERS: Final = frozenset({"SPENT", "OF", "LEFT", "RESERVED", "AMOUNT"})
CELLS: Final = 10  # of a bar
_STYLES: Final = ((100, "red"), (80, "yellow"), (0, "green"))
_CENTS: Final = Decimal("0.01")
_FINE: Final = Decimal("0.0001")

Shown = Mapping[str, Any]


def show_list(budgets: Sequence[Shown], now: datetime) -> None:
    """Print all budgets, each with its busiest balances."""
    rows: list[tuple[Cell, ...]] = []
    more = []
    for one in budgets:
        rows += _rows(one, now)
        if (hidden := one["balance_count"] - len(one["balances"])) > 0:
            more.append(f"{one['id']} has {hidden:,} more balances: `tollway budget show {one['id']}`")
    console().print(table(COLUMNS, rows, right=NUMBERS))
    for line in more:
        console().print(line, style="dim", markup=False)


def show_one(one: Shown, now: datetime) -> None:
    """Print everything about a budget."""
    out = console()
    print_facts(_facts(one))
    if one["balances"]:
        out.print()
        out.print(table(COLUMNS, _rows(one, now), right=NUMBERS))
    if (hidden := one["balance_count"] - len(one["balances"])) > 0:
        out.print(f"{hidden:,} more balances are less busy: see them with --limit", style="dim")
    sections = (
        (("WORKER", "BALANCE", "SPENT", "RESERVED", "CONNECTED"), [*_leases(one)]),
        (("RAISE", "BALANCE", "AMOUNT", "UNTIL", "WHO", "WHY"), [*map(_raise, one["raises"])]),
        (("DONE (UTC)", "WHAT", "BALANCE", "AMOUNT", "UNTIL", "WHO", "WHY"), [*map(_deed, one["trail"])]),
    )
    for columns, rows in sections:
        if rows:
            out.print()
            out.print(table(columns, rows, right=NUMBERS))


def show_barred(barred: Sequence[Shown]) -> None:
    """Print which models strict budgets refuse, and what to do about it."""
    if not barred:
        return
    out = console()
    rows = [(one["model"], one["at"][:19].replace("T", " "), one["exchange"], *_crossed(one)) for one in barred]
    out.print()
    out.print("Strict budgets refuse these models: an answer cost more than was thought possible.", style="red")
    out.print(table(("MODEL", "SINCE (UTC)", "EXCHANGE", "COST", "BOUND"), rows, right=frozenset({"COST", "BOUND"})))
    out.print("Correct the bound or the prices, then: tollway budget acknowledge PROVIDER/MODEL --why …", style="dim")


def deed_sentence(deed: Shown) -> str:
    """Say what was done."""
    what = {
        "raise": f"{_signed(deed)} from now on{_until(deed)} (raise {deed['id']})",
        "end": f"a raise was ended: {_signed(deed)}",
        "reset": f"reset: {_signed(deed)} spent",
        "correct": f"corrected: {_signed(deed)} spent",
    }[deed["what"]]
    return f"{deed['budget']}{', each balance' if deed['every'] else _whose(deed)}: {what}"


def standing_sentence(budget: str, balance: Shown) -> str:
    """Say how a balance of a budget stands."""
    return (
        f"{budget}{_whose(balance)} now: {_amount(balance, 'spent')} of {_amount(balance, 'limit')} spent, "
        f"{_amount(balance, 'left')} left, {_amount(balance, 'reserved')} with workers"
    )


def bar(percent: float | None) -> Text:
    """Draw how much of a limit is spent."""
    if percent is None:
        return Text("no limit left", style="red")
    full = min(CELLS, max(0, int(percent * CELLS / 100)))
    style = next((style for least, style in _STYLES if percent >= least), "green")
    return Text(f"{'█' * full}{'░' * (CELLS - full)} {int(percent)} %", style=style)


def money(usd: str) -> str:
    """Write USD for people: whole cents, of small amounts some digits more; `--json` has all of them."""
    amount = Decimal(usd)
    fine = amount.quantize(_FINE, ROUND_HALF_UP)
    cents = fine.quantize(_CENTS, ROUND_HALF_UP)
    text = f"{(cents if cents == fine else fine) or abs(cents):,f}"
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def _facts(one: Shown) -> Iterator[tuple[str, str]]:
    yield "budget", f"{one['id']}, {one['mode']}"
    limits = [_amount(one, "limit", unit) for unit in ("usd", "requests") if f"limit_{unit}" in one]
    each = f", for each {' and '.join(one['per'])}" if one["per"] else ""
    yield "limit", f"{' and '.join(limits)}{each}"
    zone = f" ({one['timezone']})" if one["window_end"] else ""
    since = f", since {one['window_start']}" if one["window_start"] else ""
    until = f", until {one['window_end']}" if one["window_end"] else ""
    yield "window", f"{one['window']}{zone}{since}{until}"


def _rows(one: Shown, now: datetime) -> Iterator[tuple[Cell, ...]]:
    resets = _resets(one, now)
    if not one["balances"]:
        limits = [_amount(one, "limit", unit) for unit in ("usd", "requests") if f"limit_{unit}" in one]
        yield one["id"], one["window"], None, f"{' and '.join(limits)} each", None, None, None, resets
    for balance in one["balances"]:
        yield (
            f"{one['id']}{_whose(balance)}",
            one["window"],
            _amount(balance, "spent"),
            _amount(balance, "limit"),
            bar(balance["used_percent"]),
            _amount(balance, "left"),
            _amount(balance, "reserved"),
            resets,
        )


def _leases(one: Shown) -> Iterator[tuple[Cell, ...]]:
    for balance in one["balances"]:
        for lease in balance["leases"]:
            yield (
                lease["holder"],
                _balance(balance),
                _amount(lease, "spent", balance["unit"]),
                _amount(lease, "reserved", balance["unit"]),
                "yes" if lease["connected"] else Text("no: settled once its journal is read", style="yellow"),
            )


def _raise(one: Shown) -> tuple[Cell, ...]:
    until = one["until"] or "it is ended"
    return str(one["id"]), _balance(one), _signed(one), until, one["who"], one["why"]


def _crossed(one: Shown) -> tuple[str, str]:
    return _amount(one, "cost", "usd"), _amount(one, "bound", "usd")


def _deed(deed: Shown) -> tuple[Cell, ...]:
    return (
        deed["at"][:19].replace("T", " "),
        deed["what"],
        _balance(deed),
        _signed(deed),
        deed["until"],
        deed["who"],
        deed["why"],
    )


def _balance(named: Shown) -> str:
    return "all" if named["every"] else _whose(named).lstrip() or "-"


def _whose(named: Shown) -> str:
    """Say whose balance it is, to stand behind the budget's id; nothing where a budget has one alone."""
    if named["shared"]:
        return " (shared)"
    return "".join(f" {name}={value}" for name, value in named["values"].items())


def _until(deed: Shown) -> str:
    return f" until {deed['until']}" if deed["until"] else ""


def _resets(one: Shown, now: datetime) -> str:
    if one["resets_at"] is None:
        return "never"
    if one["window_end"] is None:
        return "as it rolls"
    return span(int((datetime.fromisoformat(one["resets_at"]).astimezone(UTC) - now).total_seconds()))


def span(seconds: int) -> str:
    """Write a length of time by its two largest units."""
    days, rest = divmod(max(0, seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def _signed(shown: Shown) -> str:
    text = _amount(shown, "amount")
    return text if text.startswith("-") else f"+{text}"


def _amount(shown: Shown, name: str, unit: str | None = None) -> str:
    """Write an amount in its unit."""
    if (unit or shown["unit"]) == "requests":
        number = shown[f"{name}_requests"]
        return f"{number:,} request{'' if abs(number) == 1 else 's'}"
    return money(shown[f"{name}_usd"])
