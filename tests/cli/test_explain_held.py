"""The tables of balances and limits: each amount in its unit, nothing where there is nothing."""

import pytest

from gateway.cli.explain_held import print_balances, print_limits
from gateway.core.record import Hold
from gateway.policies.budget import Budget, Budgets
from gateway.policies.explained_money import Bound, asked, held
from gateway.policies.limit import Limit, Quota, Rate
from gateway.policies.windows import parse
from tests.records import record


def test_nothing_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Most installations begin without any budget."""
    print_balances([])
    print_limits([])

    assert "" == capsys.readouterr().out


def test_requests_shared_balances_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests are no dollars; a balance that many share says so; a total never begins anew."""
    budget = Budget("search/loop", parse("total"), limit_requests=300, per=("user",))
    one = record(holds=[Hold("search/loop#requests?user=*", 0, "requests", 1, 1)])
    print_balances(held(one, asked(one, "openai", None), Budgets([budget])))

    (_, row, _) = capsys.readouterr().out.split("\n", 2)
    assert "search/loop (shared) 1 requests 1 requests - soft 300 requests total never" == " ".join(row.split())


def test_amounts_of_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """As they are written, money as money."""
    quotas = (
        Quota("usd_per_minute", "nano_usd", Rate(1_500_000_000, 1, 1)),
        Quota("tokens_per_minute", "tokens", Rate(2_000_000, 1, 1)),
    )
    print_limits([Bound(Limit("search/fast", quotas, 4), "?user=ann")])

    said = "limits search/fast?user=ann: 1.5 usd per minute, 2,000,000 tokens per minute, 4 concurrent"
    assert f"{said}, by the config of now" == " ".join(capsys.readouterr().out.split())
