"""A crew: tasks of one target wait together, turns grow while all goes well, and what is not done is given back."""

import asyncio

import pytest

from gateway.evaluation.crew import IN_HAND, Crew
from gateway.evaluation.lanes import Share
from gateway.evaluation.task import Task
from tests.evaluation.at_work import Stage, plugin, sampled_of
from tests.records import new_id

SHARE = Share((plugin("a"), plugin("b")), 1)


def task(number: int, evaluator: str = "a", exchange: str | None = None) -> Task:
    """Make one."""
    return Task(number, sampled_of(evaluator, exchange or new_id()), 0, 0)


class Desk:
    """Does what a crew hands on, when the test lets it."""

    def __init__(self, depth: int = 4) -> None:
        self.stage = Stage(depth=depth)
        self.turns: list[list[list[Task]]] = []
        self.go = asyncio.Event()
        self.failures: list[BaseException] = []
        self.error: Exception | None = None
        lane = self.stage.lane(SHARE.plugins, processes=1, ask=None)  # type: ignore[arg-type]
        self.crew = Crew(SHARE, lane, self.do, self.failures.append)

    async def do(self, crew: Crew, turn: list[list[Task]]) -> None:
        """Note it, and wait."""
        self.turns.append([list(tasks) for tasks in turn])
        await self.go.wait()
        if self.error is not None:
            raise self.error
        for tasks in turn:
            tasks.clear()
            crew.went(well=True)


async def test_tasks_of_a_target_are_done_together() -> None:
    """In the order in which targets came."""
    desk, exchange = Desk(), new_id()
    desk.crew.take([task(1, "a", exchange), task(2), task(3, "b", exchange)])
    desk.go.set()
    desk.crew.begin()
    while len(desk.turns) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert [[[1, 3]], [[2]]] == [[[one.number for one in tasks] for tasks in turn] for turn in desk.turns]
    assert [] == await desk.crew.end()


async def test_turns_grow_while_all_goes_well_and_begin_small_after_a_fatal_run() -> None:
    """A process is given as much ahead as it can hold; one that hangs must not hang on eight targets."""
    desk = Desk(depth=4)
    grown = []
    for well in (True, True, True, False, True):
        desk.crew.went(well=well)
        grown.append(desk.crew.at_once)

    assert [2, 4, 4, 1, 2] == grown
    await desk.crew.end()


async def test_what_is_not_done_at_the_end_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs and does not end, and what waits; the lane is closed."""
    monkeypatch.setattr("gateway.evaluation.crew.GRACE_S", 0.01)
    desk = Desk()
    desk.crew.take([task(1), task(2)])
    desk.crew.begin()
    while not desk.turns:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert [1, 2] == [one.number for one in await desk.crew.end()]
    assert desk.stage.lanes[0].closed


async def test_it_is_full_when_it_has_enough_in_hand() -> None:
    """Counted until the ends are written down."""
    desk = Desk()
    desk.crew.take(task(number) for number in range(IN_HAND * 2 - 1))
    assert not desk.crew.is_full
    desk.crew.take([task(0)])

    assert desk.crew.is_full
    await desk.crew.end()


async def test_mistake_of_ours_is_told() -> None:
    """A lane that stands still without a word would be worse."""
    desk = Desk()
    desk.error = RuntimeError("ours")
    desk.go.set()
    desk.crew.take([task(1)])
    desk.crew.begin()
    while not desk.failures:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert [desk.error] == desk.failures
    await desk.crew.end()
