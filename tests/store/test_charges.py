"""Charges follow the rows: added once, taken off when a row changes; what became known late is told until it was."""

from gateway.core.record import Hold
from gateway.store.charges import Charges, Lateness
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
