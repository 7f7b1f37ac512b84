"""What people write about budgets and limits becomes what decisions use, to the nano-dollar."""

import tomllib
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from gateway.config.budgets import RATES, compile_budgets, compile_facts, compile_limits
from gateway.config.model import Budget, Limit, ModelFacts
from gateway.policies.budget import Budget as Compiled
from gateway.policies.limit import MINUTE_NS, SECOND_NS, UNITS, Rate
from gateway.policies.model_facts import Facts
from gateway.policies.routing import Provider
from gateway.policies.scope import Caller
from gateway.policies.windows import Window

LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1")


def budgets(text: str) -> list[Budget]:
    """Read [[budgets]]."""
    return [Budget.model_validate(each) for each in tomllib.loads(text)["budgets"]]


def limits(text: str) -> list[Limit]:
    """Read [[limits]]."""
    return [Limit.model_validate(each) for each in tomllib.loads(text)["limits"]]


def test_the_least_that_can_be_written() -> None:
    """Everything else has the default that the documents name."""
    (compiled,) = compile_budgets([], {"search": budgets("[[budgets]]\nwindow='day'\nlimit_usd='0.05'")}).all

    assert ("search/day", Window("day", UTC), 50_000_000, None) == (
        compiled.id, compiled.window, compiled.limit_nano_usd, compiled.limit_requests,
    )  # fmt: skip
    usual = Compiled("search/day", Window("day", UTC))
    for name in ("mode", "midstream", "on_disconnect", "per", "max_balances", "fallback", "budget_fit",
                 "on_authority_loss", "slack_nano_usd", "thresholds", "exceeded_status"):  # fmt: skip
        assert getattr(usual, name) == getattr(compiled, name), name


def test_everything_that_can_be_written() -> None:
    """In the units of the ledger."""
    (compiled,) = compile_budgets(
        budgets(
            """
            [[budgets]]
            name = "all"
            window = "week"
            timezone = "Europe/Paris"
            limit_usd = "1.000000001"
            limit_requests = 7
            mode = "strict"
            on_disconnect = "drain"
            per = ["user", "model"]
            max_balances = 3
            on_exceeded = "fallback:cheap"
            budget_fit = "shrink_max_tokens"
            on_authority_loss = "slack:0.50"
            thresholds = [100, 50, 50]
            exceeded_status = 422
            """
        ),
        {},
    ).all

    assert "company/all" == compiled.id
    assert Window("week", ZoneInfo("Europe/Paris")) == compiled.window
    assert (1_000_000_001, 7) == (compiled.limit_nano_usd, compiled.limit_requests)
    assert ("strict", "drain", ("user", "model"), 3) == (
        compiled.mode, compiled.on_disconnect, compiled.per, compiled.max_balances,
    )  # fmt: skip
    assert ("cheap", "shrink_max_tokens", "slack", 500_000_000) == (
        compiled.fallback, compiled.budget_fit, compiled.on_authority_loss, compiled.slack_nano_usd,
    )  # fmt: skip
    assert ((50, 100), 422) == (compiled.thresholds, compiled.exceeded_status)


@pytest.mark.parametrize(("mode", "loss"), [("soft", "deny"), ("strict", "deny"), ("track", "allow")])
def test_what_only_counts_holds_nothing_up(mode: str, loss: str) -> None:
    """While nobody hands out money, budgets that promise something refuse."""
    (compiled,) = compile_budgets(budgets(f"[[budgets]]\nwindow='day'\nlimit_usd=1\nmode='{mode}'"), {}).all

    assert loss == compiled.on_authority_loss


def test_a_team_speaks_for_itself_alone() -> None:
    """Whatever its file says: what the company says of it holds in addition, and what it says holds for nobody else."""
    company = """
        [[budgets]]
        name = "all"
        window = "day"
        limit_usd = 1
        [[budgets]]
        name = "ads"
        window = "day"
        limit_usd = 1
        scope = { team = "ads" }
        """
    own = "[[budgets]]\nname='mine'\nwindow='day'\nlimit_usd=9\nscope={team='*', model='gpt-*'}"
    compiled = compile_budgets(budgets(company), {"ads": [], "search": budgets(own)})

    def names(team: str, model: str) -> list[str]:
        return [budget.id for budget in compiled.applying(Caller(team, "ci"), (model,), "openai")]

    assert ["company/all", "search/mine"] == names("search", "gpt-4o")
    assert ["company/all"] == names("search", "claude-9")
    assert ["company/all", "company/ads"] == names("ads", "gpt-4o")


def test_a_budget_without_a_name_is_called_as_its_window() -> None:
    """In a way that can be written on a command line."""
    compiled = compile_budgets(budgets("[[budgets]]\nwindow='rolling:5h'\nlimit_usd=1"), {})

    assert ["company/rolling-5h"] == [budget.id for budget in compiled.all]


def test_limits_become_rates() -> None:
    """In units a period, with a period's worth at once unless `burst` says otherwise."""
    text = """
        [[limits]]
        requests_per_second = 5
        tokens_per_minute = 2_000_000
        usd_per_minute = "1.50"
        concurrent = 64
        [[limits]]
        name = "slow"
        requests_per_minute = 600
        usd_per_second = "0.01"
        burst = "2 s"
        per = ["key"]
        [[limits]]
        requests_per_minute = 1
        burst = 1
        [[limits]]
        requests_per_minute = 0
        """

    first, slow, tiny, none = compile_limits([], {"search": limits(text)}).all

    assert ["search/limit-1", "search/slow", "search/limit-3"] == [first.id, slow.id, tiny.id]
    assert [
        ("requests_per_second", "requests", Rate(5, SECOND_NS, 5)),
        ("tokens_per_minute", "tokens", Rate(2_000_000, MINUTE_NS, 2_000_000)),
        ("usd_per_minute", "nano_usd", Rate(1_500_000_000, MINUTE_NS, 1_500_000_000)),
    ] == list(first.quotas)
    assert (64, None, ("key",)) == (first.concurrent, slow.concurrent, slow.per)
    assert [Rate(600, MINUTE_NS, 20), Rate(10_000_000, SECOND_NS, 20_000_000)] == [quota.rate for quota in slow.quotas]
    assert [Rate(1, MINUTE_NS, 1)] == [quota.rate for quota in tiny.quotas]
    assert [Rate(0, MINUTE_NS, 0)] == [quota.rate for quota in none.quotas]


@pytest.mark.parametrize("setting", RATES)
def test_every_rate_counts_something_that_is_measured(setting: str) -> None:
    """A rate of something that nobody measures would let everything through; and each can be written."""
    assert RATES[setting][0] in UNITS
    assert setting in Limit.model_fields


def test_what_config_says_of_models_is_believed() -> None:
    """Amounts in nano-dollars."""
    book = compile_facts({"m*": ModelFacts(context_window=5, strict_ceiling_usd="0.25")})  # type: ignore[arg-type]

    assert Facts(context_window=5, strict_ceiling_nano_usd=250_000_000) == book.facts(LOCAL, ("m1",))
