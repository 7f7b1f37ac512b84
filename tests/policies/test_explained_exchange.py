"""One story of an exchange, told from its record and the config of now, the same to people and programs."""

from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Hold, public
from gateway.policies.budget import Budgets
from gateway.policies.explained import explain, public_bill
from gateway.policies.explained_exchange import Now, public_story, story
from gateway.policies.limit import Limits
from gateway.policies.routing import Routing
from tests.records import NOON_MS, record

TEAM = """
[[budgets]]
name = "daily"
limit_usd = "50"
window = "day"
[[limits]]
concurrent = 4
"""
SNAPSHOT = from_sources({"config.toml": "[providers.openai]\n", "teams/search.toml": TEAM}, "/", {}, 1)
NOW = Now(SNAPSHOT.routing, SNAPSHOT.budgets, SNAPSHOT.limits, SNAPSHOT.prices.listed)


def test_story_has_the_record_and_what_explains_it() -> None:
    """Every field of the record stands as everywhere else; the rest is beside it."""
    hold = Hold("search/daily", NOON_MS // 1000 - 43_200, "usd", 40_000, 27_000)
    one = record(holds=[hold], attempts=[Attempt(provider="openai", model="gpt-4o-mini")])
    found = public_story(story(one, NOW))

    assert public(one) == {name: found[name] for name in public(one)}
    assert {"why", "candidates", "balances", "limits", "trouble", "bill"} == found.keys() - public(one).keys()
    assert (("openai", True), ("search/daily", 40_000), "search/limit-1", None) == (
        (found["candidates"][0]["provider"], found["candidates"][0]["chosen"]),
        (found["balances"][0]["budget"], found["balances"][0]["held_nano_usd"]),
        found["limits"][0]["limit"],
        found["trouble"],
    )
    assert public_bill(explain(one)) == found["bill"]


def test_refused_for_money_shows_what_would_have_been_held() -> None:
    """Nothing is held of a refused request: the budgets that cover it are those of now."""
    error = "budget_exceeded: Budget exceeded for team 'search' (budget search/daily): $50.00 of $50.00 used today."
    one = record(provider=None, usage=None, status=429, outcome="budget_blocked", error=error)
    found = story(one, NOW)

    assert found.trouble is not None
    assert ("search/daily", ["search/daily"], [None]) == (
        found.trouble.budget,
        [each.name for each in found.balances],
        [each.hold for each in found.balances],
    )
    assert ["search/limit-1"] == [each.limit.id for each in found.limits]


def test_other_refusals_touch_no_balance() -> None:
    """What was wrong before money was asked for."""
    one = record(provider=None, status=403, outcome="policy_blocked", error="model_not_allowed: No.")

    assert [] == story(one, NOW).balances


def test_stream_that_was_stopped_shows_what_was_held() -> None:
    """A budget ended it while it ran: its balance was touched, and the record says how far."""
    hold = Hold("search/daily", NOON_MS // 1000 - 43_200, "usd", 40_000, 50_000)
    error = "budget_exceeded: Budget exceeded for team 'search' (budget search/daily): $50.00 of $50.00 used today."
    found = story(record(status=200, outcome="budget_blocked", error=error, holds=[hold]), NOW)

    assert [hold] == [each.hold for each in found.balances]


def test_limits_of_a_provider_touch_no_balance_of_ours() -> None:
    """It said 429 itself: nobody was short of money here."""
    attempts = [Attempt(provider="openai", model="gpt-4o-mini", status=429)]

    assert [] == story(record(status=429, outcome="rate_limited", attempts=attempts), NOW).balances


def test_empty_config_explains_what_the_record_knows() -> None:
    """A config that is gone hides nothing that was written down."""
    hold = Hold("search/daily", 1, "usd", 40_000, 27_000)
    nothing = Now(Routing([], {}), Budgets(), Limits(), NOW.prices)
    found = story(record(holds=[hold]), nothing)

    assert ("unknown", [None]) == (found.reason.by, [each.budget for each in found.balances])
