"""Ends of tasks: in the journal before they leave the queue, a few at a time; proven through the scheduler, too."""

import asyncio
from pathlib import Path

import pytest

from gateway.evaluation import outcome
from gateway.evaluation.ends import MOST, Ends
from gateway.evaluation.outbox import Outbox
from gateway.evaluation.outcome import GONE, Judged
from gateway.evaluation.queue import Queue
from gateway.evaluation.task import Admitted, Task
from tests.evaluation.at_work import evaluations, sampled_of
from tests.records import new_id


def end(ends: Ends, task: Task) -> None:
    """End a task."""
    evaluation = outcome.evaluation_of(task, outcome.nameless("a"), GONE, "2026-11-25T10:00:00Z", Judged())
    ends.add(None, task, evaluation)


def queued(folder: Path, count: int) -> tuple[Queue, list[Task]]:
    """Make a queue in which so many wait."""
    queue = Queue(folder / "queue")
    queue.admit(Admitted({}, [sampled_of("a", new_id()) for _ in range(count)], {}, {}), backlog=count)
    return queue, queue.due(count, 0, ())


async def test_a_batch_is_written_at_once_and_a_few_soon(tmp_path: Path) -> None:
    """Nobody waits long, and no commit is for a single one under load."""
    queue, tasks = queued(tmp_path, MOST + 1)
    outbox, written = Outbox(tmp_path / "journal", "process"), asyncio.Event()
    ends = Ends(queue, outbox, written.set, lambda error: pytest.fail(str(error)))
    for count in (MOST, 1):
        for task in tasks[:count]:
            end(ends, task)
        assert len(tasks) == queue.waiting()["a"]
        await asyncio.wait_for(written.wait(), 10)
        written.clear()
        del tasks[:count]
        assert len(tasks) == queue.waiting()["a"]
    ends.close()
    outbox.close()
    queue.close()

    (path,) = (tmp_path / "journal").glob("*.seg")
    assert MOST + 1 == len(evaluations(path))


async def test_queue_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The process ends then, and the next one does the tasks again."""
    queue, tasks = queued(tmp_path, 1)
    outbox, failed = Outbox(tmp_path / "journal", "process"), asyncio.get_running_loop().create_future()
    ends = Ends(queue, outbox, lambda: None, failed.set_result)
    queue.close()
    end(ends, tasks[0])

    assert "closed" in str(await asyncio.wait_for(failed, 10))
    outbox.close()
