"""No crash, delay, repetition or reordering lets holders spend more than the limit, and nothing stays lost."""

import contextlib
from copy import deepcopy

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from gateway.ledger.account import Account, Terms
from gateway.ledger.lease import MOST, Absurd, Ask, Balance, Books, Grant, Lease, Place, Stale

PLACE = Place("search/daily", 0)
TERMS = Terms(PLACE, PLACE.start_s, 86_400, 0)


def ask(holder: str, number: int, *, back: int = 0, debt: int = 0, need: int = 0, want: int = 0) -> Ask:
    """Make an ask about PLACE."""
    return Ask(PLACE.series, PLACE.start_s, PLACE.start_s, holder, number, back, debt, need, want)


def test_a_grant_is_what_is_wanted_or_what_there_is() -> None:
    """As long as that is enough for the request that waits."""
    books = Books()

    assert Grant("search/daily", 0, 1, 60, 60, 40) == books.ask(ask("a", 1, want=60), 100)
    assert Grant("search/daily", 0, 1, 0, 0, 40) == books.ask(ask("b", 1, need=41, want=60), 100)
    assert Grant("search/daily", 0, 2, 40, 40, 0) == books.ask(ask("b", 2, need=40, want=60), 100)


def test_who_takes_less_is_granted_what_there_is() -> None:
    """In one step: what it would have to ask for again would be gone by then."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    some = msgspec.structs.replace(ask("b", 1, need=41, want=60), partial=True)

    assert 1 == books.lack(some, 100)
    assert Grant("search/daily", 0, 1, 40, 40, 0) == books.ask(some, 100)
    assert 0 == books.ask(msgspec.structs.replace(some, number=2), 100).added


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


def test_a_refusal_is_not_written_down() -> None:
    """It leaves nothing behind that a crash could lose; unless numbers were left out: an older ask may still come."""
    books = Books()
    books.ask(ask("a", 1, want=100), 100)
    books.changed.clear()

    assert 0 == books.ask(ask("a", 2, need=5, want=5), 100).added
    assert set() == books.changed
    books.ask(ask("a", 4, need=5, want=5), 100)
    assert {PLACE} == books.changed


def test_an_ask_that_was_overtaken_returns_nothing_after_a_crash() -> None:
    """The later one's answer has given its money back to the holder: it would be charged to nobody."""
    books = Books()
    one = Account(TERMS, "a")
    first = one.ask(60, 60)
    assert first is not None
    one.take(books.ask(first, 60))
    disk = deepcopy(dict(books.balances()))
    books.changed.clear()
    overtaken, later = one.ask_instead(0, 0, back=10), one.ask_instead(5, 5, back=0)
    assert overtaken is not None
    assert later is not None
    one.take(books.ask(later, 60))
    assert 60 == one.free
    if books.changed:
        disk = dict(books.balances())
    again = Books()
    again.restore(disk.items(), {})

    with pytest.raises(Stale):
        again.ask(overtaken, 60)
    assert 0 == again.room(PLACE.series, 0, 60)


def test_an_ask_is_noted_before_it_is_granted() -> None:
    """What it returns and owes counts at once; the rest can wait, until a later one takes its place."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)

    waits = ask("a", 2, back=10, debt=5, need=50, want=50)
    assert books.note(waits)
    assert not books.note(waits)
    assert (0, 45) == (books.lack(ask("b", 1, need=45), 100), books.room("search/daily", 0, 100))
    assert 5 == books.lack(waits, 100)
    assert Grant("search/daily", 0, 2, 55, 0, 45) == books.answer(waits, 100)
    assert Grant("search/daily", 0, 2, 105, 50, 0) == books.fill(waits, 105)
    books.note(ask("a", 3))
    for late in (books.fill, books.answer):
        with pytest.raises(Stale):
            late(waits, 100)


def test_a_debt_is_no_lack_of_who_needs_nothing() -> None:
    """It waits for nothing, so nobody is recalled for it."""
    books = Books()
    books.ask(ask("a", 1, debt=130), 100)

    assert [0, 1] == [books.lack(ask("b", 1, need=need), 100) for need in (0, 1)]


def test_what_cannot_be_is_not_noted() -> None:
    """Debt upon debt would leave what a file can hold."""
    books = Books()
    books.ask(ask("a", 1, debt=MOST), 100)
    books.changed.clear()

    with pytest.raises(Absurd):
        books.ask(ask("a", 2, debt=1), 100)
    assert set() == books.changed


def test_spans_within_reach_count_together() -> None:
    """Buckets of a rolling window: those out of reach are free again."""
    books = Books()
    for start_s in (0, 10, 20):
        books.ask(Ask("b", start_s, start_s - 20, "a", 1, 0, 0, 0, 30), 100)

    assert 10 == books.room("b", 0, 100)
    assert 40 == books.room("b", 10, 100)
    assert [(Place("b", 20), "a", 30)] == list(books.holding("b", 20))


def test_a_lease_that_is_spent_is_not_worth_a_recall() -> None:
    """As far as its holder has told; it tells more as it goes, never less."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.ask(msgspec.structs.replace(ask("a", 2), settled=45), 100)
    books.ask(msgspec.structs.replace(ask("a", 3), settled=0), 100)

    assert [(PLACE, "a", 15)] == list(books.holding("search/daily", 0))
    assert 45 == dict(books.balances())[PLACE].settled


