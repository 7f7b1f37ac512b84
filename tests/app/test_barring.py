"""What cost more than its bound by the provider's own word is told to the ledger, and nothing else."""

from typing import Any

import pytest

from gateway.app.barring import raise_alarm
from gateway.core.record import Attempt
from gateway.ledger.bars import Crossing
from tests.records import NOON_MS, Ledger, finished, record


def told(*costs: dict[str, Any]) -> list[Crossing]:
    """Show a batch to the alarm."""
    ledger = Ledger()
    raise_alarm(ledger, [finished(record(**fields)) for fields in costs])
    return ledger.crossed


@pytest.mark.parametrize("source", ["provider", "partial"])
def test_a_crossed_bound_is_told(source: str) -> None:
    """By the model that the provider was asked for, which is what the bound was of."""
    asked = [Attempt(provider="openai", model="gpt-x")]
    one = record(bound_nano_usd=4, cost_nano_usd=5, usage_source=source, attempts=asked, model_requested="fast")
    ledger = Ledger()
    raise_alarm(ledger, [finished(record()), finished(one)])

    assert [Crossing("openai/gpt-x", one.id, NOON_MS, 5, 4)] == ledger.crossed


def test_nothing_else_is() -> None:
    """A cost up to the bound, without one, or which is our own estimate."""
    fields = {"bound_nano_usd": 4, "cost_nano_usd": 5}

    assert [] == told(
        {**fields, "cost_nano_usd": 4},
        {**fields, "bound_nano_usd": None},
        {**fields, "usage_source": "estimated"},
        {**fields, "usage_source": "none"},
    )
