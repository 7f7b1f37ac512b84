"""Balances and limits of one exchange: the record's amounts, and beside them what the config of now says."""

from gateway.config.budgets import compile_budgets, compile_limits
from gateway.config.load import parse
from gateway.core.record import Hold, Record
from gateway.policies.budget import Budgets
from gateway.policies.explained_money import asked, held, limits, public_bound, public_kept, untouched
from gateway.policies.limit import Limits
from tests.records import NOON_MS, record

TEXT = """
[[budgets]]
name = "daily"
limit_usd = "50"
limit_requests = 300
window = "day"
[[budgets]]
name = "mine"
limit_usd = "2"
window = "rolling:1h"
per = ["user"]
on_exceeded = "fallback:cheap"
[[budgets]]
name = "ever"
limit_usd = "9"
window = "total"
mode = "track"
scope = { model = "o1*" }
[[limits]]
requests_per_minute = 600
usd_per_minute = "1.5"
concurrent = 4
per = ["user"]
"""
ROUTE = '[providers.openai]\n[[routes]]\nmodel = "cheap"\ntargets = [{ provider = "openai" }]\n'
MIDNIGHT_S = NOON_MS // 1000 - 43_200


def configured() -> tuple[Budgets, Limits]:
    """Compile the team's budgets and limits."""
    team = parse({"config.toml": ROUTE, "teams/search.toml": TEXT}, {}).teams["search"]
    return compile_budgets([], {"search": team.budgets}), compile_limits([], {"search": team.limits})


def public_of(one: Record) -> list[dict[str, object]]:
    """Shape what an exchange held."""
    return [public_kept(each) for each in held(one, asked(one, one.provider, None), configured()[0])]


def test_balance_tells_the_record_and_the_config_apart() -> None:
    """Amounts are the record's; mode, limit and reset stand under `configured`."""
    one = record(holds=[Hold("search/daily", MIDNIGHT_S, "usd", 40_000, 27_000, -3_000)])
    (found,) = public_of(one)

    assert {
        "balance": "search/daily",
        "budget": "search/daily",
        "owner": "search",
        "unit": "usd",
        "values": {},
        "shared": False,
        "window_start": "2026-11-23T00:00:00Z",
        "held_nano_usd": 40_000,
        "held_usd": "0.00004",
        "charged_nano_usd": 27_000,
        "charged_usd": "0.000027",
        "late_nano_usd": -3_000,
        "late_usd": "-0.000003",
        "configured": {
            "mode": "soft",
            "per": [],
            "window": "day",
            "timezone": "UTC",
            "limit_nano_usd": 50 * 10**9,
            "limit_usd": "50",
            "window_end": "2026-11-24T00:00:00Z",
            "resets_at": "2026-11-24T00:00:00Z",
            "on_exceeded": "refuse",
        },
    } == found


def test_requests_and_parted_balances_have_their_units_and_values() -> None:
    """A rolling window has no end, and is free again an hour later."""
    bucket_s = NOON_MS // 1000
    holds = [
        Hold("search/daily#requests", MIDNIGHT_S, "requests", 1, 1),
        Hold("search/mine?user=a%26b", bucket_s, "usd", 5, 5),
        Hold("search/mine?user=*", bucket_s, "usd", 5, 5),
    ]
    counted, mine, shared = public_of(record(holds=holds, user="a&b"))

    assert (1, 300) == (counted["held_requests"], counted["configured"]["limit_requests"])  # type: ignore[index]
    assert ({"user": "a&b"}, False) == (mine["values"], mine["shared"])
    assert ({}, True) == (shared["values"], shared["shared"])
    assert (None, "2026-11-23T13:01:00Z", "fallback:cheap") == tuple(
        mine["configured"][name]
        for name in ("window_end", "resets_at", "on_exceeded")  # type: ignore[index]
    )


def test_what_is_no_longer_configured_says_so() -> None:
    """A budget that is gone, one that no longer counts this, and one whose window is another by now."""
    holds = [
        Hold("search/gone", MIDNIGHT_S, "usd", 5, 5),
        Hold("search/ever#requests", 0, "requests", 1, 1),
        Hold("search/daily", MIDNIGHT_S - 5, "usd", 5, 5),
    ]
    gone, uncounted, other = public_of(record(holds=holds))

    assert ("search", None) == (gone["owner"], gone["configured"])
    assert (None, None) == (uncounted["configured"], uncounted["window_start"])
    assert (None, None) == (other["configured"]["window_end"], other["configured"]["resets_at"])  # type: ignore[index]


def test_refused_exchange_would_have_needed_these() -> None:
    """Nothing was held: amounts are null, balances those that cover such a request."""
    one = record(provider=None, outcome="budget_blocked", model_requested="o1", user="ann")
    found = [public_kept(each) for each in untouched(asked(one, "openai", None), configured()[0])]

    assert ["search/daily", "search/daily#requests", "search/mine?user=ann", "search/ever"] == [
        each["balance"] for each in found
    ]
    assert {None} == {each.get("held_nano_usd") for each in found}
    assert None is found[-1]["configured"]["resets_at"]


def test_limits_are_those_of_now() -> None:
    """With whose share it is, and every amount as it is written."""
    one = record(user="ann")
    (found,) = limits(asked(one, "openai", None), configured()[1])

    assert {
        "limit": "search/limit-1",
        "owner": "search",
        "part": "user=ann",
        "requests_per_minute": 600,
        "usd_per_minute": "1.5",
        "concurrent": 4,
    } == public_bound(found)
