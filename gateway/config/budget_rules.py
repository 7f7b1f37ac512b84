"""What of a budget or a limit does not fit together, or would have no effect? Said before anybody relies on it."""

from collections.abc import Collection, Iterator, Sequence

from gateway.config.budgets import RATES, budget_name, limit_name
from gateway.config.model import Budget, Limit, Scoped
from gateway.config.problems import suggestion
from gateway.policies.budget import COMPANY

Found = Iterator[tuple[str, str]]


def broken_budgets(budgets: Sequence[Budget], team: str | None, routes: Collection[str]) -> Found:
    """Give (place, sentence) for each problem of a file's budgets. `team`: whose file it is, None: the company's."""
    yield from _names([budget_name(section) for section in budgets], "budgets", team)
    for at, budget in enumerate(budgets):
        where = f"budgets[{at}]"
        if budget.limit_usd is None and budget.limit_requests is None:
            yield where, "needs limit_usd, limit_requests, or both"
        yield from _scope(where, budget, team)
        yield from _effect(where, budget)
        _, colon, route = budget.on_exceeded.partition(":")
        if colon and route not in routes:
            hint = suggestion(route, routes) or f" Configured: {', '.join(routes) or 'none'}."
            yield f"{where}.on_exceeded", f"there is no route '{route}'.{hint}"


def broken_limits(limits: Sequence[Limit], team: str | None) -> Found:
    """Do the same for a file's limits."""
    yield from _names([limit_name(at, section) for at, section in enumerate(limits)], "limits", team)
    for at, limit in enumerate(limits):
        where = f"limits[{at}]"
        rates = [setting for setting in RATES if getattr(limit, setting) is not None]
        if not rates and limit.concurrent is None:
            yield where, f"needs one of {', '.join(RATES)}, concurrent"
        if limit.burst is not None and not rates:
            yield f"{where}.burst", "has no effect without a rate: remove it"
        yield from _scope(where, limit, team)


def _names(names: Sequence[str], table: str, team: str | None) -> Found:
    if names and team == COMPANY:
        yield table, f"are named '{COMPANY}/…' as those of the whole company are: rename this team"
    seen: dict[str, int] = {}
    for at, name in enumerate(names):
        if (first := seen.setdefault(name, at)) != at:
            yield f"{table}[{at}].name", f"'{name}' is already the name of {table}[{first}]: give it another"


def _scope(where: str, section: Scoped, team: str | None) -> Found:
    if team is not None and section.scope.team is not None:
        yield f"{where}.scope.team", f"what this file says holds for team '{team}' alone: remove it"
    if len(set(section.per)) != len(section.per):
        yield f"{where}.per", "names one thing twice"


def _effect(where: str, budget: Budget) -> Found:
    """Find settings that do nothing in this mode: somebody believes that they do."""
    for setting, value, modes in (
        ("midstream", "stop", ("soft",)),
        ("budget_fit", "shrink_max_tokens", ("strict",)),
    ):
        if getattr(budget, setting) == value and budget.mode not in modes:
            yield f"{where}.{setting}", f'"{value}" has an effect only with mode = "{modes[0]}"'
    if budget.limit_usd is None:
        if budget.budget_fit == "shrink_max_tokens":
            yield f"{where}.budget_fit", "has an effect only with limit_usd"
        if (budget.on_authority_loss or "").startswith("slack"):
            yield f"{where}.on_authority_loss", '"slack" is an amount of money: it needs limit_usd'
    if budget.mode == "track" and budget.on_exceeded != "refuse":
        yield f"{where}.on_exceeded", 'has no effect with mode = "track", which never refuses'
