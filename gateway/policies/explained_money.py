"""Which balances did an exchange touch, and which limits held for it? What its record tells, and the config of now."""

from typing import Any, NamedTuple

from gateway.core.clock import stamp
from gateway.core.ids import started_ms
from gateway.core.money import usd_text
from gateway.core.record import Hold, Record
from gateway.policies import series as names
from gateway.policies.budget import REQUESTS, Budget, Budgets, series
from gateway.policies.limit import NANO_USD, Limit, Limits
from gateway.policies.scope import Caller, part_name, values
from gateway.policies.windows import END_OF_TIME_S


class Kept(NamedTuple):
    """One balance. `hold`: what its record says of it; None: nothing was held, the request was refused.

    `budget`: as it is configured now; None: no longer. `limit`: of it, without raises. `ends_s`: when the window of
    then ends; `resets_s`: when what was spent then is free again. None: never, or nobody knows.
    """

    series: names.Series
    name: str
    hold: Hold | None
    start_s: int
    budget: Budget | None
    limit: int | None
    ends_s: int | None
    resets_s: int | None

    @property
    def owner(self) -> str:
        """Whose budget it is: a team's name, or `company`."""
        return self.series.budget.partition("/")[0]


class Bound(NamedTuple):
    """A limit that holds for such requests by the config of now. `part`: whose share of it (`?user=ann`)."""

    limit: Limit
    part: str


class Asked(NamedTuple):
    """A request as budgets and limits see it: `models` are all names of its model, the provider's own last."""

    caller: Caller
    models: tuple[str, ...]
    provider: str
    at_s: float


def asked(record: Record, provider: str | None, model: str | None) -> Asked:
    """Say who asked for what of whom. `provider`, `model`: where it went, or would go."""
    caller = Caller(record.team, record.key, record.user, record.session)
    last, requested = model or record.model_requested or "", record.model_requested
    models = (last,) if requested is None or requested == last else (requested, last)
    return Asked(caller, models, provider or "", started_ms(record.id) / 1000)


def held(record: Record, one: Asked, budgets: Budgets) -> list[Kept]:
    """List the balances of which something was held."""
    known = {budget.id: budget for budget in budgets.all}
    return [_kept(hold.series, hold, known, one.at_s) for hold in record.holds]


def untouched(one: Asked, budgets: Budgets) -> list[Kept]:
    """List the balances that a request would have needed which was refused: nothing is held of any then."""
    found = budgets.applying(one.caller, one.models, one.provider)
    known = {budget.id: budget for budget in found}
    return [
        _kept(series(budget, unit, values(budget.per, one.caller, one.models[-1], one.provider)), None, known, one.at_s)
        for budget in found
        for unit, _ in budget.limits
    ]


def limits(one: Asked, configured: Limits) -> list[Bound]:
    """List the limits that hold for such a request. No record tells: what they count is given back soon."""
    return [
        Bound(limit, part_name(limit.per, values(limit.per, one.caller, one.models[-1], one.provider)))
        for limit in configured.applying(one.caller, one.models, one.provider)
    ]


def _kept(name: str, hold: Hold | None, known: dict[str, Budget], at_s: float) -> Kept:
    read = names.read(name)
    budget = known.get(read.budget)
    limit = None if budget is None else dict(budget.limits).get(read.unit)
    if budget is None or limit is None:
        return Kept(read, name, hold, hold.start_s if hold else 0, None, None, None, None)
    span = budget.window.span(at_s)
    start_s = span.start_s if hold is None else hold.start_s
    if start_s != span.start_s:  # another window than then: what the record says of it, nobody can tell any more
        return Kept(read, name, hold, start_s, budget, limit, None, None)
    rolls = bool(budget.window.length_s) or span.end_s >= END_OF_TIME_S
    return Kept(read, name, hold, start_s, budget, limit, None if rolls else span.end_s, budget.window.resets_s(at_s))


def public_kept(one: Kept) -> dict[str, Any]:
    """Shape a balance: what its record says, and under `configured` what the config of now does."""
    amounts: dict[str, Any] = {}
    for name in ("held", "charged", "late"):
        amounts |= _amount(name, one.series.unit, getattr(one.hold, name, None))
    return {
        "balance": one.name,
        "budget": one.series.budget,
        "owner": one.owner,
        "unit": one.series.unit,
        "values": {} if one.series.shared else one.series.values,
        "shared": one.series.shared,
        "window_start": _instant(one.start_s),
        **amounts,
        "configured": _public_budget(one),
    }


def public_bound(one: Bound) -> dict[str, Any]:
    """Shape a limit."""
    limit = one.limit
    return {
        "limit": limit.id,
        "owner": limit.id.partition("/")[0],
        "part": one.part.removeprefix("?") or None,
        **{
            quota.setting: usd_text(quota.most) if quota.unit == NANO_USD else quota.most
            for quota in limit.counted
        },
    }  # fmt: skip


def _public_budget(one: Kept) -> dict[str, Any] | None:
    budget = one.budget
    if budget is None:
        return None
    return {
        "mode": budget.mode,
        "per": list(budget.per),
        "window": budget.window.kind,
        "timezone": str(budget.window.zone),
        **_amount("limit", one.series.unit, one.limit),
        "window_end": _instant(one.ends_s),
        "resets_at": _instant(one.resets_s),
        "on_exceeded": "refuse" if budget.fallback is None else f"fallback:{budget.fallback}",
    }


def _amount(name: str, unit: str, amount: int | None) -> dict[str, Any]:
    if unit == REQUESTS:
        return {f"{name}_requests": amount}
    return {f"{name}_nano_usd": amount, f"{name}_usd": None if amount is None else usd_text(amount)}


def _instant(at_s: int | None) -> str | None:
    return stamp(at_s) if at_s is not None and 0 < at_s < END_OF_TIME_S else None
