"""Which limits hold for a request, and under which names its permits are counted."""

from gateway.policies.limit import (
    MINUTE_NS,
    PERIOD_S,
    SECOND_NS,
    Counted,
    Limit,
    Limits,
    Permits,
    Quota,
    Rate,
    Wait,
    waiting,
)
from gateway.policies.patterns import Patterns
from gateway.policies.scope import Caller, Scope

ANN = Caller("search", "ci", "ann", "s1")
REQUESTS = Quota("requests_per_minute", "requests", Rate(600, MINUTE_NS, 100))
TOKENS = Quota("tokens_per_second", "tokens", Rate(5_000, SECOND_NS, 5_000))


def limit(name: str = "search/limit-1", **more: object) -> Limit:
    """Make a limit of requests and tokens."""
    return Limit(name, **{"quotas": (REQUESTS, TOKENS), **more})  # type: ignore[arg-type]


def series(found: tuple[Permits, ...]) -> list[str]:
    """Return the names alone."""
    return [each.series for each in found]


def test_the_companys_limits_hold_beside_a_teams_own() -> None:
    """A team adds to what it is held to, and takes nothing away."""
    company = limit("company/all")
    of_ads = limit("company/ads", scope=Scope(team=Patterns(["ads"])))
    own = limit("search/own", scope=Scope(team=Patterns(["search"])))
    limits = Limits([company, of_ads, own])

    assert (company, own) == limits.applying(ANN, ("gpt-4o",), "openai")
    assert () == Limits().applying(ANN, ("gpt-4o",), "openai")


def test_everything_that_a_limit_counts_has_a_name() -> None:
    """With the setting in it, and whose it is; places that are taken at once count as a rate that does not flow."""
    both = limit(concurrent=8, per=("user",))

    found = Counted().permits(both, ("ann",), 0.0)

    assert [
        "search/limit-1#requests_per_minute?user=ann",
        "search/limit-1#tokens_per_second?user=ann",
        "search/limit-1#concurrent?user=ann",
    ] == series(found)
    assert [("?user=ann", "requests", 600), ("?user=ann", "tokens", 5_000), ("?user=ann", "concurrent", 8)] == [
        (each.part, each.quota.unit, each.quota.most) for each in found
    ]
    assert Rate(0, 0, 8) == found[2].quota.rate
    assert ["search/limit-1#requests_per_minute", "search/limit-1#tokens_per_second"] == series(
        Counted().permits(limit(), (), 0.0)
    )


def test_names_are_made_once() -> None:
    """For all requests of the same part, until the next period."""
    counted, each = Counted(), limit(per=("user",))
    first = counted.permits(each, ("ann",), 1.0)

    assert first is counted.permits(each, ("ann",), PERIOD_S - 1.0)
    assert first == counted.permits(each, ("ann",), PERIOD_S + 1.0)


def test_parts_beyond_the_most_are_shared_until_the_period_ends() -> None:
    """So that no caller can make a worker remember more than it should."""
    counted, few = Counted(), limit(per=("session",), max_balances=2)

    def parts(*sessions: str, at_s: float) -> list[str]:
        return [counted.permits(few, (session,), at_s)[0].part.partition("=")[2] for session in sessions]

    assert ["a", "b", "*", "a"] == parts("a", "b", "c", "a", at_s=1.0)
    assert ["c", "a", "*"] == parts("c", "a", "b", at_s=PERIOD_S + 1.0)


def test_a_reload_forgets_nobody_unless_the_parts_change() -> None:
    """Another rate has the same names; another `per` begins anew; what is gone is dropped."""
    counted = Counted()
    counted.permits(limit(per=("user",), max_balances=1), ("ann",), 0.0)

    faster = counted.permits(limit(per=("user",), max_balances=1, quotas=(REQUESTS,)), ("bob",), 0.0)
    wider = counted.permits(limit(per=("user",), max_balances=2), ("bob",), 0.0)
    counted.keep(Limits([limit()]))
    assert 1 == len(counted._parted)
    counted.keep(Limits())

    assert ["search/limit-1#requests_per_minute?user=*"] == series(faster)
    assert "search/limit-1#requests_per_minute?user=bob" == wider[0].series
    assert {} == counted._parted


def test_nobody_must_hold_more_than_can_ever_be_had() -> None:
    """A request that is larger than the burst holds all of it; where nothing may come, nothing fits."""
    closed = Quota("requests_per_minute", "requests", Rate(0, MINUTE_NS, 0))

    assert [99, 100, 100] == [REQUESTS.fitting(amount) for amount in (99, 100, 101)]
    assert [0, 1, 1] == [closed.fitting(amount) for amount in (0, 1, 5)]


def test_a_wait_says_which_setting_of_which_limit_and_whose() -> None:
    """And how it is written in the config."""
    each = limit(per=("user",), concurrent=4)
    requests, _, slots = Counted().permits(each, ("ann",), 0.0)

    assert Wait(each, "requests_per_minute", "?user=ann", 5, 3, 600, 9) == waiting(requests, 5, 3, 9)
    assert Wait(each, "concurrent", "?user=ann", None, 0, 4, None) == waiting(slots, None, 0, None)