def test_what_was_written_down_is_taken_up() -> None:
    """Balances, and who is gone."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.correct(PLACE, 5)
    assert {PLACE} == books.changed
    again = Books()
    again.restore(deepcopy(list(books.balances())), {"x": 0})

    assert 35 == again.room("search/daily", 0, 100)
    with pytest.raises(Stale):
        again.ask(ask("x", 1, want=1), 100)
    assert Balance(corrected=5, over_s=MOST, leases={"a": Lease(60, 1, 60)}) == again.balance(PLACE)


def test_a_reset_takes_off_what_was_spent_and_not_what_can_be() -> None:
    """What holders have and did not spend stays charged."""
    books = Books()
    books.close("x", {PLACE: 50})
    books.ask(msgspec.structs.replace(ask("a", 1, debt=60), settled=20), 100)
    books.correct(PLACE, 7)

    assert -77 == books.reset("search/daily", 0)
    assert 60 == books.room("search/daily", 0, 100)
    assert 0 == books.reset("search/daily", 1)


def test_a_balance_is_forgotten_when_it_is_over_and_nobody_holds_anything_of_it() -> None:
    """A window's end is what asks say, or else somebody who knows; what was forgotten is to be removed."""
    books = Books()
    for series, settled in (("quiet", 9), ("busy", 8)):
        books.ask(Ask(series, 0, 0, "a", 1, 0, 9, 0, 0, over_s=60, settled=settled), 100)
    books.close("x", {Place("unasked", 0): 5})
    books.changed.clear()

    books.prune(59, lambda _: 70)
    assert set() == books.changed
    books.prune(60, lambda _: 70)
    assert {Place("quiet", 0)} == books.changed
    books.prune(70, lambda _: 70)
    assert [Place("busy", 0)] == [place for place, _ in books.balances()]
    assert books.balance(Place("quiet", 0)) is None


def test_an_empty_balance_is_forgotten_though_its_time_never_ends() -> None:
    """Places that were all given back leave nothing behind, unless somebody waits for one; what was spent stays."""
    books = Books()
    for series, debt in (("x#concurrent?session=1", 0), ("x#concurrent?session=2", 0), ("total", 9)):
        for one in (ask("a", 1, debt=debt), ask("a", 2, want=5), ask("a", 3, back=5)):
            books.ask(msgspec.structs.replace(one, series=series), 100)
    books.late("b", Place("late", 0), 5)
    books.changed.clear()
    books.prune(60, lambda _: MOST, lambda series: series.endswith("2"))

    assert {Place("x#concurrent?session=1", 0)} == books.changed
    assert 5 == books.ask(msgspec.structs.replace(ask("a", 4, want=5), series="x#concurrent?session=1"), 100).added


def test_who_is_gone_is_forgotten_after_a_while() -> None:
    """Nothing of theirs is on its way any more."""
    books = Books()
    books.close("a", {}, at_s=10)
    books.close("b", {}, at_s=20)

    assert ["a"] == books.forget_gone(before_s=20)
    assert (False, True) == (books.is_gone("a"), books.is_gone("b"))


