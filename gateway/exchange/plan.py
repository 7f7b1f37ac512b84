"""Which balances does a request touch, of which budgets, and how is its part of each measured?"""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.core.clock import stamp
from gateway.core.record import Record
from gateway.ledger.account import Terms
from gateway.ledger.lease import MOST, Place
from gateway.policies.budget import USD, Balances, Budget, Budgets
from gateway.policies.scope import Caller, values
from gateway.policies.snapshot import Snapshot
from gateway.policies.windows import Span, Window

# What a request is measured by: places in the amounts that its admission works out.
EXPECTED: Final = 0
BOUND: Final = 1
ONE: Final = 2

CACHED_MOST: Final = 4_096  # users, sessions and models are the callers' to invent
# A budget that never refuses is lent out in portions of this size.
_TRACK_USD: Final = 1_000_000_000
_TRACK_REQUESTS: Final = 64
_NANO: Final = 1_000_000_000
_FOREVER_S: Final = 1 << 32
encode: Final = msgspec.json.Encoder().encode
_BY_MODE: Final = {"soft": EXPECTED, "track": EXPECTED, "strict": BOUND}


class Share:
    """A request's part of one balance. `kind`: by which of its amounts it is measured; `unit`: usd | requests.

    `shown`: what is left of it is told to clients.
    """

    __slots__ = ("budget", "kind", "shown", "terms", "unit", "values")

    def __init__(self, terms: Terms, kind: int, unit: str, budget: Budget, values: tuple[str, ...]) -> None:
        self.terms = terms
        self.kind = kind
        self.unit = unit
        self.budget = budget
        self.values = values
        self.shown = unit == USD and budget.mode != "track"


class Plan:
    """All shares of requests that are alike, for as long as no window ends: from `from_ns` until before `until_ns`.

    `strict`: the first strict budget, which wants a bound. `drains`: an answer whose client left is read to its end.
    `guesses`: something is held for an expected cost. `begun`, `ended`: what stands in the journal of all its holds,
    to be written behind a record's own members; `ended` has a place for what was held and charged of each share.
    """

    __slots__ = (
        "begun", "caller", "drains", "ended", "from_ns", "guesses", "models", "reset_line", "shares", "strict",
        "until_ns",
    )  # fmt: skip

    def __init__(
        self, caller: Caller, models: tuple[str, ...], shares: list[Share], holder: str, span: Span, reset_line: bytes
    ) -> None:
        self.caller = caller
        self.models = models
        self.shares = shares
        self.from_ns = span.start_s * _NANO
        self.until_ns = span.end_s * _NANO
        self.reset_line = reset_line
        self.strict = next((share.budget for share in shares if share.kind == BOUND), None)
        self.drains = any(share.budget.on_disconnect == "drain" for share in shares)
        self.guesses = any(share.kind == EXPECTED for share in shares)
        self.ended = _members(shares, holder)
        self.begun = self.ended % tuple([0] * (2 * len(shares)))

    def fits(self, record: Record, now_ns: int) -> bool:
        """Tell whether it is the plan of a request of the same key for the same model, too."""
        caller = self.caller
        return (
            self.from_ns <= now_ns < self.until_ns and record.user == caller.user and record.session == caller.session
        )


def _members(shares: Sequence[Share], holder: str) -> bytes:
    """Lay out the members `holder` and `holds` of a record (core.record.Hold), the amounts left open."""
    if not shares:
        return b"}"
    heads = [encode([*share.terms.place, share.unit])[:-1].replace(b"%", b"%%") + b",%d,%d]" for share in shares]
    return b',"holder":%b,"holds":[%b]}' % (encode(holder), b",".join(heads))


class Planner:
    """Make the plans of one snapshot, and remember them. `balances` is the worker's, and outlives it."""

    __slots__ = ("_balances", "_budgets", "_holder", "_plans")

    def __init__(self, snapshot: Snapshot, balances: Balances, holder: str) -> None:
        self._budgets: Budgets = snapshot.budgets
        self._holder = holder
        self._balances = balances
        self._plans: dict[tuple[Caller, tuple[str, ...], str, bool], Plan] = {}

    def plan(self, caller: Caller, models: tuple[str, ...], provider: str, costs: bool, now_ns: int) -> Plan:
        """Return what a request touches. `models`: every name of its model; `costs`: whether it can cost anything."""
        key = (caller, models, provider, costs)
        plan = self._plans.get(key)
        if plan is None or not plan.from_ns <= now_ns < plan.until_ns:
            if plan is None and len(self._plans) >= CACHED_MOST:
                self._plans.clear()
            plan = self._plans[key] = self._make(caller, models, provider, costs, now_ns)
        return plan

    def _make(self, caller: Caller, models: tuple[str, ...], provider: str, costs: bool, now_ns: int) -> Plan:
        shares: list[Share] = []
        at_s = now_ns / _NANO
        from_s, until_s = 0, _FOREVER_S
        resets: list[int] = []
        for budget in self._budgets.applying(caller, models, provider) if costs else ():
            span = budget.window.span(at_s)
            from_s, until_s = max(from_s, span.start_s), min(until_s, span.end_s)
            if budget.limit_nano_usd is not None and (resets_s := budget.window.resets_s(at_s)) is not None:
                resets.append(resets_s)
            shares += self._of_budget(budget, values(budget.per, caller, models[-1], provider), at_s)
        line = b"x-tollway-budget-reset: %b\r\n" % stamp(min(resets)).encode() if resets else b""
        return Plan(caller, models, shares, self._holder, Span(from_s, until_s), line)

    def _of_budget(self, budget: Budget, parted: tuple[str, ...], at_s: float) -> list[Share]:
        names = self._balances.series(budget, parted, at_s)
        shares = []
        for name, (unit, limit) in zip(names, budget.limits, strict=True):
            terms = _terms(name, budget, unit, limit, at_s)
            kind = _BY_MODE[budget.mode] if unit == USD else ONE
            shares.append(Share(terms, kind, unit, budget, parted))
        return shares


def _terms(name: str, budget: Budget, unit: str, limit: int, at_s: float) -> Terms:
    window = budget.window
    most = MOST
    if budget.mode == "track":
        limit = MOST
        most = _TRACK_USD if unit == USD else _TRACK_REQUESTS
    place = Place(name, window.span(at_s).start_s)
    slack = {"deny": 0, "allow": MOST, "slack": budget.slack_nano_usd if unit == USD else 0}[budget.on_authority_loss]
    return Terms(place, window.reach(at_s), _over_s(window, at_s), limit, most=most, slack=slack)


def _over_s(window: Window, at_s: float) -> int:
    """Say from when on a balance counts no more: of a rolling window it does for its whole length."""
    return min(window.span(at_s).end_s + window.length_s, MOST)
