"""Tasks come in the order of their numbers, each once, wherever they are."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.evaluation.line import AHEAD, Line
from gateway.evaluation.task import Task
from tests.evaluation.looking import sampled


def task(number: int) -> Task:
    """Make a task."""
    return Task(number, sampled(number), 0, 0)


def _never(*_: object) -> list[Task]:
    raise AssertionError("the file was read")


def taken(line: Line, now_ms: int = 0) -> list[int]:
    """Take everything that may be begun."""
    found = []
    while (number := line.next_number(now_ms)) is not None:
        one = line.take(now_ms)
        assert number == one.number
        found.append(number)
    return found


@given(st.lists(st.tuples(st.integers(1, 2 * AHEAD), st.integers(0, 3 * AHEAD)), max_size=8))
def test_each_task_comes_once_in_order(steps: list[tuple[int, int]]) -> None:
    """Whether it stayed in memory or was read back."""
    file: list[Task] = []
    line = Line("x", lambda _, after, limit: [each for each in file if each.number > after][:limit])
    found: list[int] = []
    for added, wanted in steps:
        new = [task(len(file) + number) for number in range(1, added + 1)]
        file += new
        line.add(new)
        for _ in range(wanted):
            if line.next_number(0) is not None:
                found.append(line.take(0).number)

    assert list(range(1, len(file) + 1)) == found + taken(line)
    assert len(file) == line.count


def test_what_is_taken_at_once_is_never_read() -> None:
    """The file is asked only for what is not in memory."""
    line = Line("x", _never)
    line.add([task(1), task(2)])

    assert [1, 2] == taken(line)


def test_after_a_restart_all_is_read() -> None:
    """In portions."""
    file = [task(number) for number in range(1, 2 * AHEAD + 2)]
    line = Line("x", lambda _, after, limit: [each for each in file if each.number > after][:limit], len(file))

    assert [each.number for each in file] == taken(line)


def test_what_is_tried_again_comes_when_its_time_has_come() -> None:
    """And then first."""
    line = Line("x", lambda *_: [])
    line.add([task(1), task(2)])
    first = line.take(0) if line.next_number(0) else task(0)
    line.postpone(first, 100)

    assert [2] == taken(line, 99)
    assert [1] == taken(line, 100)
