"""Similarity by the definitions of those who invented the measures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_plugins._similarity import MEASURES, distance, longest_common
from gateway_plugins.text_sim import TextSim
from tests.plugins.making import CALL, made, outcome, said

SHORT = st.text("abc ", max_size=12)


@pytest.mark.parametrize(
    ("metric", "text", "reference", "expected"),
    [
        ("levenshtein", "kitten", "sitting", 0.571429),
        ("levenshtein", "Paris", "Paris", 1),
        ("token_f1", "The quick brown fox", "the brown fox jumps", 0.75),
        ("token_f1", "Paris", "Rome", 0),
        ("rouge_l", "police killed the gunman", "the gunman police killed", 0.5),
        ("chrf2", "the cat sat on the mat", "the cat is on the mat", 0.645779),
        ("chrf2", "ab", "cd", 0),
        ("chrf2", "a", "a", 1),
    ],
)
def test_vectors(metric: str, text: str, reference: str, expected: float) -> None:
    """The worked examples, to six digits."""
    assert expected == pytest.approx(outcome(made(TextSim, metric=metric), said(text, reference=reference)), abs=1e-6)


@pytest.mark.parametrize("metric", MEASURES)
def test_two_empty_texts_are_alike(metric: str) -> None:
    """There is no difference between nothing and nothing, and something is not nothing."""
    assert 1.0 == MEASURES[metric]("", "")
    assert 0.0 == MEASURES[metric]("a", "")


@given(SHORT, SHORT)
def test_measures_are_within_bounds(one: str, other: str) -> None:
    """From 0 to 1, and 1 for the same text, whatever it is."""
    for measure in MEASURES.values():
        assert 0 <= measure(one, other) <= 1
        assert 1 == pytest.approx(measure(one, one))


@given(SHORT, SHORT)
def test_bit_vectors_agree_with_the_plain_tables(one: str, other: str) -> None:
    """The fast ways give what the slow ones of the textbooks give."""
    edits = {(0, column): column for column in range(len(other) + 1)}
    common = dict.fromkeys(edits, 0)
    for row in range(len(one) + 1):
        edits[row, 0], common[row, 0] = row, 0
        for column in range(1, len(other) + 1):
            if row == 0:
                continue
            same = one[row - 1] == other[column - 1]
            edits[row, column] = min(
                edits[row - 1, column] + 1, edits[row, column - 1] + 1, edits[row - 1, column - 1] + (not same)
            )
            common[row, column] = (
                common[row - 1, column - 1] + 1 if same else max(common[row - 1, column], common[row, column - 1])
            )

    assert edits[len(one), len(other)] == distance(one, other)
    assert common[len(one), len(other)] == longest_common(one, other)


def test_long_texts_are_measured_in_time() -> None:
    """20,000 characters on both sides are the most; the host's limit of seconds would end what takes longer."""
    text = "abcdefghij" * 2000

    assert 0.5 == outcome(made(TextSim, metric="levenshtein"), said(text, reference=text[:10_000]))
    assert "skip too_long" == outcome(made(TextSim), said(text, reference=text + "a"))
    assert "skip too_long" == outcome(made(TextSim), said(text + "a", reference=text))


@pytest.mark.parametrize(
    ("exchange", "why"),
    [
        (said("Paris"), "no_reference"),
        (said("Paris", reference={"a": 1}), "reference_not_text"),
        (said("", reference="Paris"), "no_text"),
        (said(calls=(CALL,), reference="Paris"), "tool_calls"),
    ],
)
def test_nothing_to_compare_is_skipped(exchange: object, why: str) -> None:
    """Both sides are needed, as texts."""
    assert f"skip {why}" == outcome(made(TextSim), exchange)
