"""Who said no, and whether the request may be sent once more."""

import pytest

from gateway.core.errors import REFUSALS, Advice, Refusal, UpstreamFailure


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusal_takes_status_and_outcome_from_its_kind(kind: str) -> None:
    """A refusal is looked up in one table; its message is the caller's advice."""
    refusal = Refusal(kind, "Do this instead.")

    assert (REFUSALS[kind].status, REFUSALS[kind].outcome) == (refusal.status, refusal.outcome)
    assert "Do this instead." == str(refusal)


@pytest.mark.parametrize(
    ("kind", "reused", "answered", "retryable"),
    [
        ("protocol", True, False, True),
        ("protocol", False, False, False),
        ("protocol", True, True, False),
        ("timeout", True, False, False),
    ],
)
def test_only_a_stale_connection_is_retried(kind: str, reused: bool, answered: bool, retryable: bool) -> None:
    """Safe to retry: a kept connection that died before any byte of an answer; never a timeout."""
    assert retryable is UpstreamFailure(kind, "gone", reused=reused, answered=answered).retryable


def test_advice_may_change_the_status() -> None:
    """Operators choose what a spent budget looks like; everything else of the kind stays."""
    refusal = Refusal("budget_exceeded", "No more.", advice=Advice(status=402))

    assert (402, "budget_blocked", None) == (refusal.status, refusal.outcome, refusal.advice.retry_after_ms)
