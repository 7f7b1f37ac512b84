"""A refusal says which budget or limit it is, whose, how much of it, until when, and what helps."""

from datetime import UTC

import pytest

from gateway.policies.budget import Budget
from gateway.policies.limit import MINUTE_NS, SECOND_NS, Limit, Quota, Rate, Wait
from gateway.policies.refusing import Spent, bound_exceeded, budget_exceeded, rate_limited, unbounded
from gateway.policies.windows import Window, parse

# 2026-11-23, a Monday.
AT_S = 1_795_435_200
USD = 10**9


def budget(name: str = "search/monthly", window: Window | None = None, **more: object) -> Budget:
    """Make a budget of 50 dollars."""
    return Budget(name, window or Window("month", UTC), limit_nano_usd=50 * USD, **more)  # type: ignore[arg-type]


def test_a_spent_budget_says_all_that_there_is_to_know() -> None:
    """To people in the message, to programs in headers."""
    refusal = budget_exceeded(budget(), Spent("usd", 50 * USD, 50 * USD, USD), (), AT_S)

    assert (
        "Budget exceeded for team 'search' (budget search/monthly): $50.00 of $50.00 used this month; "
        "resets 2026-12-01T00:00:00Z."
    ) == refusal.message
    assert ("budget_exceeded", 429, 1_796_083_200) == (refusal.kind, refusal.status, refusal.advice.resets_s)
    assert (
        (b"x-tollway-budget", b"search/monthly"),
        (b"x-tollway-budget-left-usd", b"0"),
        (b"x-tollway-budget-reset", b"2026-12-01T00:00:00Z"),
    ) == refusal.advice.headers
    assert refusal.advice.retry_after_ms is None


def test_a_request_that_does_not_fit_says_what_it_needs() -> None:
    """There is money left, and not enough."""
    spent = Spent("usd", 49 * USD + USD // 2, 50 * USD, 1_280_000_000)

    refusal = budget_exceeded(budget(), spent, (), AT_S)

    assert "$49.50 of $50.00 used this month, and this request may need $1.28; resets" in refusal.message
    assert (b"x-tollway-budget-left-usd", b"0.5") in refusal.advice.headers


@pytest.mark.parametrize(
    ("name", "per", "values", "whose"),
    [
        ("company/all", (), (), "the company (budget company/all)"),
        ("company/all", ("team",), ("search",), "the company, team 'search' (budget company/all)"),
        (
            "search/own",
            ("user", "session"),
            ("ann", "s1"),
            "team 'search', user 'ann', session 's1' (budget search/own)",
        ),
    ],
)
def test_it_says_whose_it_is(name: str, per: tuple[str, ...], values: tuple[str, ...], whose: str) -> None:
    """The owner, and whose part of it."""
    refusal = budget_exceeded(budget(name, per=per), Spent("usd", 50 * USD, 50 * USD, 0), values, AT_S)

    assert f"exceeded for {whose}: $" in refusal.message


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("day", "used today; resets 2026-11-25T00:00:00Z."),
        ("hour", "used this hour; resets 2026-11-24T01:00:00Z."),
        ("rolling:5h", "used in the last 5h; free again by 2026-11-24T05:05:00Z."),
        ("total", "used in total; it never resets, whoever manages it can raise it."),
    ],
)
def test_it_says_until_when(window: str, words: str) -> None:
    """In words that fit the window."""
    refusal = budget_exceeded(budget(window=parse(window)), Spent("usd", 50 * USD, 50 * USD, 0), (), AT_S + 43_200)

    assert refusal.message.endswith(words), refusal.message


def test_requests_are_counted_as_such() -> None:
    """And their refusal names no money."""
    refusal = budget_exceeded(budget(), Spent("requests", 1_000, 1_000, 1), (), AT_S)

    assert "1,000 requests of 1,000 requests used" in refusal.message
    assert b"x-tollway-budget-left-usd" not in dict(refusal.advice.headers)


