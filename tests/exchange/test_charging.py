"""What each balance is charged, whatever became of the exchange."""

import pytest

from gateway.core.record import Job, Record
from gateway.core.usage import Usage
from gateway.exchange.charging import AS_HELD, CALLED, COST, NOTHING, TOKENS, charges


def record(cost: int, job: str | None) -> Record:
    """A priced exchange."""
    return Record(
        id="", started_at="", team="t", key="k", cost_nano_usd=cost, usage=Usage(input_total=10, output_total=20),
        job=None if job is None else Job(id="j", state=job),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "called", "job", "due"),
    [
        (COST, True, None, 7),
        (COST, True, "open", AS_HELD),
        (COST, True, "booked", 7),
        (CALLED, True, None, 1),
        (CALLED, True, "open", 1),
        (CALLED, False, None, 0),
        (TOKENS, True, None, 30),
        (NOTHING, True, None, 0),
    ],
)
def test_money_is_charged_as_booked_and_requests_as_sent(how: int, called: bool, job: str | None, due: int) -> None:
    """What a background response costs is not known yet: until then it is what was held."""
    assert due == charges(record(7, job), called=called)[how]
