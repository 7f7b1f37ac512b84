"""Over any time t no more than rate x t + burst is let through, by any number of holders, and nothing stays lost."""

from collections import deque

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from gateway.ledger.account import Account, Terms
from gateway.ledger.lease import MOST, Absurd, Ask, Grant, Lease, Place, Stale
from gateway.ledger.rates import KEPT_NS, LOWS_MOST, Bucket, Lows, RateBooks
from tests.ledger.parts import permits

SERIES = "search/limit-1#requests"
PLACE = Place(SERIES, 0)
PER_NS = 60
BURST = 100
RATE = 10  # in 60 ns


class Office:
    """Books, a clock moved by hand, and asks of holders."""

    def __init__(self) -> None:
        self.now_ns = 1000
        self.books = RateBooks(lambda: self.now_ns)
        self._numbers: dict[str, int] = {}

    def ask(self, holder: str, **more: int) -> Ask:
        """Make the next ask of a holder."""
        number = self._numbers[holder] = self._numbers.get(holder, 0) + 1
        plain = Ask(SERIES, 0, 0, holder, number, 0, 0, 0, 0, BURST, rate=RATE, per_ns=PER_NS)
        return msgspec.structs.replace(plain, **{"want": more.get("need", 0), **more})

    def grant(self, holder: str, **more: int) -> Grant:
        """Ask, and be answered."""
        ask = self.ask(holder, **more)
        assert self.books.note(ask)
        return self.books.fill(ask, BURST)

    def room(self) -> int:
        """Return what there is."""
        return self.books.room(SERIES, 0, BURST)

    def bucket(self) -> Bucket:
        """Return the bucket."""
        return self.books._buckets[SERIES]


# ==== granting ========================================================================================================


def test_permits_come_back_as_the_bucket_drains() -> None:
    """Once they are spent: who still has one may use it at any time."""
    office = Office()

    assert (100, 0) == (office.grant("a", need=100).added, office.room())
    office.now_ns += 600
    assert 0 == office.room()
    office.grant("a", settled=70)
    office.now_ns += 59
    assert 9 == office.room()
    office.now_ns += 1
    assert 10 == office.room()
    office.now_ns += 10_000
    assert 70 == office.room()


