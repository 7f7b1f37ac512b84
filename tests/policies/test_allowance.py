"""A token bucket for each name: so much at once, so much a second, and no more names than can be held."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.allowance import Allowance


def test_burst_then_the_rate() -> None:
    """A burst goes through, then one is there again after the time that was told."""
    one = Allowance(10, 3)
    waits = [one.take("a", 0.0) for _ in range(4)]

    assert [0, 0, 0, 0.1] == waits
    assert [0, 0.1] == [one.take("a", 0.125), round(one.take("a", 0.125) + 0.025, 6)]


def test_names_do_not_share() -> None:
    """What one has used up is nobody else's."""
    one = Allowance(10, 1)

    assert [0, 0, 0.1] == [one.take("a", 0.0), one.take("b", 0.0), one.take("a", 0.0)]


def test_so_many_names_are_remembered() -> None:
    """Whoever was away the longest is forgotten first."""
    one = Allowance(1, 1, most_names=2)
    for name in ("a", "b", "a", "c"):
        one.take(name, 0.0)

    assert [1.0, 1.0, 0] == [one.take("a", 0.0), one.take("c", 0.0), one.take("b", 0.0)]


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float]) -> None:
    """However they are spread, no more go through than the burst and what has flowed in since."""
    one, now_s, passed = Allowance(10, 5), 0.0, 0
    for gap_s in gaps:
        now_s += gap_s
        passed += one.take("a", now_s) == 0

    assert passed <= 5 + 10 * now_s + 1e-6
