"""Samples name their budget; what there is none of is not shown (test_budget_watch.py shows the numbers)."""

from pathlib import Path

from gateway.app.budget_gauges import BudgetGauges
from gateway.app.budget_watch import BudgetWatch
from gateway.app.owners import Owners
from gateway.ledger.server import Server
from gateway.metrics import catalogue
from gateway.policies.budget import Budget, Budgets
from gateway.policies.windows import parse


async def test_a_budget_of_both_has_one_end(tmp_path: Path) -> None:
    """Of money and requests; a rolling one has none, nor has one that is parted anything."""
    both = Budget("search/daily", parse("day"), limit_nano_usd=5, limit_requests=9)
    rolling = Budget("search/agents", parse("rolling:5h"), limit_nano_usd=5)
    parted = Budget("search/users", parse("day"), limit_nano_usd=5, per=("user",))
    server = await Server.open(tmp_path)
    watch = BudgetWatch(server, Owners(Budgets([both, rolling, parted])), lambda: 10.0)
    await watch.look()
    samples = BudgetGauges(watch, server).samples()
    await server.stop()

    assert [(("search/daily",), 86_400)] == list(samples[catalogue.BUDGET_ENDS])
    assert [(("search/daily",), 5), (("search/agents",), 5)] == list(samples[catalogue.BUDGET_LIMIT])
    assert [(("search/daily",), 9)] == list(samples[catalogue.BUDGET_LIMIT_REQUESTS])
