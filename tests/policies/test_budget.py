"""Which budgets a request spends from, and the names of their balances."""

from datetime import UTC

import pytest

from gateway.policies.budget import Balances, Budget, Budgets, series
from gateway.policies.patterns import Patterns
from gateway.policies.scope import Caller, Scope
from gateway.policies.windows import Window, parse

DAY = Window("day", UTC)
ANN = Caller("search", "ci", "ann", "s1")
DAY_S = 86_400


def budget(name: str = "search/daily", *, usd: int | None = 1, requests: int | None = None, **more: object) -> Budget:
    """Make a budget."""
    more.setdefault("window", DAY)
    return Budget(id=name, limit_nano_usd=usd, limit_requests=requests, **more)  # type: ignore[arg-type]


def test_the_companys_budgets_hold_beside_a_teams_own() -> None:
    """A team adds to what it is held to, and takes nothing away."""
    company = budget("company/all")
    of_search = budget("company/search", scope=Scope(team=Patterns(["search"])))
    of_ads = budget("company/ads", scope=Scope(team=Patterns(["ads"])))
    own = budget("search/daily", usd=10**18, scope=Scope(team=Patterns(["search"])))
    budgets = Budgets([company, of_search, of_ads, own])

    assert (company, of_search, own) == budgets.applying(ANN, ("gpt-4o",), "openai")
    assert (company,) == budgets.applying(ANN._replace(team="docs"), ("gpt-4o",), "openai")
    assert () == Budgets().applying(ANN, ("gpt-4o",), "openai")


def test_a_budget_knows_whose_it_is_and_what_it_counts() -> None:
    """Its id begins with the owner; money and requests are two balances."""
    both = budget(usd=5, requests=7)

    assert ("search", (("usd", 5), ("requests", 7))) == (both.owner, both.limits)
    assert (("requests", 7),) == budget(usd=None, requests=7).limits


@pytest.mark.parametrize(
    ("unit", "per", "values", "name"),
    [
        ("usd", (), (), "search/daily"),
        ("requests", (), (), "search/daily#requests"),
        ("usd", ("user",), ("ann",), "search/daily?user=ann"),
        ("requests", ("user", "session"), ("ann", "s 1"), "search/daily#requests?user=ann&session=s%201"),
    ],
)
def test_series_names(unit: str, per: tuple[str, ...], values: tuple[str, ...], name: str) -> None:
    """Budget, what it counts, whose it is: the key of the ledger."""
    assert name == series(budget(per=per), unit, values)


def test_a_worker_names_all_balances_of_a_budget() -> None:
    """One for each limit, in the order of `limits`, as `series` writes them."""
    balances = Balances()
    both = budget(usd=5, requests=7, per=("user",))

    named = balances.series(both, ("ann",), 0.0)

    assert tuple(series(both, unit, ("ann",)) for unit, _ in both.limits) == named
    assert ("search/daily",) == balances.series(budget(), (), 0.0)


def test_balances_beyond_the_most_are_shared_until_the_window_ends() -> None:
    """So that no caller can make a worker remember more than it should, and no session of yesterday is in the way."""
    balances = Balances()
    few = budget(per=("session",), max_balances=2)

    def named(*sessions: str, at_s: float) -> list[str]:
        return [balances.series(few, (session,), at_s)[0].partition("=")[2] for session in sessions]

    assert ["a", "b", "*", "a"] == named("a", "b", "c", "a", at_s=1.0)
    assert ["c", "a", "*"] == named("c", "a", "b", at_s=float(DAY_S))


def test_a_rolling_window_forgets_after_its_length() -> None:
    """It has no beginning of its own."""
    balances = Balances()
    few = budget(per=("session",), max_balances=1, window=parse("rolling:1h"))

    named = [balances.series(few, (session,), at_s)[0][-1] for session, at_s in (("a", 0), ("b", 3_599), ("b", 3_600))]

    assert ["a", "*", "b"] == named


def test_a_reload_forgets_nobody_unless_the_parts_change() -> None:
    """Raising a limit keeps everybody's balance; another `per` begins anew; what is gone is dropped."""
    balances = Balances()
    few = budget(per=("user",), max_balances=1)
    balances.series(few, ("ann",), 0.0)

    raised = balances.series(budget(usd=9, per=("user",), max_balances=1), ("bob",), 0.0)
    wider = balances.series(budget(usd=9, per=("user",), max_balances=2), ("bob",), 0.0)
    balances.keep(Budgets())

    assert ("search/daily?user=*",) == raised
    assert ("search/daily?user=bob",) == wider
    assert {} == balances._parted


def test_another_count_is_another_set_of_names() -> None:
    """Requests counted from now on are named from now on."""
    balances = Balances()
    balances.series(budget(), (), 0.0)

    assert ("search/daily", "search/daily#requests") == balances.series(budget(requests=3), (), 0.0)
