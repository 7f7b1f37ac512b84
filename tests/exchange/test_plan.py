"""Which balances requests touch, from when until when, and what the journal says of them."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.core.record import Hold, Record, decode, encode
from gateway.exchange.plan import BOUND, CACHED_MOST, CHARGED, EXPECTED, HELD, ONE, TOKENS, Names, Plan, Planner
from gateway.ledger.lease import MOST, Place
from gateway.policies.budget import Budget, Budgets
from gateway.policies.limit import MINUTE_NS, Limit, Limits, Quota, Rate
from gateway.policies.patterns import Patterns
from gateway.policies.scope import Caller, Scope
from gateway.policies.windows import Window
from tests.exchange.parts import snapshot

NANO = 10**9
NOON_S = int(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp())
HOUR_S = 3_600
ANN = Caller("search", "ci", "ann", "s1")
# In Paris, where the clocks go back an hour in the night after: a day of 25 hours.
DAILY = Budget("search/daily", Window("day", ZoneInfo("Europe/Paris")), limit_nano_usd=50 * NANO)
ROLLING = Window("rolling:1h", UTC, HOUR_S)


def planner(*budgets: Budget, limits: tuple[Limit, ...] = ()) -> Planner:
    """Plan for these budgets and limits."""
    return Planner(replace(snapshot(), budgets=Budgets(budgets), limits=Limits(limits)), Names(), "w-1")


def plan(*budgets: Budget, caller: Caller = ANN, models: tuple[str, ...] = ("gpt-4o",), at_s: float = NOON_S) -> Plan:
    """Make the plan of a request that can cost something."""
    return planner(*budgets).plan(caller, models, "openai", True, int(at_s * NANO))


def places(made: Plan) -> list[Place]:
    """Return the balances of a plan."""
    return [share.terms.place for share in made.shares]


def test_every_budget_that_covers_a_request_is_touched_in_its_own_window() -> None:
    """In dollars and in requests, with a balance for each user; those of other models are not."""
    loop = Budget("search/loop", ROLLING, limit_nano_usd=NANO, limit_requests=300, per=("user",))
    other = replace(DAILY, id="search/other", scope=Scope(model=Patterns(["claude-*"])))
    made = plan(DAILY, loop, other)

    midnight_s = int(datetime(2026, 10, 23, 22, tzinfo=UTC).timestamp())
    bucket_s = NOON_S // 60 * 60
    assert places(made) == [
        Place("search/daily", midnight_s),
        Place("search/loop?user=ann", bucket_s),
        Place("search/loop#requests?user=ann", bucket_s),
    ]
    assert [EXPECTED, EXPECTED, ONE] == [share.kind for share in made.shares]
    assert [midnight_s, bucket_s - HOUR_S, bucket_s - HOUR_S] == [share.terms.reach_s for share in made.shares]
    assert [50 * NANO, NANO, 300] == [share.terms.limit for share in made.shares]


def test_a_plan_holds_until_the_first_window_ends() -> None:
    """Then a new one is made, and the one before is not touched: what was admitted by it settles there."""
    plans = planner(DAILY)
    night_s = int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp())  # midnight in Paris
    day = plans.plan(ANN, ("m",), "openai", True, (night_s - 1) * NANO)
    night = plans.plan(ANN, ("m",), "openai", True, night_s * NANO)

    assert plans.plan(ANN, ("m",), "openai", True, (night_s + 1) * NANO) is night
    assert [Place("search/daily", night_s - 24 * HOUR_S)] == places(day)
    assert [Place("search/daily", night_s)] == places(night)
    assert night_s * NANO == day.until_ns
    assert (night_s + 25 * HOUR_S) * NANO == night.until_ns


def test_a_balance_counts_until_its_window_is_over_and_a_bucket_for_the_whole_window_more() -> None:
    """The ledger forgets it then."""
    day, bucket, ever = plan(
        DAILY,
        Budget("search/loop", ROLLING, limit_requests=3),
        Budget("search/all", Window("total", UTC), limit_requests=3),
    ).shares

    assert int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()) == day.terms.over_s
    assert NOON_S // 60 * 60 + 60 + HOUR_S == bucket.terms.over_s
    assert ever.terms.over_s > NOON_S + 1_000 * 366 * 24 * HOUR_S


def test_what_a_mode_holds() -> None:
    """Strict: the bound; soft: what is expected; track: that, without a limit, in small portions."""
    strict, soft, track = plan(
        *(replace(DAILY, id=f"search/{mode}", mode=mode) for mode in ("strict", "soft", "track"))
    ).shares

    assert (BOUND, EXPECTED, EXPECTED) == (strict.kind, soft.kind, track.kind)
    assert (50 * NANO, 50 * NANO, MOST) == (strict.terms.limit, soft.terms.limit, track.terms.limit)
    assert track.terms.most < MOST
    assert (True, True, False) == (strict.shown, soft.shown, track.shown)


def test_what_is_let_through_while_the_ledger_is_lost() -> None:
    """Nothing, so much, or everything."""
    losses = [
        replace(DAILY, on_authority_loss=loss, slack_nano_usd=7, limit_requests=3)
        for loss in ("deny", "slack", "allow")
    ]
    slack = [[share.terms.slack for share in plan(budget).shares] for budget in losses]

    assert [[0, 0], [7, 0], [MOST, MOST]] == slack


def test_what_costs_nothing_touches_no_budget() -> None:
    """Such as a list of models."""
    made = planner(DAILY).plan(ANN, ("",), "openai", False, NOON_S * NANO)

    assert [] == made.shares


def test_a_plan_is_remembered_for_those_who_are_alike() -> None:
    """Not for another user, whose balance may be another one."""
    made = plan(DAILY)
    record = Record(id="", started_at="", team="search", key="ci", user="ann", session="s1")

    assert made.fits(record, NOON_S * NANO)
    record.user = "bob"
    assert not made.fits(record, NOON_S * NANO)
    record.user = "ann"
    assert not made.fits(record, made.until_ns)
    assert not made.fits(record, made.from_ns - 1)


def test_callers_cannot_fill_the_memory() -> None:
    """They invent users and models."""
    plans = planner(DAILY)
    for number in range(CACHED_MOST + 5):
        plans.plan(ANN._replace(user=str(number)), ("m",), "openai", True, NOON_S * NANO)

    assert len(plans._plans) <= CACHED_MOST


def test_the_journal_says_what_is_held_and_charged() -> None:
    """Behind the record's own members, whatever characters a user's name has."""
    loop = Budget("search/loop", ROLLING, limit_requests=300, per=("user",))
    made = plan(DAILY, loop, caller=ANN._replace(user='5 % "of" all'))
    meta = encode(Record(id="x", started_at="", team="t", key="k"))[:-1]
    begun = decode(meta + made.begun)
    for row, (held, charged) in zip(made.holds, ((70, 7), (1, 1)), strict=True):
        row[HELD], row[CHARGED] = held, charged
    ended = decode(meta + made.written())

    daily, requests = places(made)
    assert ("w-1", [Hold(*daily, "usd", 0), Hold(*requests, "requests", 0)]) == (begun.holder, begun.holds)
    assert [Hold(*daily, "usd", 70, 7), Hold(*requests, "requests", 1, 1)] == ended.holds


def test_the_reset_that_is_told_is_the_first_of_a_budget_in_money() -> None:
    """One that never resets has none."""
    ever = Budget("search/all", Window("total", UTC), limit_nano_usd=1)

    left, reset = b"x-tollway-budget-left-usd: ", b"\r\nx-tollway-budget-reset: 2026-10-24T22:00:00Z\r\n"
    assert [left, reset] == plan(ever, DAILY).headers
    assert [left, b"\r\n"] == plan(ever).headers


BUSY = Limit(
    "search/busy",
    (
        Quota("requests_per_minute", "requests", Rate(600, MINUTE_NS, 60)),
        Quota("tokens_per_minute", "tokens", Rate(10_000, MINUTE_NS, 10_000)),
        Quota("usd_per_minute", "nano_usd", Rate(NANO, MINUTE_NS, NANO)),
    ),
    concurrent=8,
    per=("user",),
)
CALM = Limit("search/calm", (Quota("requests_per_minute", "requests", Rate(60, MINUTE_NS, 6)),))


def test_limits_come_after_budgets_and_leave_no_trace_in_the_journal() -> None:
    """All that they count, each under its own name; a request larger than a burst waits for all of it."""
    made = planner(DAILY, limits=(BUSY,)).plan(ANN, ("m",), "openai", True, NOON_S * NANO)

    assert places(made)[1:] == [
        Place(f"search/busy#{setting}?user=ann", 0)
        for setting in ("requests_per_minute", "tokens_per_minute", "usd_per_minute", "concurrent")
    ]
    assert [ONE, TOKENS, EXPECTED, ONE] == [share.kind for share in made.shares[1:]]
    assert [60, 10_000, NANO, 8] == [share.most for share in made.shares[1:]]
    assert 1 == made.held
    assert b"busy" not in made.written()


def test_what_costs_nothing_counts_as_a_request_all_the_same() -> None:
    """A limit on how often the provider is asked holds for polls, too; one on tokens does not."""
    made = planner(DAILY, limits=(BUSY,)).plan(ANN, ("",), "openai", False, NOON_S * NANO)

    assert ["requests_per_minute", "concurrent"] == [
        share.permits.quota.setting for share in made.shares if share.permits is not None
    ]


def test_the_tightest_limit_of_each_kind_is_told() -> None:
    """To clients that do not know of several."""
    made = planner(limits=(BUSY, CALM)).plan(ANN, ("m",), "openai", True, NOON_S * NANO)

    assert [
        b"x-tollway-limit-tokens: 10000\r\nx-tollway-limit-remaining-tokens: ",
        b"\r\nx-tollway-limit-requests: 60\r\nx-tollway-limit-remaining-requests: ",
        b"\r\n",
    ] == made.headers
