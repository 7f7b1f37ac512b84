"""Holds over several balances at once, and what a worker asks for so that most of them need not wait."""

import pytest

from gateway.ledger.account import Account, Terms
from gateway.ledger.file import Raise
from gateway.ledger.holder import IDLE_SWEEPS, SWEEP_S, Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import RECALL_WAIT_S, WAIT_S
from gateway.ledger.lease import MOST, Lease, Place
from tests.ledger.parts import Bank, terms

DAILY = terms("daily", 1000)
HOURLY = terms("hourly", 1000)
IDLE_S = SWEEP_S * (IDLE_SWEEPS + 1)

Demand = tuple[Terms, int]


@pytest.fixture
def bank() -> Bank:
    return Bank()


def hold(bank: Bank, one: Holder, *demands: Demand, wait_s: float = 0.0) -> Held | Short | None:
    """Hold, and wait so long for what comes of it; None: nothing yet."""
    found = one.hold(demands)
    if isinstance(found, Held):
        return found
    came: list[Held | Short] = []
    one.more(found, came.append)
    bank.clock.run(wait_s)
    return came[0] if came else None


def must_hold(bank: Bank, one: Holder, *demands: Demand) -> Held:
    """Hold, which can be done without waiting for time to pass."""
    found = hold(bank, one, *demands)
    assert isinstance(found, Held)
    return found


def waiting(one: Holder, came: list[Held | Short], *demands: Demand) -> Short:
    """Come short, and wait."""
    short = one.hold(demands)
    assert isinstance(short, Short)
    one.more(short, came.append)
    return short


def account(one: Holder, of: Terms = DAILY) -> Account:
    """Look at an account."""
    return one._accounts[of.place]


def lease(bank: Bank, holder: str, of: Terms = DAILY) -> Lease:
    """Look at what the authority has in its books."""
    balance = bank.books.balance(of.place)
    assert balance is not None
    return balance.leases[holder]


# ==== asking ==========================================================================================================


