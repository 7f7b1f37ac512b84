"""The way of a request to its provider, and what of it need not be worked out again for the next one like it."""

from urllib.parse import quote

from gateway.exchange.lanes import Lane
from gateway.exchange.plan import Plan
from gateway.metrics.board import Slot
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Choice


class Way:
    """`route`: the one that chose, if one did. `model`: what the provider is asked for, None: the request's own.

    `own_lines`: what Tollway's headers say of it. `prices`: where its cost comes from. `slot`: where it is counted.
    `plan`: which budgets the last request on it touched; the gate's.
    """

    __slots__ = ("lane", "model", "own_lines", "plan", "prices", "provider", "route", "slot")

    def __init__(self, choice: Choice, lane: Lane, own_lines: bytes, prices: PriceBook, slot: Slot) -> None:
        self.route = choice.route
        self.provider, self.model = choice.candidates[0]
        self.lane = lane
        self.own_lines = own_lines
        self.prices = prices
        self.slot = slot
        self.plan: Plan | None = None


def route_lines(choice: Choice, model: str | None) -> bytes:
    """Write the headers that say where a route sent a request that asked for `model`; none where no route did."""
    if choice.route is None:
        return b""
    target = choice.candidates[0]
    values = (choice.route, target.provider.name, target.model or model or "")
    named = tuple(quote(value, safe="/:@+ ").encode() for value in values)
    return b"x-tollway-route: %b\r\nx-tollway-provider: %b\r\nx-tollway-model: %b\r\n" % named
