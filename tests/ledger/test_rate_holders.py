"""Rates over several workers: what holders and their authority do together, by a clock moved by hand."""

import random

import pytest

from gateway.ledger.account import Account, Terms
from gateway.ledger.holder import IDLE_SWEEPS, SWEEP_S, Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import RECALL_WAIT_S, WAIT_S
from gateway.policies.limit import SECOND_NS
from tests.ledger.parts import Bank, permits, terms

TINY = permits(3)
IDLE_S = SWEEP_S * (IDLE_SWEEPS + 1)


@pytest.fixture
def bank() -> Bank:
    return Bank()


def many(bank: Bank, count: int = 4) -> list[Holder]:
    """Make workers that share everything."""
    return [bank.holder(f"w{at}", workers=count) for at in range(count)]


def come(bank: Bank, one: Holder, *demands: tuple[Terms, int]) -> Held | Short:
    """Let a request come, and wait for what comes of it."""
    found = one.hold(demands)
    if isinstance(found, Held):
        return found
    came: list[Held | Short] = []
    one.more(found, came.append)
    bank.clock.run()
    if not came:
        bank.clock.run(WAIT_S)
    return came[0]


def refused(bank: Bank, one: Holder, of: Terms, amount: int = 1) -> Short:
    """Let a request come that is refused."""
    found = come(bank, one, (of, amount))
    assert isinstance(found, Short)
    assert not found.lost
    return found


def account(one: Holder, of: Terms) -> Account:
    """Look at an account."""
    return one._accounts[of.place]


