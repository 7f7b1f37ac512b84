"""Which balances does a request touch, of which budgets, and how is its part of each measured?"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from gateway.core.clock import stamp
from gateway.core.record import Record
from gateway.exchange import charging
from gateway.ledger.account import Terms
from gateway.ledger.lease import MOST, Place
from gateway.policies.budget import REQUESTS, USD, Balances, Budget, Budgets
from gateway.policies.expected import Learned
from gateway.policies.limit import CONCURRENT, NANO_USD, PERIOD_S, Counted, Limit, Limits, Permits
from gateway.policies.limit import TOKENS as TOKENS_UNIT
from gateway.policies.scope import Caller, values
from gateway.policies.snapshot import Snapshot
from gateway.policies.windows import Window

# What a request is measured by: places in the amounts that its admission works out.
EXPECTED: Final = 0
BOUND: Final = 1
ONE: Final = 2
TOKENS: Final = 3

# Places in a row of `holds` (core.record.Hold).
HELD: Final = 3
CHARGED: Final = 4

CACHED_MOST: Final = 4_096  # users, sessions and models are the callers' to invent
# A budget that never refuses is lent out in portions of this size.
_TRACK_USD: Final = 1_000_000_000
_TRACK_REQUESTS: Final = 64
_NANO: Final = 1_000_000_000
_NUMBER: Final = b"\0"  # where one is to stand
_FOREVER_S: Final = 1 << 32
encode: Final = msgspec.json.Encoder().encode
_BY_MODE: Final = {"soft": EXPECTED, "track": EXPECTED, "strict": BOUND}
_BY_UNIT: Final = {
    REQUESTS: (ONE, charging.CALLED),
    TOKENS_UNIT: (TOKENS, charging.TOKENS),
    NANO_USD: (EXPECTED, charging.COST),
    CONCURRENT: (ONE, charging.NOTHING),
}


class Spans(NamedTuple):
    """From when until when no window ends, in whole seconds, and when the first budget in money begins anew."""

    from_s: int
    until_s: int
    resets_s: int | None

    def within(self, budget: Budget, at_s: float) -> "Spans":
        """Narrow them to a budget's window."""
        span = budget.window.span(at_s)
        resets_s = budget.window.resets_s(at_s) if budget.limit_nano_usd is not None else None
        if resets_s is None or (self.resets_s is not None and self.resets_s < resets_s):
            resets_s = self.resets_s
        return Spans(max(self.from_s, span.start_s), min(self.until_s, span.end_s), resets_s)


class Names:
    """How the balances of a worker's requests are called."""

    __slots__ = ("balances", "counted")

    def __init__(self) -> None:
        self.balances = Balances()
        self.counted = Counted()

    def keep(self, snapshot: Snapshot) -> None:
        """Forget budgets and limits that are gone."""
        self.balances.keep(snapshot.budgets)
        self.counted.keep(snapshot.limits)


class Share:
    """A request's part of one balance, of a budget or of a limit.

    `kind`: by which of its amounts it is measured, at most `most` of it; `charge`: by what it is charged in the end.
    `shown`: what is left of the balance is told to clients.
    """

    __slots__ = ("budget", "charge", "kind", "most", "permits", "shown", "terms", "values")

    def __init__(self, terms: Terms, kind: int, charge: int) -> None:
        self.terms = terms
        self.kind = kind
        self.charge = charge
        self.most = MOST
        self.budget: Budget | None = None
        self.values: tuple[str, ...] = ()
        self.permits: Permits | None = None
        self.shown = False


class Plan:
    """All shares of requests that are alike, for as long as no window ends: from `from_ns` until before `until_ns`.

    `shares`: those of budgets first, so many as `held`. `strict`: the first strict budget, which wants a bound.
    `drains`: an answer whose client left is read to its end; `stops`: a stream ends where there is no more money.
    `guesses`: something is held for an expected cost; `tokens`: for expected tokens.
    `begun`: what stands in the journal of all that budgets hold, behind a record's own members. `holds`: its rows, to
    be filled for each exchange that ends, and then `written`. `headers`: what stands before, between and behind the
    numbers that tell what is left of each balance that is shown: the least of those of budgets (`money`) first, if
    there is one, then each of those of limits (`permits`). `learned`: what such requests did cost.
    """

    __slots__ = (
        "_holder", "begun", "caller", "drains", "from_ns", "guesses", "headers", "held", "holds", "learned", "models",
        "money", "permits", "shares", "stops", "strict", "terms", "tokens", "until_ns",
    )  # fmt: skip

    def __init__(self, caller: Caller, models: tuple[str, ...], shares: list[Share], holder: str, spans: Spans) -> None:
        self.caller = caller
        self.models = models
        self.shares = shares
        self.terms = [share.terms for share in shares]
        self.from_ns = spans.from_s * _NANO
        self.until_ns = spans.until_s * _NANO
        budgets = [share.budget for share in shares if share.budget is not None]
        self.held = len(budgets)
        self.strict = next((share.budget for share in shares if share.kind == BOUND), None)
        self.drains = any(budget.on_disconnect == "drain" for budget in budgets)
        self.stops = any(budget.stops for budget in budgets)
        self.guesses = any(share.kind == EXPECTED for share in shares)
        self.tokens = any(share.kind == TOKENS for share in shares)
        self.holds = [_row(share) for share in shares[: self.held]]
        self._holder = b',"holder":%b,"holds":' % encode(holder)
        self.begun = self.written()
        shown = [at for at, share in enumerate(shares) if share.shown]
        self.money = [at for at in shown if at < self.held]
        self.permits = [at for at in shown if at >= self.held]
        self.headers = _headers(shares, len(self.money) > 0, spans.resets_s)
        self.learned = Learned()

    def written(self) -> bytes:
        """Write the members `holder` and `holds` of a record."""
        return self._holder + encode(self.holds) + b"}" if self.holds else b"}"

    def fits(self, record: Record, now_ns: int) -> bool:
        """Tell whether it is the plan of a request of the same key for the same model, too."""
        caller = self.caller
        return (
            self.from_ns <= now_ns < self.until_ns and record.user == caller.user and record.session == caller.session
        )