def test_a_first_hold_asks_and_the_next_ones_do_not(bank: Bank) -> None:
    """The first learns how much there is, the second takes a part of it; then it is made longer ahead."""
    one = bank.holder("a")
    must_hold(bank, one, (DAILY, 1))
    assert [(1, 1)] == [(ask.need, ask.want) for ask in bank.heard]
    must_hold(bank, one, (DAILY, 1))

    assert (1, 999 // 4) == (bank.heard[1].need, bank.heard[1].want)
    waited = 0
    for _ in range(400):
        waited += isinstance(one.hold([(DAILY, 1)]), Short)
        bank.clock.run()
    assert 0 == waited
    assert 2 < len(bank.heard) < 20
    assert {0} == {ask.need for ask in bank.heard[2:]}


def test_leases_shrink_as_the_balance_empties(bank: Bank) -> None:
    """Until each request asks for itself; and all of it can be spent."""
    one = bank.holder("a", workers=2)
    for _ in range(100):
        must_hold(bank, one, (DAILY, 10))

    refused = hold(bank, one, (DAILY, 1))
    assert isinstance(refused, Short)
    assert (False, "daily", 1) == (refused.lost, refused.terms.place.series, refused.amount)
    wants = [ask.want for ask in bank.heard if ask.want > ask.need]
    assert wants == sorted(wants, reverse=True)


def test_nobody_asks_for_more_than_the_most_of_a_balance(bank: Bank) -> None:
    """But for what waits."""
    one = bank.holder("a")
    capped = Terms(Place("x", 0), 0, MOST, 1000, most=20)
    for amount in (1, 1, 30):
        must_hold(bank, one, (capped, amount))

    assert 20 == bank.heard[1].want
    must_hold(bank, one, (capped, 300))
    assert bank.heard[-1].need == bank.heard[-1].want > 200


def test_at_steady_load_nearly_no_hold_waits(bank: Bank) -> None:
    """Of 20,000 requests with three budgets 99 in a hundred make no round trip, on each of four workers."""
    holders = [bank.holder(name, workers=4) for name in "abcd"]
    budgets = [terms(name, 1_000_000) for name in ("team", "key", "user")]
    waited = 0
    for number in range(20_000):
        one = holders[number % 4]
        demands = [(of, 10 + number % 7) for of in budgets]
        held = one.hold(demands)
        if isinstance(held, Short):
            waited += 1
            held = must_hold(bank, one, *demands)
        one.settle(held, [9, 9, 9])
        bank.clock.run(0.000_1)

    assert waited <= 200
    assert sum(one.asks for one in holders) < 2000


# ==== several balances ================================================================================================


def test_a_hold_over_several_balances_is_whole_or_nothing(bank: Bank) -> None:
    """What one comes short of is not held of the others either, and all of them are asked for at once."""
    one = bank.holder("a")
    poor = terms("poor", 5)
    held = must_hold(bank, one, (DAILY, 10), (HOURLY, 20), (poor, 5))
    assert [("daily", 0, 10), ("hourly", 0, 20), ("poor", 0, 5)] == held.places()
    assert [1, 1, 1] == [ask.number for ask in bank.heard]

    refused = hold(bank, one, (DAILY, 10), (HOURLY, 20), (poor, 1))
    assert isinstance(refused, Short)
    assert (poor, 1) == (refused.terms, refused.amount)
    assert [10, 20, 5] == [account(one, of).held for of in (DAILY, HOURLY, poor)]
    one.settle(held, [1, 2, 3])
    assert [(0, 1), (0, 2), (0, 3)] == [
        (account(one, of).held, account(one, of).settled) for of in (DAILY, HOURLY, poor)
    ]


def test_a_hold_is_settled_once(bank: Bank) -> None:
    """A second time nothing happens."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 10))
    one.settle(held, [4])
    one.settle(held, [4])

    assert (4, 6, 0) == (account(one).settled, account(one).free, account(one).holds)
    assert not one.extend(held, [1])


def test_money_of_others_serves_all_that_wait(bank: Bank) -> None:
    """On several workers, several balances, as long as there is enough."""
    holders = [bank.holder(name, workers=4) for name in "abcd"]
    for each in holders:
        each.settle(must_hold(bank, each, (DAILY, 250), (HOURLY, 250)), [0, 0])
    came: list[Held | Short] = []
    for each in holders:
        for _ in range(5):
            short = each.hold([(DAILY, 50), (HOURLY, 50)])
            if isinstance(short, Held):
                came.append(short)
            else:
                each.more(short, came.append)
    bank.clock.run(WAIT_S)

    assert [Held] * 20 == [type(each) for each in came]


# ==== waiting =========================================================================================================


def test_those_that_wait_share_an_answer(bank: Bank) -> None:
    """One ask is made for all of them: those that came after it are in the next one."""
    one = bank.holder("a")
    came: list[Held | Short] = []
    for _ in range(100):
        waiting(one, came, (DAILY, 1))
    bank.clock.run()

    assert 100 == sum(isinstance(each, Held) for each in came)
    assert [(1, 1), (1, 999 // 4)] == [(ask.need, ask.want) for ask in bank.heard]


def test_who_can_be_served_is_served_though_the_first_cannot(bank: Bank) -> None:
    """What is not to be had for one is there for another."""
    one = bank.holder("a")
    came: dict[int, Held | Short] = {}
    for amount in (2000, 700, 400, 200):
        found = one.hold([(DAILY, amount)])
        assert isinstance(found, Short)
        one.more(found, lambda result, amount=amount: came.update({amount: result}))  # type: ignore[misc]
    bank.clock.run()

    assert {2000: Short, 700: Held, 400: Short, 200: Held} == {amount: type(result) for amount, result in came.items()}


def test_the_first_that_takes_less_takes_what_there_is(bank: Bank) -> None:
    """Also with what was free already; those behind it are refused once nothing is left, and not before."""
    one, other = bank.holder("a", workers=2), bank.holder("b", workers=2)
    of, elsewhere = terms("soft"), terms("soft")
    of.partial = elsewhere.partial = True
    one.settle(must_hold(bank, one, (of, 300)), [0])
    must_hold(bank, other, (elsewhere, 600))
    came: list[Held | Short] = []
    shorts = [waiting(one, came, (of, amount)) for amount in (2000, 700, 500)]
    bank.clock.run()

    first, *others = came
    assert isinstance(first, Held)
    assert [("soft", 0, 400)] == first.places()
    assert shorts[1:] == others
    assert {(False, False)} == {(short.lost, short.late) for short in shorts}


def test_who_makes_do_with_less_waits_for_the_rest_all_the_same(bank: Bank) -> None:
    """It holds all its balances, or none of them; what it cannot have is there for others."""
    one = bank.holder("a")
    of, poor = terms("soft", 1000), terms("poor", 5)
    of.partial = True
    refused = hold(bank, one, (of, 2000), (poor, 6))
    assert isinstance(refused, Short)
    assert poor is refused.terms

    found = hold(bank, one, (of, 2000), (poor, 5))
    assert isinstance(found, Held)
    assert [("soft", 0, 1000), ("poor", 0, 5)] == found.places()


def test_many_that_wait_for_two_balances_all_get_them(bank: Bank) -> None:
    """The first takes of both what was asked for; then the others lack both again, each in its own queue."""
    one = bank.holder("a")
    came: list[Held | Short] = []
    for _ in range(60):
        waiting(one, came, (DAILY, 1), (HOURLY, 1))
    bank.clock.run()

    assert [Held] * 60 == [type(each) for each in came]
    assert len(bank.heard) < 10


def test_who_had_what_it_needs_is_not_forgotten_when_another_took_it(bank: Bank) -> None:
    """It is asked for once more, as soon as the rest is there."""
    one = bank.holder("a")
    came: list[Held | Short] = []
    waiting(one, came, (DAILY, 5), (HOURLY, 5))
    while account(one).free < 5:
        bank.clock.step()
    assert isinstance(one.hold([(DAILY, 5)]), Held)
    bank.clock.run()

    assert [Held] == [type(each) for each in came]


def test_money_that_comes_back_serves_who_waits(bank: Bank) -> None:
    """In the worker itself nobody need be asked."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 1000))
    bank.deaf = True
    came: list[Held | Short] = []
    waiting(one, came, (DAILY, 300))

    one.settle(held, [600])
    assert [] == came
    bank.clock.run()
    assert [Held] == [type(each) for each in came]


def test_an_answer_that_comes_too_late_is_not_waited_for(bank: Bank) -> None:
    """A stopped authority costs WAIT_S; requests that the lease has money for do not notice."""
    one = bank.holder("a")
    for amount in (1, 1):
        must_hold(bank, one, (DAILY, amount))
    bank.deaf = True

    assert isinstance(one.hold([(DAILY, 100)]), Held)
    assert hold(bank, one, (DAILY, 900), wait_s=WAIT_S - 0.001) is None
    bank.clock.run(0.001)
    refused = hold(bank, one, (DAILY, 900), wait_s=WAIT_S)
    assert isinstance(refused, Short)
    assert refused.lost


def test_who_left_is_not_called(bank: Bank) -> None:
    """Whether it still waits, or was served in that moment: then its money is free again."""
    one = bank.holder("a")
    came: list[Held | Short] = []
    shorts = [waiting(one, came, (DAILY, 5)) for _ in range(3)]
    one.leave(shorts[0])
    while account(one).holds < 2:
        bank.clock.step()
    one.leave(shorts[2])
    bank.clock.run()

    assert [Held] == [type(each) for each in came]
    assert (1, 5) == (account(one).holds, account(one).held)


def test_a_short_hold_that_nobody_waits_for_can_be_left(bank: Bank) -> None:
    """It was never in a queue."""
    one = bank.holder("a")
    short = one.hold([(DAILY, 5)])
    assert isinstance(short, Short)

    one.leave(short)
    assert isinstance(hold(bank, one, (DAILY, 5)), Held)


# ==== an authority that is lost =======================================================================================


def test_a_lost_authority_is_not_waited_for(bank: Bank) -> None:
    """Neither by those that wait when it is lost, nor by those that come then."""
    one = bank.holder("a")
    bank.deaf = True
    came: list[Held | Short] = []
    short = waiting(one, came, (DAILY, 5), (HOURLY, 5))

    bank.lines["a"].cut()
    bank.clock.run()
    assert came == [short]
    assert short.lost
    later = one.hold([(DAILY, 5)])
    assert isinstance(later, Short)
    assert later.lost
    assert isinstance(hold(bank, one, (DAILY, 5)), Short)


def test_slack_is_spent_while_the_authority_is_lost_and_told_afterwards(bank: Bank) -> None:
    """So much for each worker, and no more, whatever is settled meanwhile."""
    one = bank.holder("a")
    trusting = terms("trusting", 1000, slack=30)
    held = must_hold(bank, one, (trusting, 10))
    bank.lines["a"].cut()

    first = one.hold([(trusting, 20)])
    assert isinstance(first, Held)
    assert isinstance(one.hold([(trusting, 11)]), Short)
    assert isinstance(one.hold([(trusting, 10)]), Held)
    one.settle(held, [10])
    one.settle(first, [20])
    assert isinstance(hold(bank, one, (trusting, 1)), Short)
    assert 1 == len(bank.heard)
    bank.lines["a"].mend()
    bank.clock.run()
    assert [0, 30] == [ask.debt for ask in bank.heard]
    assert (40, 30) == (lease(bank, "a", trusting).granted, account(one, trusting).settled)


def test_slack_is_spent_when_the_authority_does_not_answer(bank: Bank) -> None:
    """After the wait; what is owed by then is a part of it."""
    one = bank.holder("a")
    trusting = terms("trusting", 10, slack=30)
    held = must_hold(bank, one, (trusting, 10))
    bank.deaf = True
    one.settle(held, [30])
    assert 20 == account(one, trusting).owed

    assert isinstance(hold(bank, one, (trusting, 11), wait_s=WAIT_S), Short)
    assert isinstance(hold(bank, one, (trusting, 10), wait_s=WAIT_S), Held)


def test_a_hold_on_trust_is_whole_or_nothing(bank: Bank) -> None:
    """What one balance is not trusted with is not held of the others either."""
    one = bank.holder("a")
    trusting = terms("trusting", 1000, slack=30)
    bank.lines["a"].cut()

    assert isinstance(one.hold([(trusting, 20), (DAILY, 1)]), Short)
    assert (0, 0) == (account(one, trusting).held, account(one, trusting).free)


def test_a_refusal_is_no_loss(bank: Bank) -> None:
    """Slack is for an authority that cannot be asked, not for one that says no."""
    one = bank.holder("a")
    trusting = terms("trusting", 10, slack=MOST)

    refused = hold(bank, one, (trusting, 11))
    assert isinstance(refused, Short)
    assert (False, False) == (refused.lost, refused.late)


def test_a_slow_authority_is_not_lost(bank: Bank) -> None:
    """It has said something meanwhile: who waited too long is refused, and slack stays untouched."""
    one = bank.holder("a")
    trusting = terms("trusting", 10, slack=MOST)
    came: list[Held | Short] = []
    bank.deaf = True
    short = waiting(one, came, (trusting, 5))
    bank.deaf = False
    must_hold(bank, one, (DAILY, 1))

    bank.clock.run(WAIT_S)
    assert [short] == came
    assert (False, True) == (short.lost, short.late)


def test_a_refusal_after_the_wait_names_what_is_short_then(bank: Bank) -> None:
    """Not what was short at first, and came meanwhile."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 1000))
    bank.deaf = True
    came: list[Held | Short] = []
    short = waiting(one, came, (DAILY, 10), (HOURLY, 10))
    assert "daily" == short.terms.place.series
    one.settle(held, [0])

    bank.clock.run(WAIT_S)
    assert [short] == came
    assert "hourly" == short.terms.place.series


# ==== requests that go on =============================================================================================


def test_a_request_that_goes_on_holds_more(bank: Bank) -> None:
    """Of all its balances or of none; what is missing is asked for, for the next time."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 10), (HOURLY, 10))
    for of in (DAILY, HOURLY):
        must_hold(bank, one, (of, 1))
    assert one.extend(held, [50, 50])
    assert [("daily", 0, 60), ("hourly", 0, 60)] == held.places()

    before = account(one).free
    assert not one.extend(held, [50, 700])
    assert before == account(one).free
    bank.clock.run()
    assert one.extend(held, [50, 700])
    one.settle(held, [100, 700])
    assert (100, 700) == (account(one).settled, account(one, HOURLY).settled)


def test_a_request_goes_on_on_trust(bank: Bank) -> None:
    """Where the authority is lost."""
    one = bank.holder("a")
    trusting = terms("trusting", 1000, slack=30)
    held = must_hold(bank, one, (trusting, 10))
    bank.lines["a"].cut()

    assert not one.extend(held, [31])
    assert one.extend(held, [30])
    assert 1 == len(bank.heard)


# ==== debts ===========================================================================================================


def test_a_debt_is_told_at_once(bank: Bank) -> None:
    """Others must not be granted what it was paid with."""
    one = bank.holder("a")
    one.settle(must_hold(bank, one, (DAILY, 10)), [25])
    bank.clock.run()

    assert [0, 15] == [ask.debt for ask in bank.heard]
    assert 25 == lease(bank, "a").granted


def test_a_debt_that_came_while_an_ask_was_under_way_is_told_after_it(bank: Bank) -> None:
    """One ask at a time."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 10))
    waiting(one, [], (DAILY, 5))
    one.settle(held, [500])
    bank.clock.run()

    assert bank.heard[-1].debt
    assert 505 <= account(one).granted == lease(bank, "a").granted


def test_a_free_request_waits_while_there_is_a_debt(bank: Bank) -> None:
    """It holds nothing, and is served as soon as the debt is charged."""
    one = bank.holder("a")
    one.settle(must_hold(bank, one, (DAILY, 10)), [25])

    assert isinstance(hold(bank, one, (DAILY, 0)), Held)


# ==== what is idle ====================================================================================================


def test_what_is_idle_goes_back(bank: Bank) -> None:
    """What was spent of it is told, too; a hold that runs keeps the account, not the free money."""
    one = bank.holder("a")
    held = must_hold(bank, one, (DAILY, 10))
    must_hold(bank, one, (HOURLY, 10))
    must_hold(bank, one, (DAILY, 10))
    one.settle(held, [10])
    assert account(one).free

    bank.clock.run(IDLE_S)
    assert (0, 10) == (account(one).free, account(one).held)
    assert (20, 10) == (lease(bank, "a").granted, lease(bank, "a").settled)
    bank.clock.run(IDLE_S)
    assert {DAILY.place, HOURLY.place} == one._accounts.keys()


def test_a_dropped_account_is_made_again_and_spends_nothing_twice(bank: Bank) -> None:
    """Its lease at the authority is the same one."""
    one = bank.holder("a")
    for _ in range(3):
        one.settle(must_hold(bank, one, (DAILY, 100)), [100])
        bank.clock.run(IDLE_S + SWEEP_S)
        assert {} == one._accounts

    assert (300, 300) == (lease(bank, "a").granted, lease(bank, "a").settled)
    held = [hold(bank, one, (DAILY, 100), wait_s=WAIT_S) for _ in range(8)]
    assert 7 == sum(isinstance(each, Held) for each in held)


def test_a_busy_account_is_not_idle(bank: Bank) -> None:
    """Nor is anything said while the authority is lost."""
    one = bank.holder("a")
    for _ in range(2):
        must_hold(bank, one, (DAILY, 1))
    for _ in range(10):
        must_hold(bank, one, (DAILY, 1))
        bank.clock.run(SWEEP_S)
    assert account(one).free
    bank.lines["a"].cut()

    bank.clock.run(IDLE_S)
    assert account(one).free


def test_who_waits_keeps_the_account(bank: Bank) -> None:
    """However long ago the last hold was."""
    one = bank.holder("a")
    bank.clock.run(IDLE_S - 0.001)
    bank.deaf = True
    waiting(one, [], (DAILY, 1))
    account(one).used -= IDLE_SWEEPS
    bank.clock.run(0.002)

    assert DAILY.place in one._accounts


def test_at_the_end_everything_goes_back(bank: Bank) -> None:
    """Nobody need wait until the worker is found dead."""
    one = bank.holder("a")
    one.settle(must_hold(bank, one, (DAILY, 100)), [40])
    one.stop()
    bank.clock.run(10)

    assert (40, 40) == (lease(bank, "a").granted, lease(bank, "a").settled)
    assert bank.lines["a"].closed


# ==== recalls =========================================================================================================


def test_a_recall_returns_what_is_free_and_for_a_while_what_comes_free(bank: Bank) -> None:
    """Within the wait of who starves."""
    one, other = bank.holder("a"), bank.holder("b")
    running = must_hold(bank, one, (DAILY, 500))
    must_hold(bank, one, (DAILY, 1))
    assert account(one).free

    assert isinstance(hold(bank, other, (DAILY, 450)), Held)
    assert (0, 501) == (account(one).free, account(one).held)
    one.settle(running, [100])
    bank.clock.run()
    assert 0 == account(one).free
    assert isinstance(hold(bank, other, (DAILY, 400)), Held)


def test_a_recall_takes_from_those_that_wait_for_more(bank: Bank) -> None:
    """They ask for all of it anew: else two that wait for each other's money would both be refused."""
    one, other = bank.holder("a"), bank.holder("b")
    for each in (one, other):
        each.settle(must_hold(bank, each, (DAILY, 500)), [0])
    assert (500, 500) == (account(one).free, account(other).free)
    came: list[Held | Short] = []
    for each in (one, other):
        waiting(each, came, (DAILY, 600))
    bank.clock.run(WAIT_S)

    assert {Held, Short} == {type(each) for each in came}


def test_a_recall_of_an_account_that_has_just_begun_is_answered_after_its_first_answer(bank: Bank) -> None:
    """Before that nobody can tell what is new in it."""
    one, other = bank.holder("a"), bank.holder("b")
    must_hold(bank, one, (DAILY, 900))
    one._accounts.clear()
    one._after = 1
    came: list[Held | Short] = []
    waiting(other, came, (DAILY, 200))
    waiting(one, came, (DAILY, 50))
    bank.clock.run(RECALL_WAIT_S - 0.001)
    assert [] == came
    bank.clock.run(0.001)

    assert [Short, Held] == [type(each) for each in came]
    assert bank.heard[-1].recalled


def test_a_recall_of_an_account_that_is_unknown_is_answered(bank: Bank) -> None:
    """Nothing is free of it; nobody shall wait for that."""
    one, other = bank.holder("a"), bank.holder("b")
    must_hold(bank, one, (DAILY, 990))
    one._accounts.clear()

    refused = hold(bank, other, (DAILY, 20), wait_s=RECALL_WAIT_S / 2)
    assert isinstance(refused, Short)
    assert not refused.lost


def test_a_raise_is_known_to_who_was_refused(bank: Bank) -> None:
    """Leases are as long again as there is room for."""
    one = bank.holder("a")
    must_hold(bank, one, (DAILY, 1000))
    assert isinstance(hold(bank, one, (DAILY, 1)), Short)
    bank.desk.add_raise(Raise(1, "daily", 4000, MOST))
    bank.desk.look_again("daily")
    bank.clock.run()

    assert 4000 == account(one).room
    must_hold(bank, one, (DAILY, 1))
    assert 1000 == bank.heard[-1].want


def test_what_is_said_about_unknown_accounts_changes_nothing(bank: Bank) -> None:
    """They were dropped in the meantime."""
    one = bank.holder("a")
    must_hold(bank, one, (DAILY, 1000))
    answered = bank.books.answer(bank.heard[0], 1000)
    assert isinstance(hold(bank, one, (DAILY, 1)), Short)
    one._accounts.clear()

    one.granted(answered)
    bank.desk.look_again("daily")
    bank.clock.run()
    assert {} == one._accounts
    must_hold(bank, one, (HOURLY, 5))
    one.granted(answered)
    assert 5 == account(one, HOURLY).held