def used(bank: Bank, of: Terms) -> tuple[int, int]:
    """Return what is used of a rate, and what is granted and not known to be spent."""
    bank.rates.room(of.place.series, 0, of.limit)
    bucket = bank.rates._buckets[of.place.series]
    return -(-bucket.used // of.per_ns), bucket.unspent


# ==== what is let through =============================================================================================


def test_three_a_minute_are_three_a_minute_on_four_workers(bank: Bank) -> None:
    """Whichever workers they come to; a refusal says exactly when to come again."""
    workers = many(bank)
    rng = random.Random(1)

    for _ in range(3):
        assert isinstance(come(bank, rng.choice(workers), (TINY, 1)), Held)
    for _ in range(40):
        short = refused(bank, rng.choice(workers), TINY)
        assert short.wait_ns is not None
        assert 0 < short.wait_ns <= 20 * SECOND_NS
        assert (0, short.wait_ns + 40 * SECOND_NS) == (short.left, short.full_ns)
        bank.clock.run((short.wait_ns - 1000) / SECOND_NS)
        refused(bank, rng.choice(workers), TINY)
        bank.clock.run(1000 / SECOND_NS)
        assert isinstance(come(bank, rng.choice(workers), (TINY, 1)), Held)


def test_what_takes_long_does_not_hold_a_place(bank: Bank) -> None:
    """A rate counts beginnings: of a request that runs for minutes nothing is used any more."""
    workers = many(bank)
    running = [come(bank, one, (TINY, 1)) for one in workers[:3]]
    bank.clock.run(60)

    again = [come(bank, one, (TINY, 1)) for one in workers[1:]]
    assert [Held] * 6 == [type(one) for one in running + again]
    refused(bank, workers[0], TINY)


def test_permits_that_lie_unused_elsewhere_are_fetched(bank: Bank) -> None:
    """Nothing is refused while somebody has them."""
    one, other = many(bank, 2)
    rate = permits(60)
    for _ in range(3):
        come(bank, one, (rate, 1))
    assert account(one, rate).free > 0

    for _ in range(57):
        assert isinstance(come(bank, other, (rate, 1)), Held)
    assert 0 == account(one, rate).free
    assert 50 < used(bank, rate)[0] <= 60
    for worker in (one, other):
        assert refused(bank, worker, rate).left < 1


def test_at_steady_load_nearly_no_request_waits(bank: Bank) -> None:
    """Three in four of what the rate allows, on four workers: 99 in a hundred go by permits that are there."""
    workers = many(bank)
    requests, tokens = permits(6000), permits(6_000_000, series="search/limit-1#tokens")
    waited = 0
    for number in range(10_000):
        one = workers[number % 4]
        found = one.hold([(requests, 1), (tokens, 900)])
        if isinstance(found, Short):
            waited += 1
            found = come(bank, one, (requests, 1), (tokens, 900))
        assert isinstance(found, Held)
        one.settle(found, [1, 900])
        bank.clock.run(1 / 75)

    assert waited < 100
    # Nearly all of them tell what was spent, each half second.
    assert sum(one.asks for one in workers) < 4 * 2 * 2 * 10_000 / 75 * 1.1


def test_under_too_much_load_exactly_the_rate_comes_through(bank: Bank) -> None:
    """However wrong what is expected of each request is: in the end their real costs count."""
    workers = many(bank)
    tokens = permits(60_000, 20_000, series="search/limit-1#tokens")
    rng = random.Random(1)
    running: list[tuple[float, Holder, Held, int]] = []
    real = 0
    for _ in range(12_000):
        bank.clock.run(0.01)
        now = bank.clock.time()
        while running and running[0][0] <= now:
            _, one, held, cost = running.pop(0)
            one.settle(held, [cost])
        one = rng.choice(workers)
        found = come(bank, one, (tokens, 100))
        if isinstance(found, Held):
            cost = rng.choice((10, 40, 100, 250))
            real += cost
            running.append((now + 20, one, found, cost))

    allowed = 20_000 + 1_000 * bank.clock.time()
    assert 0.97 * allowed < real < 1.03 * allowed


def test_a_request_beyond_the_burst_waits_until_nothing_is_used(bank: Bank) -> None:
    """It holds the whole burst, and owes the rest in its end."""
    one, other = many(bank, 2)
    rate = permits(60, 10)
    come(bank, one, (rate, 4))

    short = refused(bank, other, rate, 10)
    assert 4 * SECOND_NS - 60_000_000 < (short.wait_ns or 0) <= 4 * SECOND_NS
    bank.clock.run(4)
    found = come(bank, other, (rate, 10))
    assert isinstance(found, Held)
    other.settle(found, [25])
    bank.clock.run()
    assert 16 * SECOND_NS - 60_000_000 < (refused(bank, one, rate).wait_ns or 0) <= 16 * SECOND_NS


def test_what_was_not_needed_is_there_for_others(bank: Bank) -> None:
    """Under a load that needs the limit: it was never taken."""
    one, other = many(bank, 2)
    rate = permits(60, 20)
    for worker in (one, other):
        come(bank, worker, (rate, 8))
    found = come(bank, one, (rate, 4))
    assert isinstance(found, Held)
    refused(bank, other, rate, 4)

    one.settle(found, [0])
    bank.clock.run(SWEEP_S)
    assert isinstance(come(bank, other, (rate, 4)), Held)


def test_what_a_rollback_gives_back_was_never_told(bank: Bank) -> None:
    """A request that comes short of one limit has not used another one's permits."""
    one = bank.holder("a")
    plenty, budget = permits(600), terms("daily", 10)
    for _ in range(2):
        come(bank, one, (plenty, 1))
    free = account(one, plenty).free
    account(one, plenty).low = free  # so that it would ask at once for more

    found = come(bank, one, (plenty, 1), (budget, 11))

    assert isinstance(found, Short)
    assert free == account(one, plenty).free
    assert free <= used(bank, plenty)[1]


def test_many_waiting_requests_share_their_asks(bank: Bank) -> None:
    """And hold what they need of two limits."""
    one = bank.holder("a")
    rates = [permits(50, series=name) for name in ("x", "y")]
    came: list[Held | Short] = []
    for _ in range(60):
        short = one.hold([(rate, 1) for rate in rates])
        assert isinstance(short, Short)
        one.more(short, came.append)
    bank.clock.run(WAIT_S)

    assert (50, 10) == (sum(isinstance(each, Held) for each in came), sum(isinstance(each, Short) for each in came))
    assert one.asks < 20


# ==== what is told ====================================================================================================


def test_where_each_request_asks_for_itself_it_is_told_at_once_that_it_went(bank: Bank) -> None:
    """From then on its permit comes back."""
    one = bank.holder("a", workers=4)
    come(bank, one, (TINY, 1))
    bank.clock.run()

    assert (1, 0) == used(bank, TINY)
    assert 2 == one.asks


def test_what_was_spent_of_a_lease_is_told_soon(bank: Bank) -> None:
    """Without a word more than one each half second, and without asking earlier for the next lease."""
    one = bank.holder("a")
    rate = permits(600)
    for _ in range(40):
        come(bank, one, (rate, 1))
    low, asks = account(one, rate).low, one.asks
    assert low > 0

    bank.clock.run(SWEEP_S)
    assert (account(one, rate).free, low, asks + 1) == (used(bank, rate)[1], account(one, rate).low, one.asks)
    bank.clock.run(SWEEP_S / 2)
    assert asks + 1 == one.asks


def test_a_lease_is_made_longer_though_something_is_being_told(bank: Bank) -> None:
    """As soon as that is answered, not when there is nothing left."""
    one = bank.holder("a")
    rate = permits(600)
    for _ in range(2):
        come(bank, one, (rate, 1))
    mine = account(one, rate)
    while mine.free > mine.low:
        one.hold([(rate, 1)])
    one._sweep()
    asks = one.asks

    one.hold([(rate, 1)])
    assert asks == one.asks
    bank.clock.run()
    one.hold([(rate, 1)])
    assert (0, asks + 1) == (bank.heard[-1].want, one.asks)
    bank.clock.run()
    assert bank.heard[-1].want > 0


def test_a_request_that_waited_held_nothing_before_it_began_to_wait(bank: Bank) -> None:
    """What it gets of one limit may be there before what it gets of another."""
    one = bank.holder("a")
    come(bank, one, (TINY, 1))
    bank.clock.run(1)
    before = one._mark
    found = come(bank, one, (TINY, 1), (permits(5, series="y"), 1))

    assert isinstance(found, Held)
    assert before == found.mark < one._mark


def test_what_is_idle_goes_back_and_is_forgotten(bank: Bank) -> None:
    """By the holder, and once the bucket is empty by the authority."""
    one = bank.holder("a")
    rate = permits(600)
    for _ in range(2):
        found = come(bank, one, (rate, 1))
        assert isinstance(found, Held)
        one.settle(found, [1])

    bank.clock.run(2 * IDLE_S)
    assert {} == one._accounts
    assert (0, 0) == used(bank, rate)
    bank.clock.run(10)
    bank.rates.prune()
    assert [] == bank.rates.series()
    assert isinstance(come(bank, one, (rate, 1)), Held)


def test_a_cost_beyond_what_was_held_is_told_at_once(bank: Bank) -> None:
    """Where no permits are left to take it from."""
    one = bank.holder("a")
    rate = permits(10)
    found = come(bank, one, (rate, 10))
    assert isinstance(found, Held)
    one.settle(found, [14])
    bank.clock.run()

    assert (14, 0) == used(bank, rate)
    one.settle(found, [99])
    assert 0 == account(one, rate).free


def test_a_stream_grows_whatever_its_limits_say(bank: Bank) -> None:
    """Nothing more is held of them."""
    one = bank.holder("a")
    rate, budget = permits(1), terms("daily", 100)
    found, first = come(bank, one, (rate, 1), (budget, 1)), come(bank, one, (budget, 5))
    assert isinstance(found, Held)
    assert isinstance(first, Held)
    account(one, rate).free = -5

    one.settle(first, [0])
    assert one.extend(found, [0, 4])


# ==== when somebody is gone ===========================================================================================


def test_while_nobody_can_be_asked_everything_passes(bank: Bank) -> None:
    """Permits are no money; what went is told when there is somebody, less what has drained by then."""
    one = bank.holder("a", workers=2)
    rate = permits(60, 30)
    come(bank, one, (rate, 20))
    bank.lines["a"].cut()
    for _ in range(20):
        assert isinstance(come(bank, one, (rate, 2)), Held)
    bank.clock.run(20)
    bank.forget_rates()

    bank.lines["a"].mend()
    bank.clock.run()
    # Half of the rate was this worker's: of 60 that went in all 20 were known to the one before.
    assert (30, 0) == used(bank, rate)
    assert 1 * SECOND_NS == refused(bank, one, rate).wait_ns


def test_after_a_restart_nobody_is_refused_for_what_came_before(bank: Bank) -> None:
    """Buckets are empty, also for requests that run on."""
    one, other = many(bank, 2)
    found = come(bank, one, (TINY, 3))
    assert isinstance(found, Held)
    bank.lines["w0"].cut()
    bank.lines["w1"].cut()
    bank.forget_rates()
    bank.lines["w0"].mend()
    bank.lines["w1"].mend()
    one.settle(found, [0])
    bank.clock.run(0.1)

    for _ in range(3):
        assert isinstance(come(bank, other, (TINY, 1)), Held)
    refused(bank, one, TINY)


def test_a_broken_connection_makes_nothing_new(bank: Bank) -> None:
    """The same authority knows what was used; permits that were not used drain away."""
    one, other = many(bank, 2)
    rate = permits(60)
    for _ in range(2):
        come(bank, one, (rate, 1))
    free = account(one, rate).free
    bank.lines["w0"].cut()
    bank.lines["w0"].mend()
    bank.clock.run()

    assert (2 + free, 0) == used(bank, rate)
    assert 0 == account(one, rate).free
    assert isinstance(come(bank, other, (rate, 60 - 2 - free)), Held)
    refused(bank, one, rate)


def test_a_dead_workers_permits_come_back(bank: Bank) -> None:
    """By themselves, as if it had used them when it died."""
    one, other = many(bank, 2)
    rate = permits(60)
    for _ in range(5):
        come(bank, one, (rate, 10))
    bank.lines["w0"].cut()
    refused(bank, other, rate, 60)

    bank.clock.run(60)
    assert isinstance(come(bank, other, (rate, 60)), Held)


def test_a_stopped_authority_delays_no_request_for_long(bank: Bank) -> None:
    """Then it passes, and is told later."""
    one = bank.holder("a")
    come(bank, one, (TINY, 3))
    bank.deaf = True

    assert isinstance(come(bank, one, (TINY, 1)), Held)
    bank.deaf = False
    bank.lines["a"].cut()
    bank.lines["a"].mend()
    bank.clock.run(RECALL_WAIT_S)
    assert (4, 0) == used(bank, TINY)
