"""From the sections on budgets, limits and models to what decisions use: amounts in integers, patterns compiled."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from gateway.config.model import Budget as BudgetSection
from gateway.config.model import Limit as LimitSection
from gateway.config.model import ModelFacts, Scoped
from gateway.core.money import nano_from_usd
from gateway.policies.budget import COMPANY, Budget, Budgets
from gateway.policies.limit import MINUTE_NS, NANO_USD, REQUESTS, SECOND_NS, TOKENS, Limit, Limits, Quota, Rate
from gateway.policies.model_facts import FactBook, Facts
from gateway.policies.patterns import Patterns
from gateway.policies.scope import DIMENSIONS, Scope
from gateway.policies.windows import parse

# Every rate: the unit that it counts, and its period.
RATES: Final = {
    "requests_per_second": (REQUESTS, SECOND_NS),
    "requests_per_minute": (REQUESTS, MINUTE_NS),
    "tokens_per_second": (TOKENS, SECOND_NS),
    "tokens_per_minute": (TOKENS, MINUTE_NS),
    "usd_per_second": (NANO_USD, SECOND_NS),
    "usd_per_minute": (NANO_USD, MINUTE_NS),
}


def compile_budgets(company: Sequence[BudgetSection], teams: Mapping[str, Sequence[BudgetSection]]) -> Budgets:
    """Compile all budgets, the company's first: each holds for what its own file may speak of."""
    return Budgets(
        [_budget(section, None) for section in company]
        + [_budget(section, team) for team, sections in teams.items() for section in sections]
    )


def compile_limits(company: Sequence[LimitSection], teams: Mapping[str, Sequence[LimitSection]]) -> Limits:
    """Compile all limits, in the same order."""
    return Limits(
        [_limit(at, section, None) for at, section in enumerate(company)]
        + [_limit(at, section, team) for team, sections in teams.items() for at, section in enumerate(sections)]
    )


def compile_facts(models: Mapping[str, ModelFacts]) -> FactBook:
    """Compile what config says of models, by name or pattern."""
    return FactBook(
        {
            name: Facts(
                max_output_tokens=section.max_output_tokens,
                context_window=section.context_window,
                max_image_tokens=section.max_image_tokens,
                strict_ceiling_nano_usd=_nano(section.strict_ceiling_usd),
            )
            for name, section in models.items()
        }
    )


def budget_name(section: BudgetSection) -> str:
    """Return a budget's name in its file; without one of its own it is called as its window."""
    return section.name or section.window.replace(":", "-")


def limit_name(at: int, section: LimitSection) -> str:
    """Return a limit's name in its file; without one of its own it is numbered."""
    return section.name or f"limit-{at + 1}"


def _budget(section: BudgetSection, team: str | None) -> Budget:
    kind, _, route = section.on_exceeded.partition(":")
    loss, _, slack = (section.on_authority_loss or _usual_loss(section.mode)).partition(":")
    return Budget(
        id=f"{team or COMPANY}/{budget_name(section)}",
        window=parse(section.window, section.timezone),
        limit_nano_usd=_nano(section.limit_usd),
        limit_requests=section.limit_requests,
        mode=section.mode,
        midstream=section.midstream,
        on_disconnect=section.on_disconnect,
        scope=_scope(section, team),
        per=tuple(section.per),
        max_balances=section.max_balances,
        fallback=route if kind == "fallback" else None,
        budget_fit=section.budget_fit,
        on_authority_loss=loss,
        slack_nano_usd=nano_from_usd(slack or "0"),
        thresholds=tuple(sorted(set(section.thresholds))),
        exceeded_status=section.exceeded_status,
    )


def _usual_loss(mode: str) -> str:
    """Return what becomes of requests while nobody hands out money: what only counts does not hold them up."""
    return "allow" if mode == "track" else "deny"


def _limit(at: int, section: LimitSection, team: str | None) -> Limit:
    return Limit(
        id=f"{team or COMPANY}/{limit_name(at, section)}",
        quotas=tuple(_quotas(section)),
        concurrent=section.concurrent,
        scope=_scope(section, team),
        per=tuple(section.per),
        max_balances=section.max_balances,
    )


def _quotas(section: LimitSection) -> Iterator[Quota]:
    for setting, (unit, per_ns) in RATES.items():
        amount = getattr(section, setting)
        if amount is None:
            continue
        whole = nano_from_usd(amount) if unit == NANO_USD else amount
        burst_ns = per_ns if section.burst is None else round(section.burst * SECOND_NS)
        # A burst below one would let nothing through, ever; no rate at all has none.
        yield Quota(setting, unit, Rate(whole, per_ns, max(1, whole * burst_ns // per_ns) if whole else 0))


def _scope(section: Scoped, team: str | None) -> Scope:
    """Compile a scope; what a team's file says holds for that team, whatever it says."""
    said = {name: getattr(section.scope, name) for name in DIMENSIONS}
    compiled = {name: Patterns(texts) for name, texts in said.items() if texts is not None}
    if team is not None:
        compiled["team"] = Patterns([team])  # no name of a team holds a wildcard
    return Scope(**compiled)


def _nano(usd: Decimal | None) -> int | None:
    return None if usd is None else nano_from_usd(usd)