def test_what_becomes_known_late_is_charged_as_it_is_told_last() -> None:
    """Of a holder that lives, and of one that is gone; as often as it is told, and less than nothing, too."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.close("x", {PLACE: 10})
    books.changed.clear()

    assert [True, False] == [books.late("a", PLACE, 25), books.late("a", PLACE, 25)]
    assert {PLACE} == books.changed
    assert 5 == books.room("search/daily", 0, 100)
    assert books.late("x", PLACE, -4)
    assert (31, 9) == (dict(books.balances())[PLACE].settled, books.room("search/daily", 0, 100))
    assert books.late("a", PLACE, 0)
    assert {"x": -4} == dict(books.balances())[PLACE].late
    assert not books.late("a", PLACE, 0)


def test_what_became_known_late_outlives_the_lease() -> None:
    """What is told of it after the holder is closed takes the place of what was told before."""
    books = Books()
    books.ask(ask("a", 1, want=60), 100)
    books.late("a", PLACE, -20)
    books.close("a", {PLACE: 50})

    assert 70 == books.room("search/daily", 0, 100)
    books.late("a", PLACE, -30)
    assert 80 == books.room("search/daily", 0, 100)
    assert -20 == books.reset("search/daily", 0)


def test_what_a_holder_said_that_it_spent_is_never_given_back() -> None:
    """Where its journal lost something, the books know more."""
    books = Books()
    books.ask(msgspec.structs.replace(ask("a", 1, debt=60), settled=45), 100)
    books.close("a", {PLACE: 40})

    assert 55 == books.room("search/daily", 0, 100)


def test_nothing_spent_makes_no_balance() -> None:
    """A worker may have looked at thousands of them."""
    books = Books()
    books.close("a", {PLACE: 0})

    assert ([], set()) == (list(books.balances()), books.changed)


class Holder:
    """A worker process as the machine sees it: its account, and the holds that wait for their cost."""

    def __init__(self, name: str) -> None:
        self.account = Account(TERMS, name)
        self.held: list[int] = []
        self.recorded = 0  # in its journal: settled costs


class Protocol(RuleBasedStateMachine):
    """Holders, an authority that writes down before it answers, and a network that does what it likes."""

    holders = Bundle("holders")
    excess_most = 0  # how much a cost may be above its hold

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.disk: dict[Place, Balance] = {}
        self.gone: dict[str, int] = {}
        self.parked: list[Ask] = []
        self.recalls = 0
        self.wire: list[Ask | Grant] = []
        self.alive: dict[str, Holder] = {}
        self.dead: list[tuple[str, int]] = []  # with what its journal says it spent
        self.provider = 0  # what the provider bills
        self.excess = 0
        self.born = 0
        self.jobs: list[tuple[str, int]] = []  # work that goes on, with what was held for it
        self.late: dict[str, int] = {}  # as the store adds it up

    @initialize(limit=st.integers(0, 1000))
    def choose_limit(self, limit: int) -> None:
        """Set the budget's limit."""
        self.limit = limit

    @precondition(lambda self: len(self.alive) < 3)
    @rule(target=holders)
    def start_worker(self) -> str:
        """A worker process begins: a new holder."""
        self.born += 1
        name = f"w{self.born}"
        self.alive[name] = Holder(name)
        return name

    @rule(name=holders, amount=st.integers(1, 200), chunk=st.integers(0, 300), prompt=st.booleans())
    def request(self, name: str, amount: int, chunk: int, prompt: bool) -> None:
        """A request comes: held if there is enough, else more is asked for, and (prompt) got at once."""
        account = self.alive[name].account
        if not account.hold(amount):
            self.send(account.ask(max(amount - account.free, 1), chunk))
            if not prompt:
                return
            self.deliver_all()
            if not account.hold(amount):
                return
        self.alive[name].held.append(amount)

    @rule(name=holders, data=st.data())
    def answer(self, name: str, data: st.DataObject) -> None:
        """An answer comes to its end: the provider bills, the journal has it, the hold is settled."""
        holder = self.alive[name]
        if not holder.held:
            return
        self.pay(holder, data.draw(st.integers(0, holder.held[-1] + self.excess_most)))

    def pay(self, holder: "Holder", cost: int) -> None:
        """Settle the last hold."""
        held = holder.held.pop()
        self.excess += max(0, cost - held)
        self.provider += cost
        holder.recorded += cost
        holder.account.settle(held, cost)

    @rule(name=holders)
    def work_goes_on(self, name: str) -> None:
        """An exchange ends before its cost is known: what was held is charged."""
        holder = self.alive[name]
        if holder.held:
            held = holder.held.pop()
            holder.recorded += held
            holder.account.settle(held, held)
            self.jobs.append((name, held))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def work_ends(self, data: st.DataObject) -> None:
        """The provider bills it, whether its worker still lives or not, and the store has the difference."""
        name, held = self.jobs.pop(data.draw(st.integers(0, len(self.jobs) - 1)))
        cost = data.draw(st.integers(0, held + self.excess_most))
        self.excess += max(0, cost - held)
        self.provider += cost
        self.late[name] = self.late.get(name, 0) + cost - held

    @rule()
    def tell_late(self) -> None:
        """The recorder tells what became known late; all of it, as after a restart."""
        for name, total in self.late.items():
            self.books.late(name, PLACE, total)
        self.write_down()

    @rule(name=holders, keep=st.integers(0, 50))
    def return_money(self, name: str, keep: int) -> None:
        """What is idle goes back, what is owed is told."""
        self.send(self.alive[name].account.give_back(keep))

    @rule(name=holders, need=st.integers(0, 200), back=st.booleans())
    def recall(self, name: str, need: int, back: bool) -> None:
        """What is free is recalled: the answer takes the place of an ask under way."""
        account = self.alive[name].account
        self.recalls += 1
        account.recalled = self.recalls
        self.send(account.ask_instead(need, need, max(0, account.free) if back else 0))

    @rule(name=holders)
    def drop_account(self, name: str) -> None:
        """An account of which nothing is left is dropped, and made again; first all comes to its end."""
        holder = self.alive[name]
        while holder.held:
            self.pay(holder, holder.held[-1])
        for _ in range(2):
            self.send(holder.account.under_way or holder.account.give_back())
            self.deliver_all()
        if holder.account.is_quiet:
            holder.account = Account(TERMS, name, holder.account.number)

    @rule(name=holders)
    def send_again(self, name: str) -> None:
        """A holder whose ask has no answer repeats it, as on a new connection."""
        self.send(self.alive[name].account.under_way)

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), keep=st.booleans(), park=st.booleans())
    def deliver(self, data: st.DataObject, keep: bool, park: bool) -> None:
        """Any message arrives, in any order, once or (kept) again later."""
        at = data.draw(st.integers(0, len(self.wire) - 1))
        self.arrives(self.wire[at] if keep else self.wire.pop(at), park)

    @rule()
    def deliver_all(self) -> None:
        """All that is on its way arrives in order, answers included."""
        while self.wire:
            self.arrives(self.wire.pop(0), False)

    def arrives(self, message: Ask | Grant, park: bool) -> None:
        """Hand a message to who it is for."""
        if isinstance(message, Ask):
            self.authority_takes(message, park)
            return
        owner = self.alive.get(self.owners[id(message)])
        if owner is not None:
            owner.account.take(message)

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A message never arrives."""
        self.wire.pop(data.draw(st.integers(0, len(self.wire) - 1)))

    @rule(name=consumes(holders), data=st.data())
    def kill_worker(self, name: str, data: st.DataObject) -> None:
        """Kill -9: what was in flight the provider may bill, the journal books it at its hold."""
        holder = self.alive.pop(name)
        for held in holder.held:
            self.provider += data.draw(st.integers(0, held))
        self.dead.append((name, holder.recorded + sum(holder.held)))

    @precondition(lambda self: self.dead)
    @rule()
    def reconcile(self) -> None:
        """The recorder has read a dead worker's journal to its end."""
        name, spent = self.dead.pop(0)
        self.books.close(name, {PLACE: spent})
        self.gone[name] = 0
        self.write_down()

    @precondition(lambda self: self.parked)
    @rule()
    def answer_parked(self) -> None:
        """The authority answers an ask that it had only noted."""
        message = self.parked.pop(0)
        with contextlib.suppress(Stale):
            self.grant(message, self.books.fill(message, self.limit))

    @rule()
    def kill_authority(self) -> None:
        """It comes back with what it had written down."""
        self.books = Books()
        self.books.restore(deepcopy(list(self.disk.items())), self.gone)
        self.parked = []

    def send(self, message: Ask | None) -> None:
        """Put an ask on the wire."""
        if message is not None:
            self.wire.append(message)

    def authority_takes(self, message: Ask, park: bool) -> None:
        """Answer, or let it wait. One that comes again while it waits is not answered."""
        try:
            if self.books.note(message):
                if park:
                    self.parked.append(message)
                    return
                grant = self.books.fill(message, self.limit)
            elif message in self.parked:
                return
            else:
                grant = self.books.answer(message, self.limit)
        except Stale:
            return
        self.grant(message, grant)

    def grant(self, message: Ask, grant: Grant) -> None:
        """Answer, once that is written down."""
        self.write_down()
        self.wire.append(grant)
        self.owners[id(grant)] = message.holder
        self.kept.append(grant)

    def write_down(self) -> None:
        """Make durable what has changed, and nothing else."""
        for place in self.books.changed:
            self.disk[place] = deepcopy(dict(self.books.balances())[place])
        self.books.changed.clear()

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
            assert sum(holder.held) == account.held
            assert account.granted - account.owed <= (leases[name].granted if name in leases else 0)

    def teardown(self) -> None:
        """When all is quiet the books are what was recorded, and everything else can be spent again."""
        if not hasattr(self, "limit"):
            return
        self.tell_late()
        recorded = sum(balance.spent for _, balance in self.books.balances()) + sum(self.late.values())
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
