"""Rates hold over every interval, waits are exact to the nanosecond, and no slot is ever lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.limit import MINUTE_NS, SECOND_NS, Bucket, Rate, Slots, share_out, share_rate

RATES = st.builds(Rate, st.integers(1, 50), st.integers(1, 200), st.integers(1, 40))
GAPS = st.integers(0, 60)
WEIGHTS = st.integers(0, 50)


def fits(admitted: list[tuple[int, int]], rate: Rate, more: int = 0) -> bool:
    """Tell whether over every interval no more came through than rate x t + burst + `more`."""
    for first in range(len(admitted)):
        total = 0
        for at_ns, amount in admitted[first:]:
            total += amount
            span_ns = at_ns - admitted[first][0]
            if total * rate.per_ns > span_ns * rate.amount + (rate.burst + more) * rate.per_ns:
                return False
    return True


def test_a_usual_limit() -> None:
    """600 a minute: 600 at once, then one each tenth of a second."""
    bucket = Bucket(Rate(600, MINUTE_NS, 600), 0)
    for _ in range(600):
        assert 0 == bucket.wait_ns(1, 0)
        bucket.charge(1, 0)

    assert 0 == bucket.left(0)
    assert SECOND_NS // 10 == bucket.wait_ns(1, 0)
    assert MINUTE_NS == bucket.full_again_ns(0)
    assert 0 == bucket.wait_ns(10, SECOND_NS)
    assert SECOND_NS // 10 == bucket.wait_ns(11, SECOND_NS)
    assert 10 == bucket.left(SECOND_NS)


@given(RATES, st.lists(st.tuples(GAPS, WEIGHTS), max_size=40))
def test_over_any_interval_no_more_than_the_rate_and_the_burst(rate: Rate, asks: list[tuple[int, int]]) -> None:
    """Whatever comes when, and however much it weighs."""
    bucket, now_ns = Bucket(rate, 0), 0
    admitted = []
    for gap, amount in asks:
        now_ns += gap
        if bucket.wait_ns(amount, now_ns) == 0:
            admitted.append((now_ns, bucket.charge(amount, now_ns)[0]))

    assert fits(admitted, rate)


@given(RATES, st.lists(st.tuples(GAPS, WEIGHTS), max_size=20), WEIGHTS)
def test_the_wait_is_exact(rate: Rate, before: list[tuple[int, int]], amount: int) -> None:
    """A nanosecond earlier it is refused, then it is admitted."""
    bucket, now_ns = Bucket(rate, 0), 0
    for gap, weight in before:
        now_ns += gap
        bucket.charge(weight, now_ns)

    wait_ns = bucket.wait_ns(amount, now_ns)

    assert wait_ns is not None
    if wait_ns:
        assert 1 == bucket.wait_ns(amount, now_ns + wait_ns - 1)
        assert 0 == bucket.wait_ns(amount, now_ns + wait_ns)


@given(
    RATES,
    st.lists(st.tuples(GAPS, WEIGHTS, st.integers(0, 80), st.integers(0, 4)), max_size=30),
)
def test_corrections_keep_the_rate(rate: Rate, asks: list[tuple[int, int, int, int]]) -> None:
    """Estimates that were too high are given back without anybody getting more than the rate for it.

    What was too low passed already: over an interval the excess of its own requests comes on top, and no more.
    """
    bucket, now_ns = Bucket(rate, 0), 0
    admitted: list[tuple[int, int]] = []
    open_charges = []
    excess = 0
    for gap, estimate, real, finish in asks:
        now_ns += gap
        if bucket.wait_ns(estimate, now_ns) == 0:
            charge = bucket.charge(estimate, now_ns)
            open_charges.append((charge, real))
            admitted.append((now_ns, real))
            excess += max(0, real - charge[0])
        for _ in range(min(finish, len(open_charges))):
            charge, really = open_charges.pop(finish % len(open_charges))
            bucket.correct(charge, really, now_ns)

    assert fits(admitted, rate, more=excess)


def test_what_was_estimated_too_high_is_free_at_once() -> None:
    """Ten requests are charged for 1,000 tokens each and write 10: nobody waits for the 9,900."""
    bucket = Bucket(Rate(10_000, MINUTE_NS, 10_000), 0)
    charges = [bucket.charge(1_000, 0) for _ in range(10)]
    assert 0 != bucket.wait_ns(1_000, 0)

    for charge in charges:
        bucket.correct(charge, 10, 0)

    assert 9_900 == bucket.left(0)


def test_what_was_estimated_too_low_is_waited_for() -> None:
    """The next one pays: its wait is longer by exactly what was missing."""
    bucket = Bucket(Rate(60, MINUTE_NS, 60), 0)
    charge = bucket.charge(10, 0)

    bucket.correct(charge, 70, 0)

    assert 11 * SECOND_NS == bucket.wait_ns(1, 0)


def test_what_was_waited_for_is_not_given_back() -> None:
    """A request that ends long after it began was already worked off."""
    bucket = Bucket(Rate(60, MINUTE_NS, 60), 0)
    charge = bucket.charge(60, 0)
    bucket.charge(60, MINUTE_NS)

    bucket.correct(charge, 0, MINUTE_NS)

    assert 0 == bucket.left(MINUTE_NS)


def test_a_correction_moves_those_behind_it_to_the_front() -> None:
    """What the second waited for has passed once the first gave its share back: it is not given back again."""
    bucket = Bucket(Rate(1, 1, 20), 0)
    first, second = bucket.charge(10, 0), bucket.charge(10, 0)
    bucket.correct(first, 1, 0)
    bucket.charge(10, 11)

    bucket.correct(second, 1, 11)

    assert 10 == bucket.left(11)


def test_a_request_larger_than_the_burst_goes_alone() -> None:
    """It could never go otherwise; it waits until nothing is used, and is corrected by what it was."""
    bucket = Bucket(Rate(100, SECOND_NS, 100), 0)
    bucket.charge(1, 0)

    assert SECOND_NS // 100 == bucket.wait_ns(1_000, 0)
    charge = bucket.charge(1_000, SECOND_NS)
    bucket.correct(charge, 1_000, SECOND_NS)
    assert 9 * SECOND_NS + SECOND_NS // 100 == bucket.wait_ns(1, SECOND_NS)


def test_no_rate_is_waited_for_in_vain() -> None:
    """A share of nothing, until the shares change."""
    bucket = Bucket(Rate(0, SECOND_NS, 0), 0)

    assert bucket.wait_ns(1, SECOND_NS) is None
    bucket.reshare(Rate(10, SECOND_NS, 10), SECOND_NS)
    assert SECOND_NS // 10 == bucket.wait_ns(1, SECOND_NS)


def test_a_clock_that_stands_still_or_falls_back_gives_nothing() -> None:
    """Monotonic clocks do not, but two readings may come in the wrong order."""
    bucket = Bucket(Rate(1, SECOND_NS, 1), SECOND_NS)
    bucket.charge(1, SECOND_NS)

    assert SECOND_NS == bucket.wait_ns(1, 0)
    assert SECOND_NS == bucket.full_again_ns(0)
    assert SECOND_NS == bucket.wait_ns(1, SECOND_NS)


@given(
    RATES,
    st.integers(1, 4),
    st.lists(
        st.tuples(GAPS, st.integers(0, 3), WEIGHTS, st.none() | st.lists(st.integers(0, 90), min_size=4, max_size=4)),
        max_size=40,
    ),
)
def test_shares_hold_the_whole_rate(
    rate: Rate, workers: int, steps: list[tuple[int, int, int, list[int] | None]]
) -> None:
    """However often the shares change, all workers together let no more through than one alone would."""
    buckets = [Bucket(share, 0) for share in share_rate(rate, [1] * workers)]
    admitted, now_ns = [], 0
    for gap, worker, amount, demands in steps:
        now_ns += gap
        bucket = buckets[worker % workers]
        if bucket.wait_ns(amount, now_ns) == 0:
            admitted.append((now_ns, bucket.charge(amount, now_ns)[0]))
        if demands is not None:
            for each, share in zip(buckets, share_rate(rate, demands[:workers]), strict=True):
                each.reshare(share, now_ns)

    assert fits(admitted, rate)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), max_size=8))
def test_parts_add_up_and_nobody_is_favoured(total: int, demands: list[int]) -> None:
    """The sum is the total; who gets less than it wants gets no less than anybody else, but for a rounding."""
    parts = share_out(total, demands)

    assert (total if demands else 0) == sum(parts)
    assert all(part >= 0 for part in parts)
    short = [part for part, demand in zip(parts, demands, strict=True) if part < demand]
    assert not short or max(parts) <= min(short) + 1


@pytest.mark.parametrize(
    ("total", "demands", "parts"),
    [
        (100, [0, 0], [50, 50]),
        (100, [10, 1000], [10, 90]),
        (100, [1000, 1000], [50, 50]),
        (100, [30, 30], [50, 50]),
        (100, [0, 1000], [6, 94]),
        (3, [1, 1], [1, 2]),
        (1, [0, 9, 0], [0, 1, 0]),
        (100, [], []),
    ],
)
def test_shares_follow_the_demand(total: int, demands: list[int], parts: list[int]) -> None:
    """Idle shares flow to where they are wanted, but for a floor that an idle worker keeps."""
    assert parts == share_out(total, demands)


def test_slots_are_given_back_once_however_often_it_is_said() -> None:
    """A request ends in many ways, and more than one of them may say so."""
    slots = Slots(2)
    assert [True, True, False] == [slots.take(owner) for owner in ("a", "b", "c")]

    slots.give_back("a")
    slots.give_back("a")
    slots.give_back("nobody")

    assert (1, 1) == (len(slots), slots.free)
    assert [True, False, True] == [slots.take(owner) for owner in ("c", "d", "c")]


def test_fewer_slots_send_nobody_away() -> None:
    """A limit that was lowered holds for who comes."""
    slots = Slots(3)
    for owner in "abc":
        slots.take(owner)

    slots.most = 1

    assert (3, 0, False) == (len(slots), slots.free, slots.take("d"))
