"""What was in the way is read out of the words that refusals are written with, whatever clients claim to be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import REFUSALS, Refusal
from gateway.core.record import OUTCOMES, Attempt, Record
from gateway.policies.budget import Budget
from gateway.policies.explained_trouble import Trouble, public_trouble, trouble
from gateway.policies.limit import Limit, Wait
from gateway.policies.refusing import Spent, bound_exceeded, budget_exceeded, rate_limited, unbounded
from gateway.policies.windows import parse
from tests.records import record

DAILY = Budget("search/daily", parse("day"), 50 * 10**9, per=("user",))
ALL = Budget("company/all", parse("total"), 50 * 10**9)
NOON_S = 1_795_435_200.0


def of(refusal: Refusal) -> Trouble:
    """Explain a refusal, written down as an exchange's end is."""
    found = trouble(
        record(
            outcome=refusal.outcome,
            status=refusal.status,
            provider=None,
            usage=None,
            error=f"{refusal.kind}: {refusal.message}",
        )
    )
    assert found is not None
    return found


@given(st.text(max_size=60) | st.just("x (budget other/one): $1"))
def test_exceeded_budget_is_the_one_that_refused(user: str) -> None:
    """Its id, whose it is, where it is configured, and how it is raised."""
    refusal = budget_exceeded(DAILY, Spent("usd", 50 * 10**9, 50 * 10**9, 3), (user,), NOON_S)
    found = of(refusal)

    assert ("tollway", "budget_exceeded", "search/daily") == (found.by, found.kind, found.budget)
    assert ("search", "teams/search.toml", refusal.message) == (found.owner, found.file, found.said)
    assert "tollway budget raise search/daily AMOUNT" in found.advice


@given(st.text(max_size=60) | st.just("m, and the budget other/one is strict: it"))
def test_strict_budgets_are_named(text: str) -> None:
    """Where there is no bound, or where it did not hold."""
    assert "company/all" == of(unbounded(ALL, f"Nobody knows '{text}'.")).budget
    found = of(bound_exceeded(ALL, f"openai/{text}"))
    assert ("company/all", "company", "config.toml") == (found.budget, found.owner, found.file)


@pytest.mark.parametrize("setting", ["requests_per_minute", "usd_per_second", "concurrent"])
def test_limit_and_share_are_named(setting: str) -> None:
    """Which limit, and whose part of it."""
    found = of(rate_limited(Wait(Limit("search/fast"), setting, "?user=a%20b", 10**9, 0, 5, 10**9), NOON_S, 0.0))

    assert ("search/fast", None, "?user=a%20b", "search") == (found.limit, found.budget, found.part, found.owner)
    assert "teams/search.toml" in found.advice


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_every_refusal_has_advice(kind: str) -> None:
    """Whatever we say no for, explain says what to do next, without a gap in the sentence."""
    found = of(Refusal(kind, "Because."))

    assert found.kind == kind
    assert found.advice
    assert not set("{}") & set(found.advice)


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - {"ok", "auth_failed", "budget_blocked", "policy_blocked"}))
def test_every_other_end_has_advice(outcome: str) -> None:
    """What a provider or a client did is not blamed on us."""
    found = trouble(record(outcome=outcome, status=500, error="it broke", attempts=[Attempt(provider="openai")]))

    assert found is not None
    assert {"cancelled": "client", "gateway_error": "tollway"}.get(outcome, "provider") == found.by
    assert found.advice


@pytest.mark.parametrize(("status", "said"), [(401, "api_keys of [providers.openai]"), (429, "limits of its own")])
def test_status_of_the_provider_says_more_than_the_outcome(status: int, said: str) -> None:
    """Our account there, or its own limits."""
    one = record(outcome="upstream_error", status=status, attempts=[Attempt(provider="openai", status=status)])

    assert said in str(trouble(one))


def test_words_of_a_provider_are_not_taken_for_ours() -> None:
    """An error that happens to begin like a refusal, but ended otherwise."""
    one = record(
        outcome="upstream_error", status=500, error="rate_limited: Rate limit reached for gpt-4o: 5 per minute"
    )
    found = trouble(one)

    assert found is not None
    assert ("provider", "upstream_error", None) == (found.by, found.kind, found.limit)


def test_nothing_wrong_is_nothing() -> None:
    """Of what went well, and of what still runs."""
    running: Record = record(outcome=None)

    assert (None, None, None) == (trouble(record()), trouble(running), public_trouble(None))
