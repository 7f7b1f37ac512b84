"""Every estimated settlement is listed with why it is one."""

from typing import Any

import pytest

from gateway.audit.estimated import Amount, Estimated
from gateway.core.record import Job
from gateway.journal.reader import WORKER_DIED
from tests.records import record


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("crash", {"outcome": "gateway_error", "error": WORKER_DIED}),
        ("lapsed", {"job": Job(id="x", state="lapsed")}),
        ("disconnect", {"outcome": "cancelled"}),
        ("cut", {"outcome": "upstream_error"}),
        ("cut", {"outcome": "timeout"}),
        ("not told", {}),
    ],
)
@pytest.mark.parametrize("source", ["estimated", "partial"])
def test_an_estimate_has_a_reason(reason: str, fields: dict[str, Any], source: str) -> None:
    """Also where a part was told."""
    found = Estimated()
    found.add(record(usage_source=source, **fields))

    assert [reason] == list(found.by_reason)


def test_estimates_are_added_up() -> None:
    """With those that were booked at their bound; what the provider told is none."""
    found = Estimated()
    for bound, cost in ((None, 5), (7, 7), (7, 8)):
        found.add(record(usage_source="partial", bound_nano_usd=bound, cost_nano_usd=cost))
    found.add(record())

    assert {"not told": Amount(3, 20, 1)} == found.by_reason
    assert {
        "not told": {"exchanges": 3, "cost_nano_usd": 20, "at_bound": 1, "cost_usd": "0.00000002"}
    } == found.public()
