"""Whose a balance is follows the config."""

from gateway.app.owners import Owners
from gateway.ledger.lease import MOST, Place
from gateway.policies.budget import Budget, Budgets
from gateway.policies.windows import parse

DAILY = Budget("search/daily", parse("day"), limit_nano_usd=50)


def test_a_reload_changes_whose_a_balance_is() -> None:
    """What config no longer names is nobody's."""
    owners = Owners(Budgets([DAILY]))
    assert (DAILY, "usd", 50) == owners.of("search/daily")
    owners.use(Budgets())

    assert owners.of("search/daily") is None


def test_a_balance_is_kept_as_long_as_it_may_count() -> None:
    """By its window; for longer than any where nobody knows that."""
    owners = Owners(Budgets([DAILY]))

    assert 86_400 * 11 == owners.over_s(Place("search/daily", 86_400 * 10))
    assert 86_400 * 410 == owners.over_s(Place("search/gone", 86_400 * 10))
    assert MOST == owners.over_s(Place("search/gone", 0))
