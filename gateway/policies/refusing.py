"""How is it said that a budget or a limit is in the way? Which one, whose, how much of it, until when, what helps."""

from typing import Final, NamedTuple

from gateway.core.clock import stamp
from gateway.core.errors import Advice, Refusal, Standing
from gateway.core.money import usd_text
from gateway.policies.budget import COMPANY, REQUESTS, USD, Budget
from gateway.policies.limit import CONCURRENT, SECOND_NS, Wait

_MS_NS: Final = 1_000_000
_WITHIN: Final = {"total": "in total", "day": "today"}
_WHEN_UNKNOWN_MS: Final = 1_000
_JITTER: Final = 5  # up to a fifth longer, so that those who wait do not all come back together
# Which limits' settings count what clients know as tokens; all others are to them a limit of requests.
_TOKENS: Final = frozenset(("tokens_per_minute", "tokens_per_second"))


class Spent(NamedTuple):
    """A balance that has no room. `unit`: usd | requests; `used` of `limit`; `needed` by this request at most."""

    unit: str
    used: int
    limit: int
    needed: int


def budget_exceeded(budget: Budget, spent: Spent, values: tuple[str, ...], at_s: float) -> Refusal:
    """Refuse for a budget. `values`: of its `per`, the balance's."""
    resets_s = budget.window.resets_s(at_s)
    left = max(0, spent.limit - spent.used)
    message = (
        f"Budget exceeded for {_whose(budget, values)}: {_amount(spent.unit, spent.used)} of "
        f"{_amount(spent.unit, spent.limit)} used {_within(budget.window.kind)}"
    )
    if left and spent.unit == USD:
        message += f", and this request may need {_amount(USD, spent.needed)}"
    until = "it never resets, whoever manages it can raise it"
    if resets_s is not None:
        # Of a rolling window something is free again before that.
        until = f"{'free again by' if budget.window.length_s else 'resets'} {stamp(resets_s)}"
    headers = [(b"x-tollway-budget", budget.id.encode())]
    if spent.unit == USD:
        headers.append((b"x-tollway-budget-left-usd", usd_text(left).encode()))
    if resets_s is not None:
        headers.append((b"x-tollway-budget-reset", stamp(resets_s).encode()))
    advice = Advice(status=budget.exceeded_status, resets_s=resets_s, headers=tuple(headers))
    return Refusal("budget_exceeded", f"{message}; {until}.", advice=advice)


def unbounded(budget: Budget, reason: str) -> Refusal:
    """Refuse a request of which nobody knows what it costs at most. `reason`: as the bound says it."""
    headers = ((b"x-tollway-budget", budget.id.encode()),)
    message = f"{reason} (The budget {budget.id} is strict.)"
    return Refusal("unbounded_request", message, advice=Advice(headers=headers))


def bound_exceeded(budget: Budget, name: str) -> Refusal:
    """Refuse a model (`provider/model`) whose bound did not hold, until somebody has seen to it."""
    headers = ((b"x-tollway-budget", budget.id.encode()),)
    message = (
        f"An answer of {name} cost more than was thought possible, and the budget {budget.id} is strict: it refuses "
        f'this model until an operator has corrected its bound ([models."{name.partition("/")[2]}"]) or prices, and '
        f"acknowledged that with `tollway budget acknowledge {name} --why …`."
    )
    return Refusal("bound_exceeded", message, param="model", advice=Advice(headers=headers))


def rate_limited(wait: Wait, at_s: float, draw: float) -> Refusal:
    """Refuse for a limit. `draw` in [0, 1) spreads those who wait."""
    wait_ms = -(-wait.wait_ns // _MS_NS) if wait.wait_ns is not None else _WHEN_UNKNOWN_MS
    spread_ms = wait_ms + int(wait_ms * draw / _JITTER)
    most = "at a time" if wait.setting == CONCURRENT else _rate_words(wait.setting)
    amount = usd_text(wait.most) if wait.setting.startswith("usd") else f"{wait.most:,}"
    whose = f"{wait.limit.id}{wait.part}"
    message = f"Rate limit reached for {whose}: {amount} {most}. Please try again in {_seconds(spread_ms)}."
    standing = None
    if wait.full_ns is not None and not wait.setting.startswith("usd"):
        unit = "tokens" if wait.setting in _TOKENS else "requests"
        full_at_s = int(at_s) + -(-wait.full_ns // SECOND_NS)
        standing = Standing(unit, wait.most, wait.left, -(-wait.full_ns // _MS_NS), full_at_s)
    headers = ((b"x-tollway-limit", f"{wait.limit.id} {wait.setting}".encode()),)
    return Refusal("rate_limited", message, advice=Advice(retry_after_ms=spread_ms, standing=standing, headers=headers))


def _whose(budget: Budget, values: tuple[str, ...]) -> str:
    """Name the owner, and whose part of the budget it is."""
    owner = "the company" if budget.owner == COMPANY else f"team '{budget.owner}'"
    parts = [f"{name} '{value}'" for name, value in zip(budget.per, values, strict=True)]
    return f"{', '.join([owner, *parts])} (budget {budget.id})"


def _within(kind: str) -> str:
    if kind in _WITHIN:
        return _WITHIN[kind]
    begin, colon, length = kind.partition(":")
    return f"in the last {length}" if colon else f"this {begin}"


def _amount(unit: str, amount: int) -> str:
    if unit == REQUESTS:
        return f"{amount:,} requests"
    whole, _, fraction = usd_text(amount).partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"


def _rate_words(setting: str) -> str:
    unit, _, period = setting.partition("_per_")
    return f"{'USD' if unit == 'usd' else unit} per {period}"


def _seconds(ms: int) -> str:
    """Write a wait as providers do: agents read it out of the message."""
    text = f"{ms / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{text}s"
