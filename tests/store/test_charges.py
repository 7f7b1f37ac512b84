"""Charges follow the rows: added once, taken off when a row changes; what became known late is told until it was."""

from gateway.core.record import Hold
from gateway.store.charges import Charges, Lateness, first_day
from tests.records import record

KEY = ("w1", "search/daily", 60)


def test_a_record_is_charged_what_was_settled_and_what_became_known_late() -> None:
    """And taken off again it leaves nothing to write."""
    charges = Charges()
    one = record(holder="w1", holds=[Hold("search/daily", 60, "usd", 9, charged=5, late=-2)])
    charges.add(one)

    assert [(*KEY, 3, -2)] == list(charges.rows())
    charges.add(one, -1)
    assert [] == list(charges.rows())


def test_charged_nothing_in_all_is_written_down() -> None:
    """What was held and what was found later are told apart."""
    charges = Charges()
    charges.add(record(holder="w1", holds=[Hold("search/daily", 60, "usd", 9, charged=5, late=-5)]))

    assert [(*KEY, 0, -5)] == list(charges.rows())


def test_who_holds_nothing_is_charged_nothing() -> None:
    """As all exchanges without budgets, and those of earlier releases."""
    charges = Charges()
    charges.add(record())
    charges.add(record(holder="w1"))
    charges.add(record(holds=[Hold("search/daily", 60, "usd", 9, charged=5)]))

    assert [] == list(charges.rows())


def test_late_sums_are_told_when_they_changed() -> None:
    """As they stand, also when that is nothing again."""
    lateness = Lateness()
    lateness.update({KEY: 5, ("w1", "other", 0): 0})
    lateness.update({KEY: -2})

    assert {KEY: 3} == lateness.take()
    assert {} == lateness.take()
    lateness.update({KEY: -3})
    assert {KEY: 0} == lateness.take()


def test_the_first_day_of_a_holder_stands_in_its_name() -> None:
    """A day is allowed for clocks that are set back; of a name that tells nothing all days count."""
    noon = 20_000 * 86_400 + 43_200

    assert 19_999 == first_day(f"worker-0-{noon * 10**9:020d}")
    assert [0, 0, 0] == [first_day(name) for name in ("w1", "worker-x", "worker-0-00000000000000000001")]
