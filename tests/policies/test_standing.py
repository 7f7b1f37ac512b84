"""A balance is found by its name, counts as long as its budget's window says, and passes each threshold once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.budget import Budget, Budgets, series
from gateway.policies.standing import Level, amount_text, owner_of, owners, passed
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

    assert [12 * 3600, 12 * 3600, (1 << 60) - NOON_S, 5 * 3600 + 600] == over


@given(st.integers(1, 100_000), st.integers(0, 10**9), st.integers(0, 200_000))
def test_a_bucket_that_is_over_is_out_of_reach(length_s: int, at_s: int, later_s: int) -> None:
    """Whatever the window's length: what still counts is never forgotten."""
    budget = Budget("search/agents", parse(f"rolling:{length_s}s"), limit_nano_usd=7)
    start_s = budget.window.span(at_s).start_s
    over_s = owners(Budgets([budget]))["search/agents"].over_s(start_s)

    assert start_s < budget.window.reach(over_s + later_s)


def level(spent: int, charged: int | None = None, *, limit: int = 200, is_refused: bool = False) -> Level:
    """Make a level; what is spent is charged."""
    return Level(limit, spent, spent if charged is None else charged, is_refused)


@pytest.mark.parametrize(
    ("stands", "before", "after"),
    [
        (level(99), (), ()),
        (level(100), (), (50,)),
        (level(200, limit=199), (), (50, 80, 100)),
        (level(0, 200), (), ()),
        (level(0, 199, is_refused=True), (), (100,)),
        (level(0, 189, is_refused=True), (), ()),
        (level(180, 190, is_refused=True), (50,), (50, 80, 100)),
        (level(180, 190), (50, 80, 100), (50, 80, 100)),
        (level(180, 189), (50, 80, 100), (50, 80)),
        (level(90, 90), (50, 80), ()),
        (level(160, limit=400), (50, 80), ()),
        (level(0, limit=0), (), ()),
        (level(1, limit=0), (), (50, 80, 100)),
        (level(0, limit=0, is_refused=True), (), (50, 80, 100)),
        (level(-5), (50,), ()),
    ],
)
def test_thresholds_are_passed_by_what_is_spent(stands: Level, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """The whole by what is charged, too, if somebody got nothing; a raise or a correction takes them back."""
    assert after == passed(stands, (50, 80, 100), before)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 300), st.booleans())))
def test_a_threshold_is_told_once_while_spending_only_grows(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever is held beside it, and whoever is refused; but for the whole, which can be held and come free again."""
    spent, before, told = 0, (), []
    for step, held, is_refused in steps:
        spent += step
        after = passed(level(spent, spent + held, is_refused=is_refused), (50, 80, 100), before)
        told += [percent for percent in after if percent not in before and percent != 100]
        before = after

    assert sorted(set(told)) == told
    assert [percent for percent in (50, 80) if spent >= 2 * percent] == told


@pytest.mark.parametrize(
    ("unit", "amount", "text"),
    [
        ("usd", 40_000_000_000, "$40.00"),
        ("usd", 1_500, "$0.0000015"),
        ("usd", -2_500_000_000, "-$2.50"),
        ("requests", 1200, "1,200 requests"),
    ],
)
def test_amounts_are_written_for_people(unit: str, amount: int, text: str) -> None:
    """Exactly, with cents at least."""
    assert text == amount_text(unit, amount)
