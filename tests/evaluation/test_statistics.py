"""Weighted means and their intervals: known vectors, and coverage by simulation."""

import math
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.statistics import LABELS, OTHER, Mean, Shares, Sums, student, wilson

Z = 1.959963985
Drawn = Iterable[tuple[float, float, str]]  # value, probability, conversation


def mean_of(drawn: Drawn, *, binary: bool = False) -> Mean:
    """Add scores up."""
    sums = Sums(binary=binary)
    for each in drawn:
        sums.add(*each)
    found = sums.mean()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0, 0.277533), (8, 10, 0.490162, 0.943318), (10, 10, 0.722467, 1), (190, 200, 0.910422, 0.972617)],
)
def test_wilson_vectors(hits: int, n: int, low: float, high: float) -> None:
    """Known intervals of shares."""
    assert (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6)) == wilson(hits / n, n, Z)


def test_share_of_nothing_is_anything() -> None:
    """No observation leaves every share possible."""
    assert (0, 1) == wilson(0, 0, Z)


def test_weighted_mean_vector() -> None:
    """Hájek's mean, its error and what it is worth, of scores that were taken with different probabilities."""
    found = mean_of(zip([1, 0, 1, 1, 0], [1, 1, 0.1, 0.1, 0.5], "abcde", strict=True))

    assert pytest.approx(0.875) == found.value
    assert pytest.approx(0.109993 * math.sqrt(5 / 4), abs=1e-6) == found.error
    assert pytest.approx(2.796117, abs=1e-6) == found.n_eff


def test_clustered_error_vector() -> None:
    """Scores of one conversation are alike, and count less than as many of others."""
    conversations = {"a": [1, 1, 0], "b": [0, 0], "c": [1], "d": [1, 0, 1, 1]}
    found = mean_of((float(value), 1.0, name) for name, values in conversations.items() for value in values)

    assert (pytest.approx(0.6), pytest.approx(0.163299, abs=1e-6)) == (found.value, found.error)
    assert (10, 4) == (found.n, found.clusters)


def test_one_conversation_has_no_interval() -> None:
    """Nothing is known of how conversations differ."""
    found = mean_of([(1.0, 1.0, "a"), (0.0, 1.0, "a")])

    assert (None, None) == (found.error, found.interval)


def test_nothing_has_no_mean() -> None:
    """Where there is no score there is no number, above all not 0."""
    assert None is Sums(binary=True).mean()


@given(share=st.floats(0.5001, 0.9995), freedom=st.integers(1, 20_000))
def test_students_quantiles_are_those_of_a_library(share: float, freedom: int) -> None:
    """To 1e-9 what scipy says, in both tails."""
    stats = pytest.importorskip("scipy.stats")

    assert pytest.approx(stats.t.ppf(share, freedom), rel=1e-9, abs=1e-9) == student(share, freedom)
    assert -student(share, freedom) == pytest.approx(student(1 - share, freedom), rel=1e-6)


def independent(share: float, n: int) -> Callable[[random.Random], Drawn]:
    """Draw as many independent verdicts."""
    return lambda chance: [(float(chance.random() < share), 1.0, str(at)) for at in range(n)]


def clustered(share: float, conversations: int) -> Callable[[random.Random], Drawn]:
    """Draw verdicts of conversations, of which some are good as a whole and some are bad."""

    def draw(chance: random.Random) -> Drawn:
        for name in range(conversations):
            own = chance.betavariate(3 * share, 3 * (1 - share))
            for _ in range(chance.randint(1, 7)):
                yield float(chance.random() < own), 1.0, str(name)

    return draw


def always_failures(share: float, n: int, rate: float) -> Callable[[random.Random], Drawn]:
    """Draw a tenth that fail more often and are all taken, and of the others a share."""

    def draw(chance: random.Random) -> Drawn:
        for name in range(n):
            failed = chance.random() < 0.1
            value = float(chance.random() < (0.3 if failed else share))
            probability = 1.0 if failed else rate
            if chance.random() < probability:
                yield value, probability, str(name)

    return draw


def skewed(n: int) -> Callable[[random.Random], Drawn]:
    """Draw numbers of which few are large."""
    return lambda chance: [(chance.expovariate(1.0), 1.0, str(at)) for at in range(n)]


CASES = {
    "independent": (independent(0.7, 120), 0.7, True),
    "near one": (independent(0.93, 210), 0.93, True),
    "conversations": (clustered(0.7, 60), 0.7, True),
    "many conversations": (clustered(0.85, 150), 0.85, True),
    "failures always": (always_failures(0.8, 800, 0.1), 0.9 * 0.8 + 0.1 * 0.3, True),
    "numbers": (skewed(200), 1.0, False),
}


@pytest.mark.parametrize("name", CASES)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    """In 95 of 100 cases the true mean lies inside, to 1.5 points: with conversations, weights and skew, too."""
    draw, truth, binary = CASES[name]
    chance = random.Random(name)
    runs, inside = 2_500, 0
    for _ in range(runs):
        interval = mean_of(draw(chance), binary=binary).interval
        assert interval is not None
        inside += interval.low <= truth <= interval.high

    assert pytest.approx(0.95, abs=0.015) == inside / runs


def test_weights_undo_what_sampling_did() -> None:
    """Over many draws the mean is that of all exchanges, though failures are ten times more likely to be taken."""
    draw, truth, _ = CASES["failures always"]
    chance = random.Random(3)
    means = [mean_of(draw(chance)).value for _ in range(3_000)]
    error = math.sqrt(sum((mean - truth) ** 2 for mean in means)) / len(means)

    assert abs(sum(means) / len(means) - truth) < 4 * error


def test_shares_of_labels_are_means_of_one_and_zero() -> None:
    """Each label's share, with its interval; together they are 1."""
    drawn = [("none", 0.5, "a"), ("none", 0.5, "b"), ("text", 1.0, "c"), ("none", 1.0, "a")]
    shares = Shares()
    for each in drawn:
        shares.add(*each)
    found = shares.means()

    assert {"none": 5 / 6, "text": 1 / 6} == {label: pytest.approx(mean.value) for label, mean in found.items()}
    assert mean_of(((float(label == "none"), p, c) for label, p, c in drawn), binary=True) == found["none"]


def test_labels_without_end_are_folded() -> None:
    """What people make up as labels does not grow without bound."""
    shares = Shares()
    for number in range(LABELS + 10):
        shares.add(f"label {number}", 1.0, str(number))
    found = shares.means()

    assert (LABELS + 1, pytest.approx(10 / (LABELS + 10))) == (len(found), found[OTHER].value)