def _row(share: Share) -> list[str | int]:
    """Lay out a core.record.Hold of nothing."""
    return [*share.terms.place, REQUESTS if share.charge == charging.CALLED else USD, 0, 0]


def _headers(shares: Sequence[Share], shows_money: bool, resets_s: int | None) -> list[bytes]:
    lines = []
    if shows_money:
        lines.append(b"x-tollway-budget-left-usd: %b\r\n" % _NUMBER)
        if resets_s is not None:
            lines.append(b"x-tollway-budget-reset: %b\r\n" % stamp(resets_s).encode())
    for share in shares:
        if share.shown and share.permits is not None:
            quota = share.permits.quota
            name = quota.unit.encode()
            lines.append(b"x-tollway-limit-%b: %d\r\n" % (name, quota.most))
            lines.append(b"x-tollway-limit-remaining-%b: %b\r\n" % (name, _NUMBER))
    return b"".join(lines).split(_NUMBER)


class Planner:
    """Make the plans of one snapshot, and remember them. `names` are the worker's, and outlive it."""

    __slots__ = ("_budgets", "_holder", "_limits", "_names", "_plans")

    def __init__(self, snapshot: Snapshot, names: Names, holder: str) -> None:
        self._budgets: Budgets = snapshot.budgets
        self._limits: Limits = snapshot.limits
        self._holder = holder
        self._names = names
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
        spans = Spans(0, _FOREVER_S, None)
        for budget in self._budgets.applying(caller, models, provider) if costs else ():
            spans = spans.within(budget, at_s)
            shares += self._of_budget(budget, values(budget.per, caller, models[-1], provider), at_s)
        limits = self._limits.applying(caller, models, provider)
        if limits:
            from_s = int(at_s // PERIOD_S * PERIOD_S)
            spans = spans._replace(from_s=max(spans.from_s, from_s), until_s=min(spans.until_s, from_s + PERIOD_S))
        for limit in limits:
            shares += self._of_limit(limit, values(limit.per, caller, models[-1], provider), costs, at_s)
        _show_tightest(shares)
        return Plan(caller, models, shares, self._holder, spans)

    def _of_budget(self, budget: Budget, parted: tuple[str, ...], at_s: float) -> Iterator[Share]:
        names = self._names.balances.series(budget, parted, at_s)
        for name, (unit, limit) in zip(names, budget.limits, strict=True):
            kind, charge = (_BY_MODE[budget.mode], charging.COST) if unit == USD else (ONE, charging.CALLED)
            share = Share(_terms(name, budget, unit, limit, at_s), kind, charge)
            share.budget = budget
            share.values = parted
            share.shown = unit == USD and budget.mode != "track"
            yield share

    def _of_limit(self, limit: Limit, parted: tuple[str, ...], costs: bool, at_s: float) -> Iterator[Share]:
        for permits in self._names.counted.permits(limit, parted, at_s):
            kind, charge = _BY_UNIT[permits.quota.unit]
            if kind == ONE or costs:
                share = Share(Terms.of_rate(permits.series, permits.quota.rate), kind, charge)
                share.permits = permits
                share.most = permits.quota.fitting(MOST)
                yield share


def _show_tightest(shares: Sequence[Share]) -> None:
    """Of the limits on requests, and of those on tokens, show the one that lets least through at once."""
    for unit in (REQUESTS, TOKENS_UNIT):
        alike = [share for share in shares if share.permits is not None and share.permits.quota.unit == unit]
        if alike:
            min(alike, key=lambda share: share.terms.limit).shown = True


def _terms(name: str, budget: Budget, unit: str, limit: int, at_s: float) -> Terms:
    window = budget.window
    most = MOST
    if budget.mode == "track":
        limit = MOST
        most = _TRACK_USD if unit == USD else _TRACK_REQUESTS
    place = Place(name, window.span(at_s).start_s)
    slack = {"deny": 0, "allow": MOST, "slack": budget.slack_nano_usd if unit == USD else 0}[budget.on_authority_loss]
    terms = Terms(place, window.reach(at_s), _over_s(window, at_s), limit, most=most, slack=slack)
    terms.partial = unit == USD and budget.mode == "soft"
    return terms


def _over_s(window: Window, at_s: float) -> int:
    """Say from when on a balance counts no more: of a rolling window it does for its whole length."""
    return min(window.span(at_s).end_s + window.length_s, MOST)