def test_what_is_returned_is_there_at_once() -> None:
    """It was never used."""
    office = Office()
    office.grant("a", need=100)

    office.grant("a", back=30, settled=60)
    assert (30, 10, 60) == (office.room(), office.bucket().unspent, office.bucket().used // PER_NS)


def test_an_answer_says_exactly_when_nothing_is_used_any_more() -> None:
    """To the nanosecond: as soon as then, and not before, there is room for all."""
    office = Office()
    grant = office.grant("a", need=99)
    assert (1, 594) == (grant.room, grant.full_ns)
    office.grant("a", settled=99)

    office.now_ns += 593
    assert (99, 1) == (office.room(), office.grant("a", need=100, settled=99).full_ns)
    office.now_ns += 1
    assert 100 == office.grant("a", need=100, settled=99).added


def test_a_debt_fills_the_bucket_beyond_the_burst() -> None:
    """The next ones wait for it."""
    office = Office()
    office.grant("a", need=100)

    grant = office.grant("a", debt=50, settled=150)

    assert (-50, 900) == (grant.room, grant.full_ns)
    assert 0 == office.grant("b", need=1).added
    office.now_ns += 306
    assert 1 == office.grant("b", need=1).added


def test_no_rate_at_all_lets_nothing_through() -> None:
    """Or what may come at once, for ever."""
    office = Office()
    for burst, grant in ((0, 0), (5, 5)):
        ask = office.ask("a", need=5, rate=0, limit=burst)
        office.books.note(ask)
        assert grant == office.books.fill(ask, burst).added
    office.now_ns += 10**12

    assert (MOST, 0) == (office.grant("a", rate=0, settled=5).full_ns, office.books.room(SERIES, 0, 5))


def test_another_rate_holds_from_when_it_is_said() -> None:
    """Config was changed: what was used stays used."""
    office = Office()
    office.grant("a", need=100)
    office.grant("a", settled=100)
    office.now_ns += 60

    ask = office.ask("a", rate=20, settled=100)
    office.books.note(ask)
    office.now_ns += 60
    assert (30, 80) == (office.room(), office.books.room(SERIES, 0, 150))


def test_an_ask_that_comes_twice_is_granted_once() -> None:
    """And one that comes late has no answer."""
    office = Office()
    first, later = office.ask("a", need=60), office.ask("a", need=10)
    office.books.note(first)
    grant = office.books.fill(first, BURST)

    assert not office.books.note(first)
    assert grant == office.books.answer(first, BURST)
    office.books.note(later)
    for late in (office.books.fill, office.books.answer):
        with pytest.raises(Stale):
            late(first, BURST)
    with pytest.raises(Stale):
        office.books.note(first)
    assert 40 == office.room()


@pytest.mark.parametrize("changes", [{"per_ns": 0}, {"per_ns": 61}, {"start_s": 5}, {"debt": MOST}])
def test_what_cannot_be_is_not_noted(changes: dict[str, int]) -> None:
    """A rate has one period, and no beginning."""
    office = Office()
    office.grant("a", need=60, debt=1)

    with pytest.raises(Absurd):
        office.books.note(office.ask("a", **changes))
    assert 39 == office.room()


def test_who_has_permits_is_known() -> None:
    """As far as they are not known to be spent."""
    office = Office()
    office.grant("a", need=60)
    office.grant("b", need=30)
    office.grant("b", settled=30)

    assert [(PLACE, "a", 60)] == list(office.books.holding(SERIES, 0))
    assert [] == list(office.books.holding("other", 0))
    assert ([SERIES], 45) == (office.books.series(), office.books.lack(office.ask("b", need=55), BURST))


# ==== corrections =====================================================================================================


def test_what_was_not_needed_was_never_taken() -> None:
    """The bucket is as full as it would be without, as long as it was not empty since."""
    office = Office()
    mark = office.grant("a", need=60).mark
    office.grant("a", settled=60)
    later = office.grant("a", need=40, settled=60).mark
    office.grant("a", settled=100)
    office.now_ns += 60

    office.grant("a", settled=100, unused=35, since=later)
    assert 45 == office.room()
    # It was empty before the first.
    office.grant("a", settled=100, unused=35, since=mark)
    assert 45 == office.room()


def test_what_has_drained_away_does_not_come_back() -> None:
    """It would let the next ones through twice."""
    office = Office()
    office.grant("b", need=50)
    office.grant("b", settled=50)
    mark = office.grant("a", need=50).mark
    office.grant("a", settled=50)
    office.now_ns += 6 * 95
    office.grant("b", need=95, settled=50)
    office.grant("b", settled=145)
    assert 0 == office.room()

    office.grant("a", settled=50, unused=40, since=mark)
    assert 5 == office.room()


STEP = st.one_of(
    st.tuples(st.just("spend"), st.integers(1, 6)),
    st.tuples(st.just("pause"), st.integers(1, 4)),
    st.tuples(st.just("correct"), st.integers(0, 4), st.integers(0, 3)),
)


@settings(max_examples=1000)
@given(st.integers(1, 2), st.lists(STEP, min_size=5, max_size=30))
def test_a_corrected_bucket_is_as_full_as_if_the_real_costs_had_been_known(
    rate: int, steps: list[tuple[str, int]]
) -> None:
    """Neither more, which would refuse wrongly, nor less, which would let too much through."""
    bucket, lease, now_ns = Bucket(1, 0, 0), Lease(), 0
    bucket.rate = rate
    spent: list[list[int]] = []  # when, how much
    marks: list[int] = []
    for mark, (what, *numbers) in enumerate(steps, 1):
        if what == "spend":
            bucket.change(lease, lease.granted + numbers[0], lease.settled + numbers[0], mark)
            spent.append([now_ns, numbers[0]])
            marks.append(mark)
        elif what == "pause":
            now_ns += numbers[0]
            bucket.drain(now_ns)
        elif numbers[0] < len(spent):
            at = -1 - numbers[0]
            unused = max(0, spent[at][1] - numbers[1])
            spent[at][1] -= unused
            bucket.take_back(unused, marks[at])
        level, at_ns = 0, 0
        for when_ns, amount in spent:
            level = max(0, level - rate * (when_ns - at_ns)) + amount
            at_ns = when_ns

        assert bucket.used == max(0, level - rate * (now_ns - at_ns))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 500)), max_size=300), st.data())
