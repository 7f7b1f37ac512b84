"""What a holder may spend, and what it asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.account import Account, Terms
from gateway.ledger.lease import MOST, Ask, Grant, Place
from gateway.policies.limit import MINUTE_NS, SECOND_NS
from tests.ledger.parts import permits

TERMS = Terms(Place("search/daily", 0), 0, 86_400, 1000, slack=30)
RATE = permits(60, 100)


def account(granted: int = 0) -> Account:
    """Make an account that holds so much."""
    made = Account(TERMS, "w1")
    if granted:
        asked = made.ask(granted, granted)
        assert asked is not None
        made.take(answer(asked, granted, added=granted))
    return made


def answer(asked: Ask, granted: int, room: int = 0, added: int = 0) -> Grant:
    """Make the answer to an ask."""
    return Grant(asked.series, asked.start_s, asked.number, granted, added, room)


def test_a_hold_takes_what_is_free_and_no_more() -> None:
    """A request that comes short holds nothing."""
    one = account(100)

    assert one.hold(60)
    assert not one.hold(41)
    assert one.hold(40)
    assert (0, 100, 2) == (one.free, one.held, one.holds)


def test_a_hold_can_grow_and_shrink() -> None:
    """It stays one hold."""
    one = account(100)
    one.hold(60)

    assert not one.grow(41)
    assert one.grow(40)
    assert one.grow(-30)
    assert (30, 70, 1) == (one.free, one.held, one.holds)


def test_settlement_gives_back_what_was_not_spent() -> None:
    """Of a hold of 60 that cost 45, 15 are free again; of one that cost more, the rest is taken from what is free."""
    one = account(100)
    one.hold(60)
    one.settle(60, 45)

    assert (55, 0, 45) == (one.free, one.held, one.settled)
    one.hold(50)
    one.settle(50, 70)
    assert (-15, 0, 115) == (one.free, one.held, one.settled)


def test_one_ask_is_under_way_at_a_time() -> None:
    """Whoever comes short meanwhile waits for the same answer; it can be sent again as it is."""
    one = account()
    asked = one.ask(10, 50)

    assert Ask("search/daily", 0, 0, "w1", 1, 0, 0, 10, 50, 1000, 86_400) == asked == one.under_way
    assert one.ask(5, 5) is None
    assert one.give_back() is None


def test_only_the_answer_that_is_waited_for_counts() -> None:
    """One that comes twice, or late, changes nothing: what it speaks of may have been returned since."""
    one = account(100)
    late = Grant("search/daily", 0, 1, 100, 100, 0)

    assert not one.take(late)
    assert one.give_back(keep=20) is not None
    assert not one.take(late)
    assert 20 == one.free


def test_what_is_returned_is_gone_at_once() -> None:
    """Before anybody has answered."""
    one = account(100)
    one.hold(30)

    asked = one.give_back(keep=10)

    assert asked is not None
    assert (60, 10) == (asked.back, one.free)
    assert one.take(answer(asked, 40, room=60))
    assert (10, 60) == (one.free, one.room)
    assert one.give_back(keep=10) is None


def test_a_debt_is_told_with_the_next_ask() -> None:
    """And once: it is charged whatever the answer is."""
    one = account(10)
    one.hold(10)
    one.settle(10, 25)

    asked = one.ask(5, 5)

    assert asked is not None
    assert (15, 15) == (asked.debt, one.owed)
    assert one.take(answer(asked, 25))
    assert (0, 0) == (one.free, one.owed)
    again = one.ask(5, 5)
    assert again is not None
    assert 0 == again.debt


def test_a_debt_is_told_though_nobody_waits() -> None:
    """When idle accounts are looked through."""
    one = account(10)
    one.hold(10)
    one.settle(10, 25)

    asked = one.give_back()

    assert asked is not None
    assert (0, 15) == (asked.back, asked.debt)


def test_what_was_spent_is_told_though_nothing_is_left() -> None:
    """Else nobody could know that the lease is used up; then the account may be dropped."""
    one = account(10)
    one.hold(10)
    one.settle(10, 10)

    assert not one.is_quiet
    asked = one.give_back()

    assert asked is not None
    assert (0, 0, 10) == (asked.back, asked.debt, asked.settled)
    assert not one.is_quiet
    assert one.take(answer(asked, 10))
    assert one.is_quiet
    assert one.give_back() is None


def overtaken() -> tuple[Account, Ask, Ask]:
    """Make an account with 70 of 100 held, whose ask for 50 is overtaken by one that returns the rest and wants 80."""
    one = account(100)
    one.hold(70)
    first = one.ask(need=50, want=50)
    one.recalled = 7
    second = one.ask_instead(80, 80, back=30)
    assert first is not None
    assert second is not None
    assert (3, 30, 80, 7) == (second.number, second.back, second.need, second.recalled)
    assert 0 == one.recalled
    return one, first, second


def test_a_later_ask_takes_the_place_of_one_without_an_answer() -> None:
    """What the first brought is there as soon as that is known, and what the second returned is not."""
    one, first, second = overtaken()
    assert one.take(answer(first, 150, added=50))
    assert (50, second) == (one.free, one.under_way)
    assert not one.take(answer(first, 150, added=50))

    assert one.take(answer(second, 200, added=80))
    assert (130, None) == (one.free, one.under_way)


def test_the_last_answer_is_enough() -> None:
    """Whether the first ask was granted, or never heard of; its answer then comes too late."""
    for granted, free in ((200, 130), (150, 80)):
        one, first, second = overtaken()

        assert one.take(answer(second, granted, added=80))
        assert free == one.free
        assert not one.take(answer(first, 150, added=50))


def test_a_return_that_nobody_heard_of_comes_back() -> None:
    """It is charged to this holder all the same."""
    one = account(100)
    one.ask_instead(0, 0, back=30)
    second = one.ask_instead(0, 0, back=0)

    assert second is not None
    assert 70 == one.free
    assert one.take(answer(second, 100))
    assert 100 == one.free


def test_a_debt_that_nobody_heard_of_comes_back() -> None:
    """The ask that told it was overtaken in the wire; until then it counts as owed."""
    one = account(10)
    one.hold(10)
    one.settle(10, 25)
    one.ask(5, 5)
    second = one.ask_instead(5, 5, back=0)

    assert second is not None
    assert (0, 15) == (second.debt, one.owed)
    assert one.take(answer(second, 10))
    assert -15 == one.free


def test_a_debt_is_owed_until_the_ask_that_told_it_is_answered() -> None:
    """The answer to an earlier one says nothing about it."""
    one = account(10)
    one.hold(10)
    first = one.ask(5, 5)
    one.settle(10, 25)
    second = one.ask_instead(5, 5, back=0)

    assert first is not None
    assert second is not None
    assert one.take(answer(first, 15, added=5))
    assert (5, 15) == (one.free, one.owed)
    assert one.take(answer(second, 35, added=5))
    assert (10, 0) == (one.free, one.owed)


def test_nothing_takes_the_place_of_a_first_ask() -> None:
    """What its answer would say to be new could not be told from what the lease held before."""
    one = account()
    one.ask(10, 10)

    assert one.ask_instead(10, 10, back=0) is None


def test_what_a_lease_held_before_the_account_counts_as_spent() -> None:
    """An account that was dropped and is made again must not spend the same money twice."""
    again = Account(TERMS, "w1", after=5)
    asked = again.ask(10, 50)

    assert asked is not None
    assert 6 == asked.number
    assert again.take(answer(asked, 90, added=50))
    assert (50, 40, 90) == (again.free, again.settled, again.granted)


def test_slack_goes_below_zero_once() -> None:
    """What is owed already, told or not, is a part of it."""
    one = account(10)

    assert one.hold(35, one.trust)
    assert not one.hold(6, one.trust)
    assert one.hold(5, one.trust)
    asked = one.give_back()
    assert asked is not None
    assert (30, 0, 0) == (asked.debt, one.free, one.trust)


def test_amounts_that_no_message_can_carry_are_cut() -> None:
    """Nobody has so much money."""
    huge = Account(Terms(Place("x", 0), 0, 1, MOST * 8, slack=MOST * 8), "w1")

    asked = huge.ask(MOST * 4, MOST * 4)

    assert asked is not None
    assert {MOST} == {asked.need, asked.want, asked.limit, huge.terms.slack}


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 150)), max_size=30))
def test_the_parts_of_a_lease_always_add_up(requests: list[tuple[int, int]]) -> None:
    """What is settled, held and free is what was granted; nothing is held once all is settled."""
    one = account(500)
    for held, cost in requests:
        if one.hold(held):
            assert held == one.held
            one.settle(held, cost)

        assert one.granted == one.settled + one.free
        assert 0 == one.held


@pytest.mark.parametrize("want", [0, 5, 50])
def test_never_less_is_wanted_than_is_needed(want: int) -> None:
    """Whatever a caller says would be good to have."""
    asked = account().ask(10, want)

    assert asked is not None
    assert max(10, want) == asked.want


# ==== rates ===========================================================================================================


def of_rate(granted: int) -> Account:
    """Make an account that has so many permits."""
    made = Account(RATE, "w1")
    asked = made.ask(granted, granted)
    assert asked is not None
    made.take(answer(asked, granted, added=granted))
    return made


def test_a_permit_is_spent_when_it_is_held() -> None:
    """The ask that follows says so, whether the request still runs or not."""
    one = of_rate(50)
    one.hold(30)
    one.hold(10)
    one.release(10)

    asked = one.ask(0, 5)
    assert asked is not None
    assert (30, 60, MINUTE_NS, 100) == (asked.settled, asked.rate, asked.per_ns, asked.limit)
    assert not one.is_untold
    assert not one.is_quiet


def test_what_was_not_needed_is_told_and_not_free() -> None:
    """It may have drained away: the authority knows. The oldest of them says since when."""
    one = of_rate(50)
    for amount, cost, mark in ((10, 4, 3), (20, 20, 1), (10, 9, 7)):
        one.hold(amount)
        one.settle(amount, cost, mark)
    assert (10, 0) == (one.free, one.holds)

    asked = one.give_back(keep=MOST)
    assert asked is not None
    assert (40, 7, 3) == (asked.settled, asked.unused, asked.since)
    one.take(answer(asked, 50))
    one.hold(1)
    asked = one.give_back(keep=MOST)
    assert asked is not None
    assert (41, 0, 0) == (asked.settled, asked.unused, asked.since)


def test_what_cost_more_is_taken_from_what_is_free_and_owed_beyond() -> None:
    """The authority hears of a debt, and of all as spent."""
    one = of_rate(50)
    one.hold(40)
    one.settle(40, 45)
    assert 5 == one.free
    one.settle(0, 8)

    asked = one.give_back()
    assert asked is not None
    assert (3, 53, 0) == (asked.debt, asked.settled, one.free)


def test_an_account_of_a_rate_can_begin_anew() -> None:
    """Permits are forgotten, and so are asks; what is owed is not, and no number comes again."""
    one = of_rate(50)
    one.hold(10)
    one.ask(100, 100)
    one.restart()
    assert (0, None, None) == (one.free, one.under_way, one.room)
    one.hold(30, beyond=MOST)
    one.restart()

    asked = one.ask(5, 5)
    assert Ask("search/limit-1#requests", 0, 0, "w1", 3, 0, 30, 5, 5, 100, MOST, 30, 0, 60, MINUTE_NS) == asked
    one.take(answer(asked, 35, added=5))
    assert 5 == one.free


def test_what_is_owed_drains_as_the_bucket_would() -> None:
    """And is never more than what fills it."""
    one = of_rate(0)
    one.hold(70, beyond=MOST)
    one.drain(30 * SECOND_NS)
    assert -40 == one.free
    one.drain(60 * SECOND_NS)
    assert 0 == one.free
    one.hold(1000, beyond=MOST)
    one.drain(SECOND_NS)
    assert -100 == one.free
