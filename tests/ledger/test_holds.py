"""What a request has set aside, and who waits for how much."""

from gateway.ledger.account import Account
from gateway.ledger.holds import Held, Short, Wait, give_way, part
from tests.ledger.parts import terms


def queue(*amounts: int) -> list[Wait]:
    """Let so much be waited for."""
    account = Account(terms(), "w1")
    return [Wait(Short([], account, account.terms, amount), account, account.terms, amount) for amount in amounts]


def test_the_journal_learns_what_is_held() -> None:
    """Series, window, amount."""
    one, other = terms("a"), terms("b", start_s=60)

    assert [("a", 0, 5), ("b", 60, 7)] == Held([Account(one, "w1"), Account(other, "w1")], [5, 7]).places()


def test_a_wait_knows_which_asks_were_made_without_it() -> None:
    """A refusal of those says nothing about it."""
    account = Account(terms(), "w1")
    account.ask(1, 1)

    assert 1 == Wait(Short([], account, account.terms, 5), account, account.terms, 5).since


def test_who_needs_more_than_is_free_lacks_it() -> None:
    """For the others some of it is set aside, first come first served; what then is left is spare."""
    waits = queue(60, 200, 50, 30)

    assert ([waits[1]], 10) == part(waits, 100)
    assert (waits, -5) == part(waits, -5)
    assert ([], 100) == part([], 100)


def test_who_has_what_it_needs_gives_way() -> None:
    """It waits for the rest, and asks for nothing here until that is there."""
    waits = queue(60, 200, 50)

    assert [waits[1]] == give_way(waits, 100)
    assert ([waits[1]], 0) == part(waits, 0)
    assert [waits[1]] == give_way(waits, 0)
