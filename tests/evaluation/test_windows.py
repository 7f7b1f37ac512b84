"""Caps and money over whole minutes: exactly so many are taken, and weighted sums stay right."""

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.windows import (
    ANY_NUMBER,
    DAY_MS,
    Bucket,
    Candidate,
    Taken,
    close,
    flowed,
    keep_at_most,
    slots_needed,
)

RUNS = 10_000


def candidate(number: int, drawn: float, rate: float = 1.0, **fields: object) -> Candidate:
    """Make a candidate of a rule without a cap."""
    usual = {"group": "a", "is_always": False, "cap": None, "always_cap": 10}
    return Candidate(number=number, draw=drawn, rate=rate, **{**usual, **fields})  # type: ignore[arg-type]


def numbers(taken: Sequence[Taken]) -> list[int]:
    """Return who was taken."""
    return [each.number for each in taken]


def test_burst_under_a_cap_takes_exactly_the_cap() -> None:
    """Of 5,000 in a minute 50, each with the probability of the threshold, which stands in for all."""
    draws = np.random.default_rng(1).random(5_000)
    taken = close([candidate(number, drawn, cap=50) for number, drawn in enumerate(draws)], None)

    assert sorted(np.argsort(draws)[:50]) == numbers(taken)
    assert {float(np.sort(draws)[50])} == {each.probability for each in taken}


def test_burst_total_is_right_over_many_salts() -> None:
    """The sum of weights estimates how many there were: over 200 salts within three standard errors."""
    rng = np.random.default_rng(2)
    totals = []
    for _ in range(200):
        taken = close([candidate(number, drawn, cap=50) for number, drawn in enumerate(rng.random(1_000))], None)
        totals.append(sum(1 / each.probability for each in taken))

    assert abs(np.mean(totals) - 1_000) < 3 * np.std(totals) / sqrt(200)


def test_few_are_taken_as_their_rate_says() -> None:
    """A cap that is not reached changes nothing: neither who is taken, nor with which probability."""
    taken = close([candidate(1, 0.05, 0.1, cap=5), candidate(2, 0.1, 0.1, cap=5), candidate(3, 0.2, 0.5, cap=5)], None)

    assert [Taken(1, 0.1, True, False), Taken(3, 0.5, True, False)] == taken


def test_always_rules_have_a_cap_of_their_own() -> None:
    """An outage takes as many as it may, by lowering its own rate; the rest is taken as ever."""
    failed = [candidate(number, (number + 0.5) / 100, 0.1, is_always=True, always_cap=20) for number in range(100)]
    taken = close([*failed, candidate(100, 0.05, 0.1)], None)
    by_number = {each.number: each for each in taken}

    assert [*range(20), 100] == numbers(taken)
    assert Taken(0, 0.205, by_rate=True, by_always=True) == by_number[0]
    assert Taken(15, 0.205, by_rate=False, by_always=True) == by_number[15]
    assert Taken(100, 0.1, by_rate=True, by_always=False) == by_number[100]


def test_what_a_rate_takes_is_never_lost_to_an_outage() -> None:
    """Money is for some only: always-rules get half of it at most, and only where a rate takes any."""
    failed = [candidate(number, 0.001 * number, 0.0, is_always=True) for number in range(10)]
    usual = [candidate(10 + number, 0.5 + 0.001 * number) for number in range(10)]

    assert [0, 1, 10, 11] == numbers(close([*failed, *usual], 4))
    assert [0, 1, 2, 3] == numbers(close(failed, 4, has_rate=False))
    assert [10] == numbers(close([*failed, *usual], 1))


def test_money_is_shared_by_all_rules_of_an_evaluator() -> None:
    """In the order of q over all of them, after each one's own cap."""
    first = [candidate(number, 0.01 * number, 0.5, group="a", cap=3) for number in range(10)]
    second = [candidate(10 + number, 0.015 + 0.01 * number, 1.0, group="b") for number in range(10)]
    taken = close([*first, *second], 6)

    assert [0, 1, 2, 10, 11, 12] == numbers(taken)
    assert [pytest.approx(0.5 * 0.045)] * 3 + [pytest.approx(0.045)] * 3 == [each.probability for each in taken]


