"""What a holder may spend, and what it asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.account import Account
from gateway.ledger.lease import Ask, Grant, Place


def account(granted: int = 0) -> Account:
    """Make an account that holds so much."""
    made = Account(Place("search/daily", 0), 0, "w1")
    if granted:
        asked = made.ask(granted, granted)
        assert asked is not None
        made.take(answer(asked, granted))
    return made


def answer(asked: Ask, granted: int, room: int = 0) -> Grant:
    """Make the answer to an ask."""
    return Grant(asked.series, asked.start_s, asked.number, granted, 0, room)


def test_a_hold_takes_what_is_free_and_no_more() -> None:
    """A request that comes short holds nothing."""
    one = account(100)

    assert one.hold(60)
    assert not one.hold(41)
    assert one.hold(40)
    assert (0, 100) == (one.free, one.held)


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

    assert Ask("search/daily", 0, 0, "w1", 1, 0, 0, 10, 50) == asked == one.under_way
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
    assert 15 == asked.debt
    assert one.take(answer(asked, 25))
    assert 0 == one.free
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


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 150)), max_size=30))
def test_the_parts_of_a_lease_always_add_up(requests: list[tuple[int, int]]) -> None:
    """What is settled, held and free is what was granted."""
    one = account(500)
    for held, cost in requests:
        if one.hold(held):
            one.settle(held, cost)

        assert one.granted == one.settled + one.held + one.free


@pytest.mark.parametrize("want", [0, 5, 50])
def test_never_less_is_wanted_than_is_needed(want: int) -> None:
    """Whatever a caller says would be good to have."""
    asked = account().ask(10, want)

    assert asked is not None
    assert max(10, want) == asked.want
