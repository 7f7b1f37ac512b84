"""No crash, delay, repetition or reordering lets holders spend more than the limit, and nothing stays lost."""

from copy import deepcopy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from gateway.ledger.account import Account
from gateway.ledger.lease import Ask, Balance, Books, Grant, Lease, Place, Stale

PLACE = Place("search/daily", 0)


def ask(holder: str, number: int, *, back: int = 0, debt: int = 0, need: int = 0, want: int = 0) -> Ask:
    """Make an ask about PLACE."""
    return Ask(PLACE.series, PLACE.start_s, PLACE.start_s, holder, number, back, debt, need, want)


def test_a_grant_is_what_is_wanted_or_what_there_is() -> None:
    """As long as that is enough for the request that waits."""
    books = Books()

    assert Grant("search/daily", 0, 1, 60, 60, 40) == books.ask(ask("a", 1, want=60), 100)
    assert Grant("search/daily", 0, 1, 0, 0, 40) == books.ask(ask("b", 1, need=41, want=60), 100)
    assert Grant("search/daily", 0, 2, 40, 40, 0) == books.ask(ask("b", 2, need=40, want=60), 100)


def test_an_ask_that_comes_twice_is_granted_once() -> None:
    """And one that comes late has no answer."""
    books = Books()
    first = books.ask(ask("a", 1, want=60), 100)

    assert first == books.ask(ask("a", 1, want=60), 100)
    books.ask(ask("a", 2, want=10), 100)
    with pytest.raises(Stale):
        books.ask(ask("a", 1, want=60), 100)
    assert 30 == books.room("search/daily", 0, 100)


def test_a_debt_is_charged_beyond_the_limit_and_stops_every_grant() -> None:
    """Until the limit is raised or somebody gives money back."""
    books = Books()
    books.ask(ask("a", 1, want=100), 100)

    grant = books.ask(ask("a", 2, debt=30, want=10), 100)

    assert (130, 0, -30) == (grant.granted, grant.added, grant.room)
    assert 0 == books.ask(ask("b", 1, want=10), 100).added
    assert 10 == books.ask(ask("b", 2, want=10), 140).added


def test_a_holder_that_is_gone_gets_nothing_more() -> None:
    """What it left in the wire must not make a lease that nobody will ever close."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.close("a", {PLACE: 25})
    books.close("a", {PLACE: 25})

    with pytest.raises(Stale):
        books.ask(ask("a", 2, want=60), 100)
    assert 75 == books.room("search/daily", 0, 100)
    assert set() == books.holders()


def test_spans_within_reach_count_together() -> None:
    """Buckets of a rolling window: those out of reach are free again."""
    books = Books()
    for start_s in (0, 10, 20):
        books.ask(Ask("b", start_s, start_s - 20, "a", 1, 0, 0, 0, 30), 100)

    assert 10 == books.room("b", 0, 100)
    assert 40 == books.room("b", 10, 100)
    assert [20] == [place.start_s for place, _ in books.holding("b", 20)]


def test_what_was_written_down_is_taken_up() -> None:
    """Balances, and who is gone; a balance that is over can be forgotten."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.correct(PLACE, 5)
    assert {PLACE} == books.changed
    again = Books()
    again.restore(deepcopy(list(books.balances())), ["x"])

    assert 35 == again.room("search/daily", 0, 100)
    with pytest.raises(Stale):
        again.ask(ask("x", 1, want=1), 100)
    again.forget(PLACE)
    assert 100 == again.room("search/daily", 0, 100)
    assert Balance(spent=5, leases={"a": Lease(60, 1, 60)}) == dict(books.balances())[PLACE]


class Holder:
    """A worker process as the machine sees it: its account, and the holds that wait for their cost."""

    def __init__(self, name: str) -> None:
        self.account = Account(PLACE, PLACE.start_s, name)
        self.held: list[int] = []
        self.recorded = 0  # in its journal: settled costs