@pytest.mark.parametrize(
    ("always", "has_rate", "expected"), [(False, True, 1), (True, True, 2), (True, False, 1), (False, False, 1)]
)
def test_slots_that_are_needed(always: bool, has_rate: bool, expected: int) -> None:
    """Nobody may have no chance at all: one for what a rate takes, one for always-rules."""
    assert expected == slots_needed([candidate(1, 0.5, is_always=always)], has_rate=has_rate)


@given(st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from([0.0, 0.2, 1.0]), st.booleans())), st.integers(1, 9))
def test_never_more_than_the_money_is_for(units: list[tuple[float, float, bool]], slots: int) -> None:
    """Whatever comes, and every probability is one."""
    taken = close(
        [
            candidate(number, drawn, rate, is_always=always, always_cap=3, cap=5)
            for number, (drawn, rate, always) in enumerate(units)
        ],
        slots,
    )

    assert len(taken) <= slots
    assert all(0 < each.probability <= 1 for each in taken if units[each.number][0] > 0)


@given(
    st.lists(st.tuples(st.floats(0.001, 0.999), st.sampled_from([0.1, 0.5, 1.0])), unique_by=lambda each: each[0]),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_only_the_lowest_matter(units: list[tuple[float, float]], cap: int, slots: int) -> None:
    """What is not among so many of the lowest may be forgotten before the window closes: nothing changes."""
    all_of_them = [candidate(number, drawn, rate, cap=cap) for number, (drawn, rate) in enumerate(units)]
    most = keep_at_most(cap, slots)
    kept = sorted((each for each in all_of_them if each.draw < each.rate), key=lambda each: each.draw / each.rate)

    assert sorted(close(all_of_them, slots)) == sorted(close(kept[:most], slots))


def test_how_many_matter() -> None:
    """One more than the smaller bound; without any bound all."""
    assert [4, 3, 3, None] == [keep_at_most(*each) for each in ((3, None), (None, 2), (5, 2), (None, None))]


# --- simulation: every estimate is right in the mean --------------------------------------------------------------

Close = Callable[[np.ndarray], list[Taken]]
UNITS = 60
_setup = np.random.default_rng(3)
RATES = _setup.choice([0.1, 0.3, 0.8], UNITS)
ERRORS = _setup.random(UNITS) < 0.3
VALUES = np.where(ERRORS, 0.2, 0.9) * _setup.random(UNITS)  # what always-rules take is worse


def closing(slots: int | None = None, cap: int | None = None, always_cap: int | None = None) -> Close:
    """Close a minute of UNITS, in two rules of one evaluator."""

    def close_with(draws: np.ndarray) -> list[Taken]:
        return close(
            [
                Candidate(
                    number, "ab"[number % 2], drawn, rate, bool(error) and always_cap is not None, cap, always_cap or 1
                )
                for number, (drawn, rate, error) in enumerate(zip(draws, RATES, ERRORS, strict=True))
            ],
            slots,
        )

    return close_with


@pytest.mark.parametrize(
    "close_with",
    [
        closing(),
        closing(cap=4),
        closing(always_cap=100),
        closing(always_cap=3),
        closing(cap=4, always_cap=2),
        closing(slots=8),
        closing(slots=8, cap=6, always_cap=3),
        closing(slots=2, always_cap=3),
    ],
    ids=["rates", "cap", "always", "always capped", "both caps", "money", "all of it", "little money"],
)
def test_weighted_sums_are_unbiased(close_with: Close) -> None:
    """Over 10,000 minutes the sum of value / probability is the true sum, within three standard errors; and so is that
    of the weights, so that their quotient, the weighted mean, is right, too."""
    rng = np.random.default_rng(4)
    sums, weights = np.zeros(RUNS), np.zeros(RUNS)
    for run in range(RUNS):
        for each in close_with(rng.random(UNITS)):
            sums[run] += VALUES[each.number] / each.probability
            weights[run] += 1 / each.probability

    assert abs(sums.mean() - VALUES.sum()) < 3 * sums.std() / sqrt(RUNS)
    assert abs(weights.mean() - UNITS) < 3 * weights.std() / sqrt(RUNS)
    assert abs(sums.sum() / weights.sum() - VALUES.mean()) < 0.01


def test_mean_without_weights_would_be_wrong() -> None:
    """The simulation above can tell: what always-rules take is worse, and pulls the plain mean down."""
    rng = np.random.default_rng(4)
    close_with = closing(always_cap=100)
    seen = [VALUES[each.number] for _ in range(1_000) for each in close_with(rng.random(UNITS))]

    assert VALUES.mean() - np.mean(seen) > 0.05


def test_falling_rates_stay_unbiased_over_a_day() -> None:
    """Traffic grows, the money of each minute stays: the rate falls by itself, and the day's mean is right."""
    rng = np.random.default_rng(5)
    sizes = (10, 50, 250)
    values = [np.linspace(0, 1, size) ** (1 + at) for at, size in enumerate(sizes)]
    sums, weights, taken_of = np.zeros(2_000), np.zeros(2_000), set()
    for run in range(2_000):
        for size, worth in zip(sizes, values, strict=True):
            taken = close([candidate(number, drawn) for number, drawn in enumerate(rng.random(size))], 8)
            taken_of.add(len(taken))
            sums[run] += sum(worth[each.number] / each.probability for each in taken)
            weights[run] += sum(1 / each.probability for each in taken)

    assert {8} == taken_of
    assert abs(sums.mean() - sum(worth.sum() for worth in values)) < 3 * sums.std() / sqrt(2_000)
    assert abs(weights.mean() - sum(sizes)) < 3 * weights.std() / sqrt(2_000)


# --- money ----------------------------------------------------------------------------------------------------------

DAY_USD = 24_000_000_000
HOUR_USD, HOUR_MS = DAY_USD // 24, DAY_MS // 24
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


def test_money_flows_in_evenly_and_an_hour_of_it_is_kept() -> None:
    """A minute brings a 1440th of the day's; idle hours bring no more than one."""
    start = flowed(None, DAY_USD, NOON_MS)
    empty = start._replace(left_nano_usd=0)

    assert Bucket(HOUR_USD, NOON_MS) == start
    assert DAY_USD // 1440 == flowed(empty, DAY_USD, NOON_MS + 60_000).left_nano_usd
    assert HOUR_USD == flowed(empty, DAY_USD, NOON_MS + 5 * HOUR_MS).left_nano_usd
    assert start == flowed(start, DAY_USD, NOON_MS - 1)


def test_at_midnight_what_was_left_is_gone() -> None:
    """Else the day that begins could give more than its budget."""
    late = flowed(None, DAY_USD, NOON_MS + 12 * HOUR_MS - 1)

    assert HOUR_USD == late.left_nano_usd
    assert DAY_USD // 1440 == flowed(late, DAY_USD, NOON_MS + 12 * HOUR_MS + 60_000).left_nano_usd
    assert DAY_USD // 1440 == flowed(None, DAY_USD, NOON_MS + 12 * HOUR_MS + 60_000).left_nano_usd


def test_enough_for_one_is_kept() -> None:
    """However little the day's money is, there is some for one in the end."""
    empty = Bucket(0, NOON_MS)

    assert 100 == flowed(empty, 240, NOON_MS + 11 * HOUR_MS, 100).left_nano_usd
    assert 10 == flowed(empty, 240, NOON_MS + 11 * HOUR_MS).left_nano_usd


@given(
    st.lists(st.tuples(st.integers(0, 3 * HOUR_MS), st.integers(0, 2 * HOUR_USD)), max_size=60), st.integers(0, DAY_MS)
)
def test_a_day_never_gives_more_than_its_budget(steps: list[tuple[int, int]], begin_ms: int) -> None:
    """Whenever it is asked, and however much is taken of what there is."""
    bucket, now_ms = None, 20_000 * DAY_MS + begin_ms
    spent: dict[int, int] = {}
    for wait_ms, wanted in steps:
        now_ms += wait_ms
        bucket = flowed(bucket, DAY_USD, now_ms)
        taken = min(wanted, bucket.left_nano_usd)
        bucket = bucket._replace(left_nano_usd=bucket.left_nano_usd - taken)
        spent[now_ms // DAY_MS] = spent.get(now_ms // DAY_MS, 0) + taken

    assert all(amount <= DAY_USD for amount in spent.values())


def test_any_number_is_more_than_there_can_be() -> None:
    """It stands for: no bound."""
    assert ANY_NUMBER > 10**15
