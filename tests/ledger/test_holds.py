"""What a request has set aside, and who waits for how much."""

import pytest

from gateway.ledger.account import Account
from gateway.ledger.holds import Held, Short, Wait
from gateway.ledger.lease import Grant
from gateway.policies.limit import SECOND_NS
from tests.ledger.parts import permits, terms


def test_the_journal_learns_what_is_held() -> None:
    """Series, window, amount."""
    one, other = terms("a"), terms("b", start_s=60)

    assert [("a", 0, 5), ("b", 60, 7)] == Held([Account(one, "w1"), Account(other, "w1")], [5, 7]).places()


def test_a_wait_knows_which_asks_were_made_without_it() -> None:
    """A refusal of those says nothing about it."""
    account = Account(terms(), "w1")
    account.ask(1, 1)

    assert 1 == Wait(Short([], account, account.terms, 5), account, account.terms, 5).since


def test_who_makes_do_with_less_needs_no_more_of_the_others() -> None:
    """Of one balance it holds less than it asked for."""
    poor, rich = terms("poor"), terms("rich")
    account = Account(poor, "w1")
    short = Short([(rich, 5), (poor, 5)], account, poor, 5)
    waits = Wait(short, account, poor, 5)
    waits.make_do(3)

    assert 3 == waits.amount
    assert [(rich, 5), (poor, 3)] == short.demands


@pytest.mark.parametrize(
    ("free", "room", "partial", "fits"),
    [(3, 2, False, True), (4, 0, False, False), (1, -9, True, True), (0, 0, True, False)],
)
def test_what_has_come_free_since_a_refusal_is_known(free: int, room: int, partial: bool, fits: bool) -> None:
    """All that is needed, or of what can be taken in part anything; unless it is no refusal."""
    of = terms()
    of.partial = partial
    account = Account(of, "w1")
    account.free, account.room = free, room
    short = Short([], account, of, 5)

    assert fits == short.fits
    short.late = True
    assert not short.fits


def short_of(rate: int, amount: int, *, room: int, full_ns: int, free: int = 0) -> Short:
    """Come short of a rate with a burst of 100, as the authority has said that it stands."""
    of = permits(rate, 100, per_ns=SECOND_NS)
    account = Account(of, "w1")
    asked = account.ask(free, free)
    assert asked is not None
    account.take(Grant(asked.series, 0, 1, free, free, room, full_ns))
    return Short([], account, of, amount)


def test_who_comes_short_of_a_rate_knows_how_long_to_wait() -> None:
    """Until there is room for what is needed beyond what is free here; rounded up."""
    short = short_of(10, 20, room=5, full_ns=9_500_000_000)
    assert (1_500_000_000, 5, 9_500_000_000) == (short.wait_ns, short.left, short.full_ns)

    assert (500_000_000, 15) == (
        (one := short_of(10, 20, room=5, full_ns=9_500_000_000, free=10)).wait_ns,
        one.left,
    )
    assert 15 * SECOND_NS == short_of(10, 20, room=-130, full_ns=23 * SECOND_NS).wait_ns
    assert 333_333_334 == short_of(3, 1, room=0, full_ns=33_333_333_334).wait_ns


def test_sometimes_nobody_knows_how_long_to_wait() -> None:
    """Of money, where there is no rate at all, before the first answer, and where it should have been enough."""
    account = Account(terms(), "w1")
    unheard = Account(permits(10), "w1")
    shorts = [
        Short([], account, account.terms, 5),
        Short([], unheard, unheard.terms, 5),
        short_of(0, 1, room=0, full_ns=0),
        short_of(10, 1, room=50, full_ns=0),
    ]

    assert [None] * 4 == [short.wait_ns for short in shorts]
    assert [None, None, None, 0] == [short.full_ns for short in shorts]
    assert [0, 0, 0, 50] == [short.left for short in shorts]
