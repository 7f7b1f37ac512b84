"""A request does not fit into a budget: is there another way to serve it that the budget's owner wants?

A smaller maximum of output tokens (`budget_fit`), or another route (`on_exceeded`). It must fit, too.
"""

from typing import NamedTuple

from gateway.exchange.admission import Admission
from gateway.exchange.destination import check_price, fallback_way
from gateway.exchange.gate import Gate
from gateway.exchange.introduction import Introduction
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way
from gateway.policies.budget import Budget
from gateway.policies.routing import Choice, Target
from gateway.wire.endpoint import Place
from gateway.wire.fit import with_max_output


class Refit(NamedTuple):
    """What to send instead, and where."""

    way: Way
    body: bytes


def refit(
    gate: Gate, admission: Admission, intro: Introduction, serving: Serving, now: Refit, draw: float
) -> Refit | None:
    """Find what could be sent instead of `now`, which was refused; None: nothing. Raises Refusal.

    `draw` in [0, 1) picks among the targets of a route.
    """
    budget = admission.exceeded
    place = intro.place
    if budget is None or place is None:
        return None
    if budget.budget_fit == "shrink_max_tokens":
        most = gate.most_output(admission, place, now.way, now.body)
        body = None if most is None else _shrunk(place, now, admission, most)
        if body is not None:
            return Refit(_told(now.way, b"x-tollway-max-tokens: %d\r\n" % (most or 0)), body)
    return _fallback(budget, intro, serving, now, draw, admission.at_s)


def _shrunk(place: Place, now: Refit, admission: Admission, most: int) -> bytes | None:
    return with_max_output(place.dialect, place.endpoint.name, admission.plan.models[-1], now.body, most)


def _told(way: Way, line: bytes) -> Way:
    """Make the same way, with a header that says what was changed."""
    chosen = Choice(way.route, (Target(way.provider, way.model),))
    return Way(chosen, way.lane, way.own_lines + line, way.prices, way.slot)


def _fallback(
    budget: Budget, intro: Introduction, serving: Serving, now: Refit, draw: float, at_s: float
) -> Refit | None:
    if budget.fallback is None or now.way.route == budget.fallback:
        return None
    way = fallback_way(intro, serving, budget.fallback, draw)
    if way is None:
        return None
    if way.prices.may_deny:
        check_price(way, budget.fallback, at_s)
    return Refit(way, now.body)
