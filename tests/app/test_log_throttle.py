"""A flood of the same is told by its first lines and a number; nothing is lost uncounted, and memory is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.app.log_throttle import KINDS_MOST, MOST, WINDOW_S, Held, Throttle


def test_first_lines_are_written_and_the_others_counted() -> None:
    """The last of them stands for all."""
    throttle = Throttle[str]()
    written = [throttle.admits("a", f"line {number}", 0.0) for number in range(MOST + 5)]

    assert [True] * MOST + [False] * 5 == written
    assert WINDOW_S == throttle.next_end_s
    assert [] == list(throttle.over(WINDOW_S - 0.1))
    assert [Held(f"line {MOST + 4}", 5)] == list(throttle.over(WINDOW_S))
    assert None is throttle.next_end_s


def test_kinds_do_not_hold_each_other_back() -> None:
    """A flood of one problem hides no other."""
    throttle = Throttle[int](most=1)

    assert [True, False, True] == [throttle.admits(kind, 0, 0.0) for kind in "aab"]


def test_a_window_begins_with_its_first_line() -> None:
    """What is over by then is written anew."""
    throttle = Throttle[int](most=1)
    throttle.admits("a", 0, 50.0)

    assert not throttle.admits("a", 0, 109.0)
    assert [Held(0, 1)] == list(throttle.over(110.0))
    assert throttle.admits("a", 0, 110.0)


def test_too_many_kinds_are_one() -> None:
    """Texts that are never the same twice must not fill the memory, or the log."""
    throttle = Throttle[int](most=1)
    written = sum(throttle.admits(f"kind {number}", number, 0.0) for number in range(10 * KINDS_MOST))

    assert KINDS_MOST + 1 == written


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=200))
def test_every_line_is_written_or_counted(steps: list[tuple[str, float]]) -> None:
    """Whatever comes when."""
    throttle = Throttle[None](most=3)
    now_s, told = 0.0, 0
    for kind, pause_s in steps:
        now_s += pause_s
        told += sum(held.times for held in throttle.over(now_s))
        told += throttle.admits(kind, None, now_s)
    told += sum(held.times for held in throttle.over(float("inf")))

    assert len(steps) == told