@pytest.mark.parametrize("status", [402, 403, 422])
def test_the_operator_chooses_the_status(status: int) -> None:
    """Some clients send a 429 again whatever else they are told."""
    refusal = budget_exceeded(budget(exceeded_status=status), Spent("usd", 1, 1, 1), (), AT_S)

    assert status == refusal.status


def test_a_request_without_a_bound_says_why_and_for_which_budget() -> None:
    """It is the caller's to change, or the operator's."""
    refusal = unbounded(budget(), "Set this or that.")

    assert ("unbounded_request", 400) == (refusal.kind, refusal.status)
    assert "Set this or that." in refusal.message
    assert "search/monthly" in refusal.message


def waiting(setting: str, unit: str, amount: int, asked: int) -> Wait:
    """Be refused where a limit is used up."""
    limit = Limit("search/own", (Quota(setting, unit, Rate(amount, MINUTE_NS, amount)),))
    return Wait(limit, setting, "", asked * MINUTE_NS // amount, 0, amount, MINUTE_NS)


@pytest.mark.parametrize(
    ("setting", "unit", "amount", "asked", "words", "counted"),
    [
        ("requests_per_minute", "requests", 600, 12, "600 requests per minute. Please try again in 1.2s.", "requests"),
        ("tokens_per_minute", "tokens", 60_000, 1_500, "60,000 tokens per minute. Please try again in 1.5s.", "tokens"),
        ("usd_per_minute", "nano_usd", 6 * USD, USD, "6 USD per minute. Please try again in 10s.", None),
    ],
)
def test_a_limit_says_which_how_much_and_when(
    setting: str, unit: str, amount: int, asked: int, words: str, counted: str | None
) -> None:
    """Agents read the wait out of the message, SDKs out of headers."""
    refusal = rate_limited(waiting(setting, unit, amount, asked), AT_S, 0.0)

    assert f"Rate limit reached for search/own: {words}" == refusal.message
    assert ((b"x-tollway-limit", f"search/own {setting}".encode()),) == refusal.advice.headers
    standing = refusal.advice.standing
    assert (None if counted is None else (counted, amount, 0, 60_000, AT_S + 60)) == standing


def test_those_who_wait_do_not_come_back_together() -> None:
    """Up to a fifth later than they could, never earlier."""
    wait = waiting("requests_per_minute", "requests", 600, 100)

    waits = [rate_limited(wait, AT_S, draw).advice.retry_after_ms for draw in (0.0, 0.5, 0.999)]

    assert [10_000, 11_000, 11_998] == waits


def test_a_part_of_a_millisecond_is_waited_for() -> None:
    """To come a little too early is to be refused again."""
    wait = waiting("requests_per_minute", "requests", 60, 1)._replace(wait_ns=SECOND_NS + 1)

    assert 1_001 == rate_limited(wait, AT_S, 0.0).advice.retry_after_ms


def test_nobody_knows_when_a_slot_is_free() -> None:
    """A second is worth a try."""
    wait = Wait(Limit("search/own", concurrent=4, per=("user",)), "concurrent", "?user=ann", None, 0, 4, None)

    refusal = rate_limited(wait, AT_S, 0.0)

    assert "search/own?user=ann: 4 at a time. Please try again in 1s." in refusal.message
    assert (1_000, None) == (refusal.advice.retry_after_ms, refusal.advice.standing)


def test_a_barred_model_says_what_happened_and_what_an_operator_can_do() -> None:
    """And which budget cannot use it."""
    refusal = bound_exceeded(budget("search/hard", mode="strict"), "openai/gpt-x")

    assert (
        "An answer of openai/gpt-x cost more than was thought possible, and the budget search/hard is strict: it "
        'refuses this model until an operator has corrected its bound ([models."gpt-x"]) or prices, and acknowledged '
        "that with `tollway budget acknowledge openai/gpt-x --why …`."
    ) == refusal.message
    assert ("bound_exceeded", 403, "model") == (refusal.kind, refusal.status, refusal.param)
    assert ((b"x-tollway-budget", b"search/hard"),) == refusal.advice.headers
