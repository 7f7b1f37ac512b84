"""A balance is charged what an exchange cost, once: at its end, or when that becomes known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import charging
from gateway.core.record import Hold, Job
from tests.records import record

AMOUNT = st.integers(0, 1 << 60)


@pytest.mark.parametrize(
    ("unit", "sent", "job_open", "charged"),
    [
        ("usd", True, False, 70),
        ("usd", True, True, 100),
        ("usd", False, False, 70),
        ("requests", True, False, 1),
        ("requests", True, True, 1),
        ("requests", False, False, 0),
    ],
)
def test_money_is_charged_by_its_cost_and_requests_by_the_call(
    unit: str, sent: bool, job_open: bool, charged: int
) -> None:
    """What goes on at the provider stays charged what was held for it."""
    assert charged == charging.charge(unit, 100, 70, sent=sent, job_open=job_open)


@pytest.mark.parametrize(
    ("bound", "source", "cost"),
    [
        (None, "estimated", 50),
        (80, "provider", 50),
        (80, "none", 50),
        (80, "estimated", 80),
        (80, "partial", 80),
        (30, "partial", 50),
    ],
)
def test_what_nobody_told_is_booked_at_the_bound(bound: int | None, source: str, cost: int) -> None:
    """Where a strict budget asked for one; what is known to be dearer stays so."""
    booked = charging.bounded(50, bound, source)
    one = record(cost_nano_usd=booked, bound_nano_usd=bound, usage_source=source)

    assert cost == booked
    assert (cost == 80) == charging.is_at_bound(one)


def test_a_dead_workers_holds_are_charged() -> None:
    """All of them, once the cost is known as well as it will be."""
    one = record(cost_nano_usd=70, holds=[Hold("a", 0, "usd", 100), Hold("a#requests", 0, "requests", 1)])
    charging.settle(one)

    assert [(70, 0), (1, 0)] == [(hold.charged, hold.late) for hold in one.holds]
    one.job = Job(id="x")
    charging.settle(one)
    assert [(100, 0), (1, 0)] == [(hold.charged, hold.late) for hold in one.holds]


def test_open_work_is_missing_nothing() -> None:
    """Its cost of 0 is not what it costs."""
    one = record(cost_nano_usd=0, job=Job(id="x"), holds=[Hold("a", 0, "usd", 100, charged=100)])
    charging.correct(one)

    assert [0] == [hold.late for hold in one.holds]


@given(held=AMOUNT, first=AMOUNT, second=AMOUNT, job_open=st.booleans())
def test_in_the_end_the_cost_is_charged(held: int, first: int, second: int, job_open: bool) -> None:
    """However often it was corrected, and whatever was charged on the way."""
    job = Job(id="x") if job_open else None
    one = record(cost_nano_usd=first, job=job, holds=[Hold("a", 0, "usd", held), Hold("b", 0, "requests", 1)])
    charging.settle(one)
    if one.job is not None:
        one.job.state = "booked"
    for cost in (first, second, second):
        one.cost_nano_usd = cost
        charging.correct(one)

        assert [cost, 1] == [hold.charged + hold.late for hold in one.holds]
