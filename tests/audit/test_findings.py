"""What an audit finds is collected once, with what it is about."""

from gateway.audit.findings import Difference, Findings


def test_only_what_differs_is_a_difference() -> None:
    """Equal is nothing; what differs says of which exchange and day it is, until the next is looked at."""
    found = Findings()
    found.look_at("2026-11-23", "one")
    assert found.expect("cost", "cost_nano_usd", 7, 7)
    assert not found.expect("cost", "cost_nano_usd", 7, 8)
    found.look_at("2026-11-23")
    found.expect("sums", "requests", 1, 2)

    assert [
        Difference("2026-11-23", "one", "cost", "cost_nano_usd", 7, 8),
        Difference("2026-11-23", None, "sums", "requests", 1, 2),
    ] == found.take()


def test_differences_are_handed_out_once_and_counted_for_good() -> None:
    """Millions of differences must not be held in memory, but their number must be right."""
    found = Findings()
    found.expect("cost", "x", 1, 2)
    found.take()
    found.expect("cost", "x", 1, 2)

    assert 1 == len(found.take())
    assert [] == found.take()
    assert 2 == found.total


def test_what_was_looked_at_and_what_could_not_be_is_counted() -> None:
    """By what it was, and by the reason."""
    found = Findings()
    for _ in range(2):
        found.look_into("bodies")
        found.skip("bodies", "not kept")

    assert ({"bodies": 2}, {"bodies: not kept": 2}) == (found.checked, found.skipped)
