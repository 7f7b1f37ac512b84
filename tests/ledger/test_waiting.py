"""Who waits for more, and whose turn it is: near exhaustion nobody is refused what is there."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.account import EVERYBODY, Account, Terms
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short, Wait
from gateway.ledger.interface import RECALL_WAIT_S, WAIT_S
from gateway.ledger.waiting import Waiting, waited_for
from tests.ledger.parts import Bank, terms

SERIES = ("team", "user", "key", "session")

# ==== the queues ======================================================================================================


def short(turn: int) -> Short:
    """Come short of something."""
    of = terms()
    one = Short([], Account(of, "w1"), of, 1)
    one.turn = turn
    return one


def wait(one: Short, account: Account, amount: int = 1) -> Wait:
    """Let a request wait on an account."""
    return Wait(one, account, account.terms, amount)


def test_turns_follow_the_clock_and_one_another() -> None:
    """Two that began in the same moment have different ones."""
    waiting = Waiting()

    assert [5_000_000, 5_000_001, 5_000_002] == [waiting.next_turn(now_s) for now_s in (5.0, 5.0, 4.0)]
    assert 6_000_000 == waiting.next_turn(6.0)


def test_a_queue_is_in_the_order_of_turns() -> None:
    """Who comes short on an account later than others may have waited for longer."""
    waiting, account = Waiting(), Account(terms(), "w1")
    for turn in (3, 1, 2):
        waiting.add(wait(short(turn), account))

    assert [1, 2, 3] == [one.short.turn for one in waiting.at(account)]


def test_who_waits_no_more_is_in_no_queue() -> None:
    """And is told on which accounts it waited."""
    waiting = Waiting()
    accounts = [Account(terms(series), "w1") for series in SERIES]
    one, other = short(1), short(2)
    for account in accounts[:2]:
        waiting.add(wait(one, account))
    for account in accounts[1:3]:
        waiting.add(wait(other, account))
    assert [one, other] == waiting.everybody()

    assert accounts[:2] == waiting.remove(one)
    assert [] == waiting.remove(one)
    assert [False, True, True, False] == [waiting.is_at(account.terms.place) for account in accounts]
    assert [[], [other], [other], []] == [[each.short for each in waiting.at(account)] for account in accounts]


def test_what_those_before_need_is_added_up() -> None:
    """Of everybody, or of those before a turn."""
    waiting, account = Waiting(), Account(terms(), "w1")
    for turn, amount in ((1, 60), (2, 200), (4, 50)):
        waiting.add(wait(short(turn), account, amount))

    queue = waiting.at(account)
    assert [0, 60, 260, 260, 310, 310] == [waited_for(queue, before) for before in (1, 2, 3, 4, 5, EVERYBODY)]


# ==== two that wait for each other ====================================================================================


class Two:
    """Two workers; each has a part of what the other needs, too."""

    def __init__(self, *series: str) -> None:
        self.bank = Bank()
        self.holders = [self.bank.holder(name, workers=2) for name in ("w1", "w2")]
        self.demands = [[(terms(of, 100), 60) for of in series] for _ in self.holders]
        self.came: dict[str, Held | Short] = {}
        for one, demands, at in zip(self.holders, self.demands, (1, 0), strict=True):
            self.settle(one, self.now(one, demands[at : at + 1]))
        self.bank.delay_s = {"w1": 1e-4, "w2": 1e-4}

    def now(self, one: Holder, demands: list[tuple[Terms, int]]) -> Held:
        """Hold, as nobody else waits."""
        came: list[Held | Short] = []
        found = one.hold(demands)
        if isinstance(found, Held):
            return found
        one.more(found, came.append)
        self.bank.clock.run()
        assert isinstance(came[0], Held)
        return came[0]

    def wait(self, at: int) -> Short:
        """Let a request of a worker wait for everything."""
        one = self.holders[at]
        found = one.hold(self.demands[at])
        assert isinstance(found, Short)
        one.more(found, lambda result: self.came.update({one.name: result}))
        return found

    def settle(self, one: Holder, held: Held) -> None:
        """Let a request end that cost nothing."""
        one.settle(held, [0] * len(held.accounts))

    def result(self) -> dict[str, type]:
        """Return who was admitted, or refused."""
        return {name: type(result) for name, result in sorted(self.came.items())}


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_of_two_that_wait_for_each_others_part_the_first_gets_all(first: int, second: int) -> None:
    """The other is refused, since so much is not left, and after few messages, in no time."""
    two = Two("team", "user")
    before = len(two.bank.heard)
    two.wait(first)
    two.bank.clock.run(1e-5)
    two.wait(second)
    two.bank.clock.run(2e-3)

    assert {f"w{first + 1}": Held, f"w{second + 1}": Short} == two.result()
    assert len(two.bank.heard) - before < 12


@pytest.mark.parametrize("leaves", [True, False], ids=["the client has gone", "it is refused"])
def test_the_second_is_not_refused_while_the_first_may_be(leaves: bool) -> None:
    """It has its turn once the first is gone: by then nothing of all that is held."""
    two = Two("team", "user", "key")
    rich = two.bank.holder("w3")
    elsewhere = terms("key", 100)
    two.now(rich, [(elsewhere, 45)])
    two.settle(rich, two.now(rich, [(elsewhere, 45)]))
    two.bank.lines["w3"].tell = lambda _: None  # type: ignore[method-assign]  # it has stopped, with all that it has
    two.demands[1].pop()
    ahead = two.wait(0)
    two.bank.clock.run(2e-3)
    two.wait(1)

    two.bank.clock.run(RECALL_WAIT_S - 3e-3)
    assert {} == two.result()
    if leaves:
        two.holders[0].leave(ahead)
    two.bank.clock.run(2e-3)
    assert ({"w2": Held} if leaves else {"w1": Short, "w2": Held}) == two.result()


def test_nobody_waits_longer_than_the_wait() -> None:
    """Whatever those before do: here the first has what it needs, but is never told."""
    two = Two("team", "user")
    two.bank.lines["w1"].tell = lambda _: None  # type: ignore[method-assign]
    two.wait(0)
    two.wait(1)
    two.bank.clock.run(RECALL_WAIT_S + 1e-3)

    assert {"w2": Short} == two.result()
    two.bank.clock.run(WAIT_S)
    assert {"w1": Short, "w2": Short} == two.result()


# ==== many ============================================================================================================


@dataclass
class Crowd:
    """Workers whose requests come and wait, and what must be true of each refusal. Delays are in microseconds."""

    limits: list[int]
    delays: list[int]
    partial: list[bool]
    held: list[tuple[Holder, Held]] = field(default_factory=list)
    waiting: int = 0

    def __post_init__(self) -> None:
        self.bank = Bank()
        self.holders = [self.bank.holder(f"w{at}", workers=len(self.delays)) for at in range(len(self.delays))]
        self.bank.delay_s = {one.name: delay * 1e-6 for one, delay in zip(self.holders, self.delays, strict=True)}
        # Terms remember the account of their own holder.
        self.terms = {
            one.name: [terms(series, limit) for series, limit in zip(SERIES, self.limits, strict=False)]
            for one in self.holders
        }
        for some in self.terms.values():
            for of, partial in zip(some, self.partial, strict=False):
                of.partial = partial
        self.settled: Counter[str] = Counter()

    def request(self, at: int, amounts: list[int]) -> None:
        """Let a request come."""
        one = self.holders[at % len(self.holders)]
        found = one.hold(list(zip(self.terms[one.name], amounts, strict=False)))
        if isinstance(found, Held):
            self.held.append((one, found))
        else:
            self.waiting += 1
            one.more(found, lambda result: self.came(one, result))

    def came(self, one: Holder, result: Held | Short) -> None:
        """A request was admitted, or refused: not, if all that it needs is neither settled nor held.

        Nor, where it takes less, while anything is left.
        """
        self.waiting -= 1
        if isinstance(result, Held):
            self.held.append((one, result))
        else:
            lacks = [(1 if of.partial else amount) > self.left(of) for of, amount in result.demands if amount]
            assert any(lacks), (result.demands, self.settled)

    def left(self, of: Terms) -> int:
        """Return what is neither settled nor held of a balance."""
        accounts = [one._accounts[of.place] for one in self.holders if of.place in one._accounts]
        return of.limit - self.settled[of.place.series] - sum(account.held for account in accounts)

    def settle(self, part: float) -> None:
        """Let one of the requests end that has cost such a part of what was held for it."""
        if self.held:
            one, held = self.held.pop(int(part * 997) % len(self.held))
            costs = [int(amount * part) for amount in held.amounts]
            for (series, _, _), cost in zip(held.places(), costs, strict=True):
                self.settled[series] += cost
            one.settle(held, costs)


AMOUNT = st.one_of(st.just(0), st.integers(1, 90))
REQUEST = st.tuples(st.integers(0, 4), st.tuples(*[AMOUNT] * len(SERIES)), st.sampled_from([0, 0, 0, 10, 50]))
ROUND = st.tuples(
    st.lists(REQUEST, min_size=1, max_size=12),
    st.lists(st.floats(0, 1), max_size=6),
    st.sampled_from([2_000, 10_000, 30_000, 200_000]),
)


@settings(max_examples=300, deadline=None)
@given(
    limits=st.lists(st.integers(50, 300), min_size=1, max_size=len(SERIES)),
    delays=st.lists(st.sampled_from([0, 0, 7, 20, 70]), min_size=1, max_size=5),
    partial=st.lists(st.booleans(), min_size=len(SERIES), max_size=len(SERIES)),
    rounds=st.lists(ROUND, min_size=1, max_size=5),
)
def test_nobody_is_refused_what_is_there(
    limits: list[int],
    delays: list[int],
    partial: list[bool],
    rounds: list[tuple[list[tuple[int, tuple[int, ...], int]], list[float], int]],
) -> None:
    """However many wait, on however many workers, for however many balances; and everybody hears soon, by few messages.

    Not after the wait is over: what would come to nothing only by then is a standstill.
    """
    crowd = Crowd(limits, delays, partial)
    clock = crowd.bank.clock
    for requests, parts, pause in rounds:
        heard = len(crowd.bank.heard)
        for at, amounts, later in requests:
            clock.run(later * 1e-6)
            crowd.request(at, list(amounts))
        end_s = clock.time() + RECALL_WAIT_S / 2
        while crowd.waiting and clock.time() < end_s:
            clock.step()
            assert len(crowd.bank.heard) - heard < 100 * len(requests)
        assert 0 == crowd.waiting
        for part in parts:
            crowd.settle(part)
        clock.run(pause * 1e-6)
