"""Thresholds that were passed are known until they no longer are, whatever was committed in between."""

from gateway.ledger.file import Batch, Passed
from gateway.ledger.lease import Place
from gateway.ledger.passed import Passing

ONE, OTHER = Place("search/daily", 0), Place("search/daily", 60)


def test_what_was_kept_is_known() -> None:
    """And nothing of any other balance."""
    passing = Passing({ONE: Passed((50,), 9)}, Batch)

    assert [(50,), ()] == [passing.percents(place) for place in (ONE, OTHER)]


def test_notes_go_into_the_next_commit() -> None:
    """As they stand last."""
    batch = Batch()
    passing = Passing({ONE: Passed((50,), 9)}, lambda: batch)
    passing.note(ONE, Passed((50, 80), 9))
    passing.note(OTHER, Passed((50,), 9))
    passing.note(OTHER, Passed((), 9))

    assert [(50, 80), ()] == [passing.percents(place) for place in (ONE, OTHER)]
    assert ([(*ONE, "[50,80]", 9)], [OTHER]) == (batch.passed, batch.unpassed)


def test_what_is_over_is_forgotten() -> None:
    """At once, and nothing else."""
    batch = Batch()
    passing = Passing({ONE: Passed((50,), 9), OTHER: Passed((50,), 10)}, lambda: batch)
    passing.tidy(9)
    passing.tidy(9)

    assert [(), (50,)] == [passing.percents(place) for place in (ONE, OTHER)]
    assert [ONE] == batch.unpassed