def test_lows_are_never_said_to_be_higher_than_they_were(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    """And exactly as they were, as long as not too many must be remembered."""
    lows, told, level = Lows(), list[int](), 0
    for mark, (drained, risen) in enumerate(steps):
        level = max(0, level - drained)
        lows.add(mark, level)
        told.append(level)
        level += risen
    mark = data.draw(st.integers(-1, len(steps)))
    rising = sum(low < min(told[at + 1 :], default=MOST) for at, low in enumerate(told))

    assert lows.since(mark, level) <= min([*told[mark + 1 :], level])
    if rising <= LOWS_MOST:
        assert lows.since(mark, level) == min([*told[mark + 1 :], level])
    assert len(lows._lows) <= LOWS_MOST
    assert sorted(lows._lows) == lows._lows


# ==== leaving =========================================================================================================


def test_what_a_holder_had_when_it_left_drains_away() -> None:
    """It counts as spent from then on, and its asks are stale."""
    office = Office()
    office.grant("a", need=60)
    waits = office.ask("a", need=10)
    office.books.note(waits)

    office.books.leave("a")
    office.books.leave("nobody")

    assert (0, 40) == (office.bucket().unspent, office.room())
    with pytest.raises(Stale):
        office.books.fill(waits, BURST)
    office.now_ns += 120
    assert 60 == office.room()


def test_a_holder_that_is_not_known_has_nothing_unspent() -> None:
    """Its bucket was forgotten, or was another authority's; what it owes counts."""
    office = Office()

    grant = office.grant("a", need=5, settled=730, debt=10, back=3)

    assert (735, 85, 5) == (grant.granted, grant.room, office.bucket().unspent)


def test_empty_buckets_are_forgotten_after_a_while() -> None:
    """Their holders go on as if they were still there."""
    office = Office()
    office.grant("a", need=60)
    office.now_ns += KEPT_NS
    office.books.prune()
    assert [SERIES] == office.books.series()
    office.grant("a", settled=60)
    office.now_ns += KEPT_NS - 1
    office.books.prune()
    assert [SERIES] == office.books.series()

    office.now_ns += 1
    office.books.prune()
    assert [] == office.books.series()
    assert (65, 95) == (office.grant("a", need=5, settled=60).granted, office.room())


# ==== any order of things =============================================================================================


class Request:
    """One that was let through. `cost` is known at its end; what it held stands for it until then."""

    def __init__(self, at_ns: int, held: int, mark: int) -> None:
        self.at_ns = at_ns
        self.held = held
        self.mark = mark
        self.cost = held


class Holder:
    """A worker as the machine sees it, and its connection: asks and answers in order, or lost with it."""

    def __init__(self, name: str, terms: Terms) -> None:
        self.account = Account(terms, name)
        self.running: list[Request] = []
        self.asks: deque[Ask] = deque()
        self.answers: deque[Grant] = deque()
        self.mark = 0


class Rates(RuleBasedStateMachine):
    """Holders, an authority, connections that break, and a clock."""

    holders = Bundle("holders")
    excess_most = 0  # how much a cost may be above its hold

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 1000
        self.books = RateBooks(lambda: self.now_ns)
        self.alive: dict[str, Holder] = {}
        self.parked: list[Ask] = []
        self.let_through: list[Request] = []
        self.recalls = 0
        self.born = 0

    @initialize(rate=st.integers(1, 50), burst=st.integers(1, 100))
    def begin(self, rate: int, burst: int) -> None:
        """Set the rate."""
        self.terms = permits(rate, burst, per_ns=PER_NS, series=SERIES)

    @precondition(lambda self: len(self.alive) < 3)
    @rule(target=holders)
    def start_worker(self) -> str:
        """A worker process begins: a new holder."""
        self.born += 1
        name = f"w{self.born}"
        self.alive[name] = Holder(name, self.terms)
        return name

    @rule(name=holders, part=st.integers(1, 100), chunk=st.integers(0, 60), prompt=st.booleans())
    def request(self, name: str, part: int, chunk: int, prompt: bool) -> None:
        """A request comes, which needs a part of the burst: held if there is enough, else asked for."""
        holder = self.alive[name]
        amount = max(1, part * self.terms.limit // 100)
        if not holder.account.hold(amount):
            self.send(holder, holder.account.ask(amount - holder.account.free, chunk))
            if not prompt:
                return
            self.deliver_all(name)
            if not holder.account.hold(amount):
                return
        request = Request(self.now_ns, amount, holder.mark)
        holder.running.append(request)
        self.let_through.append(request)

    @rule(name=holders, data=st.data())
    def end(self, name: str, data: st.DataObject) -> None:
        """An answer comes to its end, and may have cost more or less than was held."""
        holder = self.alive[name]
        if holder.running:
            request = holder.running.pop(data.draw(st.integers(0, len(holder.running) - 1)))
            request.cost = data.draw(st.integers(0, request.held + self.excess_most))
            holder.account.settle(request.held, request.cost, request.mark)

    @rule(name=holders, keep=st.integers(0, 50))
    def tell(self, name: str, keep: int) -> None:
        """What is idle goes back, what was spent and is owed is told."""
        holder = self.alive[name]
        self.send(holder, holder.account.give_back(keep))

    @rule(name=holders, need=st.integers(0, 50), back=st.booleans())
    def recall(self, name: str, need: int, back: bool) -> None:
        """What is free is recalled: the answer takes the place of an ask under way."""
        holder = self.alive[name]
        self.recalls += 1
        holder.account.recalled = self.recalls
        self.send(holder, holder.account.ask_instead(need, need, max(0, holder.account.free) if back else 0))

    @rule(name=holders)
    def drop_account(self, name: str) -> None:
        """An account of which nothing is left is dropped, and made again."""
        holder = self.alive[name]
        if holder.account.is_quiet:
            holder.account = Account(self.terms, name, holder.account.number)

    @rule(ns=st.integers(1, 200))
    def time_passes(self, ns: int) -> None:
        """The bucket drains."""
        self.now_ns += ns

    @rule(name=holders, park=st.booleans())
    def hear(self, name: str, park: bool) -> None:
        """The authority takes an ask, and answers it now or later."""
        self.authority_takes(self.alive[name], park)

    @rule(name=holders)
    def be_told(self, name: str) -> None:
        """A holder takes an answer."""
        self.take(self.alive[name])

    @rule(name=holders)
    def deliver_all(self, name: str) -> None:
        """All that is on its way arrives."""
        holder = self.alive[name]
        while holder.asks:
            self.authority_takes(holder, False)
        while holder.answers:
            self.take(holder)

    @precondition(lambda self: self.parked)
    @rule()
    def answer_parked(self) -> None:
        """The authority answers an ask that it had only noted."""
        self.fill(self.parked.pop(0))

    @rule(name=holders)
    def cut(self, name: str) -> None:
        """A connection breaks: both sides know it, and what was on its way is lost."""
        holder = self.alive[name]
        holder.asks.clear()
        holder.answers.clear()
        holder.account.restart()
        self.books.leave(name)

    @rule(name=consumes(holders), data=st.data())
    def kill_worker(self, name: str, data: st.DataObject) -> None:
        """Kill -9: what was in flight may cost what was held, or less."""
        for request in self.alive.pop(name).running:
            request.cost = data.draw(st.integers(0, request.held))
        self.books.leave(name)

    @rule()
    def prune(self) -> None:
        """The authority forgets what is empty."""
        self.now_ns += KEPT_NS
        self.books.prune()

    def send(self, holder: Holder, ask: Ask | None) -> None:
        """Put an ask on its way."""
        if ask is not None:
            holder.asks.append(ask)

    def authority_takes(self, holder: Holder, park: bool) -> None:
        """Note the next ask of a holder, and answer it or let it wait."""
        if holder.asks:
            ask = holder.asks.popleft()
            assert self.books.note(ask)
            if park:
                self.parked.append(ask)
            else:
                self.fill(ask)

    def fill(self, ask: Ask) -> None:
        """Grant what there is: if there is enough for the need, it is granted."""
        room = self.books.room(SERIES, 0, self.terms.limit)
        try:
            grant = self.books.fill(ask, self.terms.limit)
        except Stale:
            return
        assert (grant.added >= ask.need) == (room >= ask.need or not ask.need)
        self.alive[ask.holder].answers.append(grant)

    def take(self, holder: Holder) -> None:
        """Take the next answer."""
        if holder.answers:
            grant = holder.answers.popleft()
            holder.mark = max(holder.mark, grant.mark)
            holder.account.take(grant)

    @invariant()
    def what_can_be_used_is_in_the_bucket(self) -> None:
        """So its place in the burst is kept."""
        unspent = {name: amount for _, name, amount in self.books.holding(SERIES, 0)}
        for name, holder in self.alive.items():
            assert holder.account.free <= unspent.get(name, 0)
        for bucket in self.books._buckets.values():
            assert bucket.used >= 0
            assert bucket.unspent == sum(unspent.values())

    @invariant()
    def no_more_is_let_through_than_the_rate_and_a_burst(self) -> None:
        """Over any time, but for what costs had more than was held for them. Of what runs, what it holds counts."""
        if not hasattr(self, "terms"):
            return
        rate, burst = self.terms.rate, self.terms.limit
        # For all t: sum(since, t) x per - rate x t <= burst x per, as a level that drains.
        level, at_ns = 0, 0
        running = {id(request) for holder in self.alive.values() for request in holder.running}
        for request in self.let_through:
            level = max(0, level - rate * (request.at_ns - at_ns))
            at_ns = request.at_ns
            level += PER_NS * min(request.cost, request.held) * (id(request) not in running)
            assert level <= burst * PER_NS

    def teardown(self) -> None:
        """When all is quiet nothing is used, and nothing is remembered."""
        if not hasattr(self, "terms"):
            return
        for name, holder in self.alive.items():
            while holder.running:
                request = holder.running.pop()
                holder.account.settle(request.held, request.cost, request.mark)
            for _ in range(3):
                self.parked.clear()
                self.deliver_all(name)
                self.send(holder, holder.account.under_way or holder.account.give_back())
                if holder.asks and holder.asks[0].number == self.last_number(name):
                    holder.answers.append(self.books.answer(holder.asks.popleft(), self.terms.limit))
            self.deliver_all(name)
            assert holder.account.is_quiet
        self.no_more_is_let_through_than_the_rate_and_a_burst()
        self.now_ns += 10**9 + KEPT_NS
        self.books.prune()
        assert [] == self.books.series()

    def last_number(self, name: str) -> int:
        """Return the number of the last ask that the authority noted."""
        bucket = self.books._buckets.get(SERIES)
        return bucket.leases[name].number if bucket is not None and name in bucket.leases else 0


class OverrunningRates(Rates):
    """The same where costs can be larger than what was held for them."""

    excess_most = 50


TestRates = Rates.TestCase
TestRates.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestOverrunningRates = OverrunningRates.TestCase
TestOverrunningRates.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


@given(
    st.integers(1, 50),
    st.integers(1, 30),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.integers(0, 100)), max_size=60),
)
def test_many_holders_that_ask_for_each_request_are_as_one_bucket(
    rate: int, burst: int, requests: list[tuple[str, int, int]]
) -> None:
    """Neither more is let through nor less, and the wait that is said is right to the nanosecond."""
    now_ns, level = 1000, 0
    books = RateBooks(lambda: now_ns)
    terms = permits(rate, burst, per_ns=PER_NS, series=SERIES)
    accounts = {name: Account(terms, name) for name in "abc"}
    for name, amount, pause_ns in requests:
        needs = min(amount, burst)
        now_ns += pause_ns
        level = max(0, level - rate * pause_ns)
        account = accounts[name]
        ask = account.ask(needs, needs)
        assert ask is not None
        books.note(ask)
        account.take(books.fill(ask, burst))
        fits = account.hold(needs)

        assert fits == (level + needs * PER_NS <= burst * PER_NS)
        assert account.full_ns == -(-(level + fits * needs * PER_NS) // rate)
        level += fits * needs * PER_NS
        tell = account.give_back()
        if tell is not None:
            books.note(tell)
            account.take(books.fill(tell, burst))