class Protocol(RuleBasedStateMachine):
    """Holders, an authority that writes down before it answers, and a network that does what it likes."""

    holders = Bundle("holders")
    excess_most = 0  # how much a cost may be above its hold

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.disk: tuple[list[tuple[Place, Balance]], set[str]] = ([], set())
        self.gone: set[str] = set()
        self.wire: list[Ask | Grant] = []
        self.alive: dict[str, Holder] = {}
        self.dead: list[tuple[str, int]] = []  # with what its journal says it spent
        self.provider = 0  # what the provider bills
        self.excess = 0
        self.born = 0

    @initialize(limit=st.integers(0, 1000))
    def choose_limit(self, limit: int) -> None:
        """Set the budget's limit."""
        self.limit = limit

    @rule(target=holders)
    def start_worker(self) -> str:
        """A worker process begins: a new holder."""
        self.born += 1
        name = f"w{self.born}"
        self.alive[name] = Holder(name)
        return name

    @rule(name=holders, amount=st.integers(1, 200), chunk=st.integers(0, 300))
    def request(self, name: str, amount: int, chunk: int) -> None:
        """A request comes: held if there is enough, else more is asked for."""
        holder = self.alive.get(name)
        if holder is None:
            return
        if holder.account.hold(amount):
            holder.held.append(amount)
        else:
            self.send(holder.account.ask(max(amount - holder.account.free, 1), chunk))

    @rule(name=holders, data=st.data())
    def answer(self, name: str, data: st.DataObject) -> None:
        """An answer comes to its end: the provider bills, the journal has it, the hold is settled."""
        holder = self.alive.get(name)
        if holder is None or not holder.held:
            return
        held = holder.held.pop()
        cost = data.draw(st.integers(0, held + self.excess_most))
        self.excess += max(0, cost - held)
        self.provider += cost
        holder.recorded += cost
        holder.account.settle(held, cost)

    @rule(name=holders, keep=st.integers(0, 50))
    def return_money(self, name: str, keep: int) -> None:
        """What is idle goes back, what is owed is told."""
        if name in self.alive:
            self.send(self.alive[name].account.give_back(keep))

    @rule(name=holders)
    def send_again(self, name: str) -> None:
        """A holder whose ask has no answer repeats it, as on a new connection."""
        if name in self.alive:
            self.send(self.alive[name].account.under_way)

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), keep=st.booleans())
    def deliver(self, data: st.DataObject, keep: bool) -> None:
        """Any message arrives, in any order, once or (kept) again later."""
        at = data.draw(st.integers(0, len(self.wire) - 1))
        message = self.wire[at] if keep else self.wire.pop(at)
        if isinstance(message, Ask):
            self.authority_takes(message)
        else:
            for holder in self.alive.values():
                if self.owners.get(id(message)) == holder.account.holder:
                    holder.account.take(message)

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A message never arrives."""
        self.wire.pop(data.draw(st.integers(0, len(self.wire) - 1)))

    @rule(name=consumes(holders), data=st.data())
    def kill_worker(self, name: str, data: st.DataObject) -> None:
        """Kill -9: what was in flight the provider may bill, the journal books it at its hold."""
        holder = self.alive.pop(name, None)
        if holder is None:
            return
        for held in holder.held:
            self.provider += data.draw(st.integers(0, held))
        self.dead.append((name, holder.recorded + sum(holder.held)))

    @precondition(lambda self: self.dead)
    @rule()
    def reconcile(self) -> None:
        """The recorder has read a dead worker's journal to its end."""
        name, spent = self.dead.pop(0)
        self.books.close(name, {PLACE: spent})
        self.gone.add(name)
        self.write_down()

    @rule()
    def kill_authority(self) -> None:
        """It comes back with what it had written down."""
        balances, gone = self.disk
        self.books = Books()
        self.books.restore(deepcopy(balances), gone)

    def send(self, message: Ask | None) -> None:
        """Put an ask on the wire."""
        if message is not None:
            self.wire.append(message)

    def authority_takes(self, message: Ask) -> None:
        """Answer, once that is written down."""
        try:
            grant = self.books.ask(message, self.limit)
        except Stale:
            return
        self.write_down()
        self.wire.append(grant)
        self.owners[id(grant)] = message.holder
        self.kept.append(grant)

    def write_down(self) -> None:
        """Make durable what there is."""
        self.disk = (deepcopy(list(self.books.balances())), set(self.gone))

    @initialize()
    def empty_wire(self) -> None:
        """Whose answer a grant is: connections know that."""
        self.owners: dict[int, str] = {}
        self.kept: list[Grant] = []  # so that no id is used twice

    @invariant()
    def the_provider_bills_no_more_than_the_limit(self) -> None:
        """But for what costs had more than was held for them."""
        assert self.provider <= self.limit + self.excess

    @invariant()
    def what_a_holder_may_spend_is_charged(self) -> None:
        """So nobody else can be granted it."""
        leases = dict(self.books.balances()).get(PLACE, Balance()).leases
        for name, holder in self.alive.items():
            account = holder.account
            owed = account.under_way.debt if account.under_way else 0
            assert account.settled + account.held + account.free == account.granted
            assert account.granted - owed <= (leases[name].granted if name in leases else 0)

    def teardown(self) -> None:
        """When all is quiet the books are what was recorded, and everything else can be spent again."""
        if not hasattr(self, "limit"):
            return
        recorded = sum(balance.spent for _, balance in self.books.balances())
        for name, holder in self.alive.items():
            recorded += holder.recorded + sum(holder.held)
            self.books.close(name, {PLACE: holder.recorded + sum(holder.held)})
        for name, spent in self.dead:
            recorded += spent
            self.books.close(name, {PLACE: spent})
        assert self.limit - recorded == self.books.room(PLACE.series, 0, self.limit)


class Overrunning(Protocol):
    """The same where costs can be larger than what was held for them."""

    excess_most = 100


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestOverrunning = Overrunning.TestCase
TestOverrunning.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
