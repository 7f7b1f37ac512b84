"""What of a record goes, and what never does."""

import time

from gateway.core.record import Attempt
from gateway.exchange.redacted_record import redacted_record
from gateway.policies.redaction import DEFAULT, Effort
from tests.canaries import ALL
from tests.records import record


def test_free_words_are_redacted() -> None:
    """An error can quote the prompt, tags and metadata are the caller's; each hit counts."""
    canary = ALL[0]
    one = record(
        error=f"no: {canary}",
        tags=["a", canary],
        metadata={"who": "jane@example.org"},
        client=canary,
        path=f"/v1/{canary}",
        model_requested=canary,
        attempts=[Attempt(provider="openai", error=canary)],
        redactions=2,
    )

    kept = redacted_record(one, DEFAULT, Effort(time.thread_time_ns))

    assert ("no: [secret]", ["a", "[secret]"], {"who": "[email]"}) == (kept.error, kept.tags, kept.metadata)
    assert ("[secret]", "/v1/[secret]", "[secret]") == (kept.client, kept.path, kept.model_requested)
    assert "[secret]" == kept.attempts[0].error
    assert 2 + 7 == kept.redactions
    assert canary == one.attempts[0].error


def test_names_that_money_is_booked_under_stay() -> None:
    """User, session and agent: a budget for each of them would be none."""
    one = record(user="jane@example.org", session="415-555-2671", agent="a@b.example")

    assert one is redacted_record(one, DEFAULT, Effort(time.thread_time_ns))
