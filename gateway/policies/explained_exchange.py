"""What is there to tell of one exchange? Who, where and why, under which budgets and limits, at what cost."""

from typing import Any, NamedTuple

from gateway.core.record import Record, public
from gateway.policies.budget import Budgets
from gateway.policies.explained import Explained, explain, public_bill
from gateway.policies.explained_money import Bound, Kept, asked, held, limits, public_bound, public_kept, untouched
from gateway.policies.explained_trouble import Trouble, public_trouble, trouble
from gateway.policies.explained_way import Candidate, Reason, candidates, why
from gateway.policies.limit import Limits
from gateway.policies.listed import listed_prices
from gateway.policies.price_table import PriceList
from gateway.policies.rates import Schedule
from gateway.policies.routing import Routing

# We said no for want of money or permits: then it is worth knowing what would have been held of which balance.
_HELD_UP = frozenset({"budget_blocked", "rate_limited", "overloaded"})


class Now(NamedTuple):
    """The config of now, which may be another than that of then."""

    routing: Routing
    budgets: Budgets
    limits: Limits
    prices: PriceList


class Story(NamedTuple):
    """All that there is to tell. Of `candidates` and `limits` only the config of now knows."""

    record: Record
    reason: Reason
    candidates: list[Candidate]
    balances: list[Kept]
    limits: list[Bound]
    trouble: Trouble | None
    cost: Explained


def story(record: Record, now: Now) -> Story:
    """Tell it, from the record and the config of now."""
    others = candidates(record, now.routing)
    there = next((one for one in others if one.chosen), others[0] if others else None)
    request = asked(
        record,
        record.provider or (there.provider if there else None),
        record.model_asked if record.attempts else there.model if there else None,
    )
    wrong = trouble(record)
    held_up = wrong is not None and wrong.by == "tollway" and record.outcome in _HELD_UP and not record.holds
    return Story(
        record=record,
        reason=why(record, now.routing),
        candidates=others,
        balances=untouched(request, now.budgets) if held_up else held(record, request, now.budgets),
        limits=limits(request, now.limits) if request.provider else [],
        trouble=wrong,
        cost=explain(record, _listed(record, now)),
    )


def public_story(one: Story) -> dict[str, Any]:
    """Shape it for programs: the record, and what explains it."""
    return {
        **public(one.record),
        "why": one.reason._asdict(),
        "candidates": [each._asdict() for each in one.candidates],
        "balances": [public_kept(each) for each in one.balances],
        "limits": [public_bound(each) for each in one.limits],
        "trouble": public_trouble(one.trouble),
        "bill": public_bill(one.cost),
    }


def _listed(record: Record, now: Now) -> Schedule | None:
    """Ask the price list again, where the same one is in force."""
    provider = now.routing.provider(record.provider or "")
    if provider is None or record.price_source != "genai-prices" or now.prices.version != record.price_version:
        return None
    return listed_prices(record, provider, now.prices)
