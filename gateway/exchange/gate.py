"""May a request go to the provider, as far as money is concerned? One gate for each worker; it outlives reloads.

A request holds its part of every balance that it touches at once, or nothing of any. One that comes short waits for the
ledger's answer, a few milliseconds, and is refused if that is no.
"""

from typing import Final

from gateway.core.record import Record
from gateway.exchange.admission import Admission
from gateway.exchange.books import Entry
from gateway.exchange.plan import Names, Plan, Planner
from gateway.exchange.way import Way
from gateway.ledger.holder import Holder
from gateway.ledger.interface import bar_name
from gateway.policies.bounds import Bounds, Unbounded
from gateway.policies.budget import Budget
from gateway.policies.expected import Expected, first_guess, first_tokens
from gateway.policies.refusing import bound_exceeded, unbounded
from gateway.policies.scope import Caller
from gateway.policies.snapshot import Snapshot
from gateway.wire.asked import is_free, read_asked
from gateway.wire.endpoint import Place
from gateway.wire.shapes import Fields

# What never makes a provider work for money: looking at things, and removing them.
_FREE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
_NANO: Final = 1_000_000_000


class Gate:
    """`guards`: whether there is any budget or limit at all.

    `at_once`, `asked`: how many requests came to it that could go at once, or had to ask the ledger.
    """

    __slots__ = ("_bounds", "_expected", "_names", "_planner", "asked", "at_once", "guards", "holder")

    _bounds: Bounds
    _planner: Planner

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self._names = Names()
        self.guards = False
        self.at_once = 0
        self.asked = 0
        self._expected = Expected()

    def use(self, snapshot: Snapshot) -> None:
        """Let requests through by this config from now on."""
        self.guards = len(snapshot.budgets.all) > 0 or len(snapshot.limits.all) > 0
        self.holder.workers = snapshot.server.workers
        self._names.keep(snapshot)
        self._planner = Planner(snapshot, self._names, self.holder.name)
        self._bounds = Bounds(snapshot.prices, snapshot.facts)

    def admission(
        self, entry: Entry, place: Place, way: Way, fields: Fields | None, body: bytes, size: int
    ) -> Admission | None:
        """Work out what a request must hold; None: nothing. Raises Refusal where there must be a bound and is none.

        `body`: as far as it was read before; `size`: its length, as far as that is known.
        """
        now_ns = entry.started_ns
        plan = way.plan
        if plan is None or not plan.fits(entry.record, now_ns):
            plan = way.plan = self._find(entry.record, place, way, now_ns)
        if not plan.shares:
            return None
        expected = self._expect(plan, size, fields, way, now_ns) if plan.guesses else 0
        bound = 0
        if plan.strict is not None:
            bound = entry.record.bound_nano_usd = self._bound(plan, plan.strict, place, way, body, now_ns)
        tokens = self._expect_tokens(plan, size, fields) if plan.tokens else 0
        return Admission(self.holder, plan, [expected, bound, 1, tokens], size, now_ns)

    def _find(self, record: Record, place: Place, way: Way, now_ns: int) -> Plan:
        caller = Caller(record.team, record.key, record.user, record.session)
        models = _names(record.model_requested, way.model or record.model_requested)
        costs = record.method not in _FREE_METHODS and not is_free(place.dialect, place.endpoint)
        plan = self._planner.plan(caller, models, way.provider.name, costs, now_ns)
        plan.learned = self._expected.of(caller.team, models[-1])
        return plan

    def _expect(self, plan: Plan, size: int, fields: Fields | None, way: Way, now_ns: int) -> int:
        """Return what such a request is expected to cost: something, so that no empty budget lets it by."""
        if way.provider.free:
            return 0
        expected = plan.learned.expect(size)
        if expected is None:
            found = way.prices.find(way.provider, None, plan.models[-1], {}, now_ns / _NANO)
            most = None if fields is None else fields.max_output_tokens
            expected = first_guess(size, most, found.schedule.base)
        return max(1, expected)

    def _expect_tokens(self, plan: Plan, size: int, fields: Fields | None) -> int:
        expected = plan.learned.expect_tokens(size)
        if expected is None:
            expected = first_tokens(size, None if fields is None else fields.max_output_tokens)
        return max(1, expected)

    def _bound(self, plan: Plan, budget: Budget, place: Place, way: Way, body: bytes, now_ns: int) -> int:
        barred = self.holder.barred
        if barred and (name := bar_name(way.provider.name, plan.models[-1])) in barred:
            raise bound_exceeded(budget, name)
        asked = read_asked(place.dialect, place.endpoint, body)
        found = self._bounds.upper(asked, way.provider, plan.models, now_ns / _NANO)
        if isinstance(found, Unbounded):
            raise unbounded(budget, found.reason)
        return found.nano_usd

    def most_output(self, admission: Admission, place: Place, way: Way, body: bytes) -> int | None:
        """Return the largest maximum of output tokens that would still fit; None: none would, or it would not help."""
        asked = read_asked(place.dialect, place.endpoint, body)
        models = admission.plan.models
        return self._bounds.shrink(asked, way.provider, models, admission.at_s, admission.left)


def _names(requested: str | None, asked: str | None) -> tuple[str, ...]:
    """List a model's names, the provider's own last; one that is not named has an empty one."""
    last = asked or ""
    return (last,) if requested is None or requested == last else (requested, last)
