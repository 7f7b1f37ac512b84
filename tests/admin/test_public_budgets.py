"""Programs read exact amounts, and which balance they are about."""

from gateway.admin.public_budgets import (
    public_balance,
    public_bar,
    public_deed,
    public_leases,
    public_raise,
    public_standing,
)
from gateway.admin.standings import Balance, Standing
from gateway.ledger.desk import LeaseState, SeriesState
from gateway.ledger.file import Bar, Deed, Raise
from gateway.ledger.lease import MOST
from gateway.policies.windows import parse
from tests.policies.test_budget import budget

NOON_S = 1_795_435_200  # 2026-11-23T12:00:00Z
RAISED = Deed(7, NOON_S, "ann", "why", "raise", "a/x?user=ann", None, -1_500_000_000, NOON_S + 60)


def test_money_is_text_and_whole_nano_usd() -> None:
    """Requests are numbers; without a limit nothing is a part of it."""
    state = SeriesState(None, 5, 2, 1)
    money = public_balance(Balance("a/x", "usd", 0, 0, state))
    requests = public_balance(Balance("a/x#requests", "requests", 8, 2, state))

    assert (3, "0.000000003", None) == (money["spent_nano_usd"], money["spent_usd"], money["used_percent"])
    names = ("spent", "reserved", "left", "limit", "raised")
    assert (3, 2, 5, 10, 2) == tuple(requests[f"{name}_requests"] for name in names)
    assert 30.0 == requests["used_percent"]
    assert "spent_usd" not in requests


def test_a_day_is_told_in_its_zone() -> None:
    """Instants are UTC all the same."""
    one = budget(window=parse("day", "Europe/Paris"), mode="strict")
    told = public_standing(Standing(one, NOON_S, [], 0))

    assert ("day", "Europe/Paris", "2026-11-22T23:00:00Z", "2026-11-23T23:00:00Z", "2026-11-23T23:00:00Z") == tuple(
        told[name] for name in ("window", "timezone", "window_start", "window_end", "resets_at")
    )


def test_leases_by_worker() -> None:
    """What each has spent and still holds; a dead one is not connected."""
    state = SeriesState(None, 30, 12, 0, {"w2": LeaseState(20, 5), "w1": LeaseState(10, 7)})
    told = public_leases(Balance("a/x", "usd", 100, 0, state), lambda holder: holder == "w1")

    assert [("w1", True, 7, 3), ("w2", False, 5, 15)] == [
        (one["holder"], one["connected"], one["spent_nano_usd"], one["reserved_nano_usd"]) for one in told
    ]


def test_a_deed_says_what_it_was_done_to() -> None:
    """And a raise who made it, as far as the trail has it."""
    told = public_deed(RAISED)
    lasting = public_deed(Deed(8, NOON_S, "a", "b", "correct", "a/x#requests?user=*", 0, 5))

    assert {
        "id": 7,
        "at": "2026-11-23T12:00:00Z",
        "who": "ann",
        "why": "why",
        "what": "raise",
        "budget": "a/x",
        "balance": "a/x?user=ann",
        "unit": "usd",
        "values": {"user": "ann"},
        "shared": False,
        "every": False,
        "window_start": None,
        "amount_nano_usd": -1_500_000_000,
        "amount_usd": "-1.5",
        "until": "2026-11-23T12:01:00Z",
    } == told
    assert ({}, True, 5, None) == tuple(lasting[name] for name in ("values", "shared", "amount_requests", "until"))
    found = [public_raise(Raise(number, "a/x?", 1, MOST), {7: RAISED}) for number in (7, 9)]
    assert [("ann", "why", None, True), (None, None, None, True)] == [
        (one["who"], one["why"], one["until"], one["every"]) for one in found
    ]


def test_what_bars_a_model_and_what_is_done_about_it_name_the_model() -> None:
    """Never as if it were a budget, whatever it is called."""
    bar = public_bar(Bar("search/daily", NOON_S, "e1", 1_500_000_000, 5, 0))
    deed = public_deed(Deed(9, NOON_S, "tollway", "why", "bar", "model:search/daily", None, 7))

    assert {
        "model": "search/daily",
        "at": "2026-11-23T12:00:00Z",
        "exchange": "e1",
        "cost_nano_usd": 1_500_000_000,
        "cost_usd": "1.5",
        "bound_nano_usd": 5,
        "bound_usd": "0.000000005",
    } == bar
    assert {
        "id": 9,
        "at": "2026-11-23T12:00:00Z",
        "who": "tollway",
        "why": "why",
        "what": "bar",
        "model": "search/daily",
        "amount_nano_usd": 7,
        "amount_usd": "0.000000007",
    } == deed
