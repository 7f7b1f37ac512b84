"""A balance is found by its name, and counts as long as its budget's window says."""

from datetime import UTC, datetime

from gateway.policies.budget import Budget, Budgets, series
from gateway.policies.standing import owner_of, owners
from gateway.policies.windows import parse

DAILY = Budget("search/daily", parse("day"), limit_nano_usd=50, limit_requests=9, per=("user", "key"))
TOTAL = Budget("company/all", parse("total"), limit_nano_usd=7)
ROLLING = Budget("search/agents", parse("rolling:5h"), limit_nano_usd=7)
KNOWN = owners(Budgets([DAILY, TOTAL, ROLLING]))
NOON_S = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())


def test_a_balance_is_found_by_its_series() -> None:
    """Of each unit, and whatever it is parted by."""
    money, requests = (series(DAILY, unit, ("a?b", "c#d")) for unit in ("usd", "requests"))

    found = [owner_of(KNOWN, name) for name in (money, requests, "company/all")]
    assert [(DAILY, "usd", 50), (DAILY, "requests", 9), (TOTAL, "usd", 7)] == found


def test_a_balance_of_nobody_is_not_found() -> None:
    """A limit's, one of a budget that is gone, and one of a unit that is no longer limited."""
    names = ("search/daily#concurrent?user=a&key=b", "search/gone", "company/all#requests")

    assert [None] * 3 == [owner_of(KNOWN, name) for name in names]


def test_a_balance_is_over_when_its_window_is() -> None:
    """A bucket of a rolling one when it has left the window; a total never is."""
    over = [owner.over_s(NOON_S) - NOON_S for name in KNOWN if (owner := owner_of(KNOWN, name))]

    assert [12 * 3600, 12 * 3600, (1 << 60) - NOON_S, 5 * 3600 + 300] == over
