"""What the admin port answers, as rows; and one object for programs."""

import orjson

from gateway.cli.top_numbers import numbers
from gateway.cli.top_view import Balance, Busy, Failure, View, balances, busiest, failures, public_view
from gateway.core.record import public
from tests.cli.test_top_numbers import page
from tests.records import record


def spent(name: str | None, cost: int, requests: int = 1) -> dict[str, object]:
    """Make a row of /api/spend."""
    return {
        "team": name, "requests": requests, "input_tokens": 5, "output_tokens": 6,
        "cost_nano_usd": cost, "cost_usd": "x",
    }  # fmt: skip


def test_busiest_are_the_dearest() -> None:
    """Among free ones those who ask most; who has no name is shown all the same."""
    rows = [spent("free", 0, 3), spent(None, 0, 9), spent("dear", 7)]

    assert [Busy("dear", 1, 5, 6, "x"), Busy("-", 9, 5, 6, "x"), Busy("free", 3, 5, 6, "x")] == busiest(rows, "team")


def test_balances_nearest_to_their_limit_come_first() -> None:
    """Of all budgets; requests are no dollars; a limit of nothing is used up."""
    money = {"unit": "usd", "spent_usd": "1.23456", "limit_usd": "1000", "used_percent": 12.5}
    counted = {"unit": "requests", "spent_requests": 1200, "limit_requests": 1500, "used_percent": 80.0}
    nothing = {**money, "balance": "a/nothing", "used_percent": None}
    budgets = [
        {"mode": "soft", "resets_at": None, "balances": [{**money, "balance": "a/b"}, nothing]},
        {"mode": "strict", "resets_at": "2026", "balances": [{**counted, "balance": "a/c#requests"}]},
    ]

    assert [
        Balance("a/nothing", "soft", 100.0, "$1.2345", "$1000.00", None),
        Balance("a/c#requests", "strict", 80.0, "1,200", "1,500 requests", "2026"),
        Balance("a/b", "soft", 12.5, "$1.2345", "$1000.00", None),
    ] == balances(budgets)


def test_failures_are_not_clients_that_left() -> None:
    """Neither is what went well, or still runs."""
    one = record(outcome="timeout", status=504, error="slow")
    others = [record(outcome=outcome) for outcome in ("ok", "cancelled", None)]

    assert [
        Failure(one.id, one.started_at, "search", "ci", "gpt-4o-mini", "openai", 504, "timeout", "slow")
    ] == failures([public(each) for each in [one, *others]])


def test_screen_is_one_object() -> None:
    """All of it can be written as JSON; the tables stand under their names."""
    view = View("http://x", "team", numbers([page(0, 0), page(10, 10)]), [Busy("a", 1, 2, 3, "4")])
    view.missing["budgets"] = "why"
    found = orjson.loads(orjson.dumps(public_view(view)))

    assert ("1970-01-01T00:00:10Z", 10.0, "openai") == (
        found["at"],
        found["requests_per_s"],
        found["providers"][0]["name"],
    )
    assert {"by": "team", "since": "1h", "rows": [Busy("a", 1, 2, 3, "4")._asdict()]} == found["busiest"]
    assert ([], [], {"budgets": "why"}) == (found["budgets"], found["failures"], found["missing"])
