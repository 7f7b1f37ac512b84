"""May a request go to the provider, as far as money is concerned? One gate for each worker; it outlives reloads.

A request holds its part of every balance that it touches at once, or nothing of any. One that comes short waits for the
ledger's answer, a few milliseconds, and is refused if that is no.
"""

from typing import Final

from gateway.exchange.admission import Admission
from gateway.exchange.books import Entry
from gateway.exchange.plan import Planner
from gateway.exchange.way import Way
from gateway.ledger.holder import Holder
from gateway.policies.bounds import Bounds, Unbounded
from gateway.policies.budget import Balances
from gateway.policies.expected import Expected, first_guess
from gateway.policies.refusing import unbounded
from gateway.policies.scope import Caller
from gateway.policies.snapshot import Snapshot
from gateway.wire.asked import is_free, read_asked
from gateway.wire.endpoint import Place
from gateway.wire.shapes import Fields

# What never makes a provider work for money: looking at things, and removing them.
_FREE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
_NANO: Final = 1_000_000_000


class Gate:
    """`guards`: whether there is any budget or limit at all."""

    __slots__ = ("_bounds", "_expected", "_planner", "balances", "guards", "holder")

    _bounds: Bounds
    _planner: Planner

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.balances = Balances()
        self.guards = False
        self._expected = Expected()

    def use(self, snapshot: Snapshot) -> None:
        """Let requests through by this config from now on."""
        self.guards = len(snapshot.budgets.all) > 0
        self.holder.workers = snapshot.server.workers
        self.balances.keep(snapshot.budgets)
        self._planner = Planner(snapshot, self.balances)
        self._bounds = Bounds(snapshot.prices, snapshot.facts)

    def admission(
        self, entry: Entry, place: Place, way: Way, fields: Fields | None, body: bytes, size: int
    ) -> Admission | None:
        """Work out what a request must hold; None: nothing. Raises Refusal where there must be a bound and is none.

        `body`: as far as it was read before; `size`: its length, as far as that is known.
        """
        record, now_ns = entry.record, entry.started_ns
        asked = way.model or record.model_requested
        models = _names(record.model_requested, asked)
        caller = Caller(record.team, record.key, record.user, record.session)
        costs = record.method not in _FREE_METHODS and not is_free(place.dialect, place.endpoint)
        plan = self._planner.plan(caller, models, way.provider.name, costs, now_ns)
        if not plan.shares:
            return None
        alike = (record.team, asked or "")
        expected = self._expect(alike, size, fields, way, now_ns)
        bound = 0
        if plan.strict is not None:
            found = self._bounds.upper(
                read_asked(place.dialect, place.endpoint, body), way.provider, models, now_ns / _NANO
            )
            if isinstance(found, Unbounded):
                raise unbounded(plan.strict, found.reason)
            bound = found.nano_usd
            record.bound_nano_usd = bound
        return Admission(self, plan, [expected, bound, 1], alike, size, now_ns)

    def _expect(self, alike: tuple[str, str], size: int, fields: Fields | None, way: Way, now_ns: int) -> int:
        """Return what such a request is expected to cost: something, so that no empty budget lets it by."""
        if way.provider.free:
            return 0
        team, model = alike
        expected = self._expected.expect(team, model, size)
        if expected is None:
            found = way.prices.find(way.provider, None, model, {}, now_ns / _NANO)
            most = None if fields is None else fields.max_output_tokens
            expected = first_guess(size, most, found.schedule.base)
        return max(1, expected)

    def learn(self, alike: tuple[str, str], size: int, cost_nano_usd: int) -> None:
        """Take in what a request did cost."""
        team, model = alike
        self._expected.learn(team, model, size, cost_nano_usd)


def _names(requested: str | None, asked: str | None) -> tuple[str, ...]:
    """List a model's names, the provider's own last; one that is not named has an empty one."""
    last = asked or ""
    return (last,) if requested is None or requested == last else (requested, last)
