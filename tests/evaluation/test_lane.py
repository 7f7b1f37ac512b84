"""A lane: jobs to processes and back, also when processes die, change, or are replaced."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.evaluation import lane as module
from gateway.evaluation.api import Needs
from gateway.evaluation.host import JUDGE_SHARE
from gateway.evaluation.lane import Lane
from gateway.evaluation.protocol import MAX_BYTES, Answered, Asking, Kept, Told
from gateway.policies.evaluating import Plugin
from tests.evaluation.lanes import RECORD, job, lane, linux, nobody, plugin

pytestmark = linux

WRITTEN = """
import os
from gateway.evaluation.api import Evaluator
class Mine(Evaluator):
    name = "mine"
    version = "VERSION"
    def evaluate(self, target):
        return "pid"
"""
JUDGED = """
import asyncio
from gateway.evaluation.api import Evaluator, Needs
class Mine(Evaluator):
    name = "mine"
    version = "1"
    needs = Needs(judge=True, max_judge_calls=3)
    async def evaluate(self, target):
        asked = [self.judge.ask("be fair", f"question {n}", {"type": "object"}) for n in range(CALLS)]
        answers = await asyncio.gather(*asked)
        return sum(each.verdict["score"] for each in answers) == 3
"""


def written(folder: Path, text: str) -> Plugin:
    """Write a plugin's file, and configure it."""
    file = folder / "mine.py"
    file.write_text(text)
    return Plugin(name="mine", use=f"file:{file}:Mine", judge="m" if "judge" in text else None)


async def gathered(opened: Lane, count: int, *evaluators: str) -> list[Told]:
    """Run so many jobs at once."""
    done = await asyncio.gather(*(opened.run(job(number, *evaluators)) for number in range(count)))
    return [each for one in done for each in one]


async def test_every_job_is_answered_once_by_each_evaluator() -> None:
    """Many at once over several processes: none is lost, none is mixed up."""
    async with lane(plugin("good"), plugin("good", "other"), processes=2) as opened:
        told = await gathered(opened, 300, "good", "other")

    assert sorted((n, name) for n in range(300) for name in ("good", "other")) == sorted(
        (each.number, each.evaluator) for each in told
    )
    assert {"ok"} == {each.result for each in told}


async def test_capacity_says_how_many_jobs_keep_it_busy(tmp_path: Path) -> None:
    """Several for each process; one where a judge is asked, since nobody may wait behind a slow answer."""
    async with lane(plugin("good"), processes=2) as opened:
        assert 2 * module.DEPTH == opened.capacity
    async with lane(written(tmp_path, JUDGED.replace("CALLS", "3")), processes=2) as opened:
        assert 2 == opened.capacity


@pytest.mark.parametrize(
    ("calls", "expected"), [(3, ("ok", None)), (4, ("error", "judge_calls"))], ids=["as declared", "one more"]
)
async def test_judge_is_asked_through_the_parent(tmp_path: Path, calls: int, expected: tuple[str, Any]) -> None:
    """Questions go out, answers come back to whom they belong, in any order; no more than were declared."""
    asked: list[Asking] = []

    async def ask(asking: Asking) -> Answered:
        asked.append(asking)
        await asyncio.sleep(0.02 / len(asked))  # the first is answered last
        return Answered(number=asking.number, call=asking.call, verdict=msgspec.json.encode({"score": 1}), model="m")

    async with lane(written(tmp_path, JUDGED.replace("CALLS", str(calls))), ask=ask) as opened:
        (told,) = await opened.run(job(1, "mine"))

    assert expected == (told.result, told.reason)
    assert [f"question {n}" for n in range(min(calls, 3))] == [each.user for each in asked]
    assert all(0 < each.within_s <= JUDGE_SHARE * Needs().wall_s for each in asked)  # in time to be told of a failure


async def test_question_has_the_same_number_when_its_target_is_looked_at_again(tmp_path: Path) -> None:
    """By that a verdict that was paid for is known again; the number of a call is never the same."""
    asked: list[Asking] = []

    async def ask(asking: Asking) -> Answered:
        asked.append(asking)
        return Answered(number=asking.number, call=asking.call, verdict=b"{}", model="m")

    async with lane(written(tmp_path, JUDGED.replace("CALLS", "2")), ask=ask) as opened:
        for number in (1, 2):
            await opened.run(job(number, "mine"))

    assert [1, 2, 1, 2] == [each.nth for each in asked]
    assert 4 == len({each.call for each in asked})


@pytest.mark.parametrize(("failure", "result"), [("skip", "skipped"), ("retry", "retry"), ("error", "error")])
async def test_failure_of_a_judge_is_the_evaluators_word(tmp_path: Path, failure: str, result: str) -> None:
    """No money, a busy provider, an unusable answer: each keeps its name."""

    async def ask(asking: Asking) -> Answered:
        return Answered(number=asking.number, call=asking.call, failure=failure, reason="why")

    async with lane(written(tmp_path, JUDGED.replace("CALLS", "1")), ask=ask) as opened:
        (told,) = await opened.run(job(1, "mine"))

    assert (result, "why") == (told.result, told.reason)


async def test_code_that_changed_gives_no_scores_under_the_old_name(tmp_path: Path) -> None:
    """A process that comes later finds another version: what waits is to be tried again by a lane that knows it."""
    mine = written(tmp_path, WRITTEN)
    async with lane(mine, plugin("leaves")) as opened:
        before = await opened.run(job(1, "mine"))
        written(tmp_path, WRITTEN.replace("VERSION", "2"))
        after = await opened.run(job(2, "leaves", "mine"))

    assert ["ok"] == [each.result for each in before]
    assert [("leaves", "error", "crash"), ("mine", "retry", "changed")] == [
        (each.evaluator, each.result, each.reason) for each in after
    ]


async def test_process_is_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many jobs, between two of them: nobody is charged, nothing is lost."""
    monkeypatch.setattr(module, "JOBS", 5)
    monkeypatch.setattr(module, "TICK_S", 0.001)
    async with lane(plugin("good")) as opened:
        first = opened._members[0]
        while first in opened._members:
            told = await opened.run(job(1, "good"))
            assert ["ok"] == [each.result for each in told]
        (last,) = await opened.run(job(2, "good"))

    assert "ok" == last.result


async def test_who_rests_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """All lanes are looked at together, those that work at every instant: nobody's limit waits for a resting lane."""
    monkeypatch.setattr(module, "TICK_S", 16.0)
    monkeypatch.setattr(module, "RESTING_TICK_S", 256.0)
    async with lane(plugin("good")) as opened:
        begun_s = asyncio.get_running_loop().time()
        running = asyncio.create_task(opened.run(job(1, "good")))
        await asyncio.sleep(0)
        at_work_s = _next_tick_s(opened)
        await running
        opened._tick()
        at_rest_s = _next_tick_s(opened)
        running = asyncio.create_task(opened.run(job(2, "good")))
        await asyncio.sleep(0)
        again_s = _next_tick_s(opened)
        await running

    assert (0.0, 0.0) == (at_work_s % 16, at_rest_s % 256)
    assert at_work_s <= begun_s + 16
    assert again_s <= at_work_s + 16


def _next_tick_s(opened: Lane) -> float:
    assert opened._ticker is not None
    return opened._ticker.when()


async def test_job_that_cannot_be_sent_is_skipped() -> None:
    """Larger than any message may be."""
    large = job(1, "good")
    large.kept = [Kept(record=RECORD, request=[(0, b"x" * MAX_BYTES)], request_bytes=MAX_BYTES)]
    async with lane(plugin("good")) as opened:
        (told,) = await opened.run(large)
        (other,) = await opened.run(job(2, "good"))

    assert ("skipped", "too_large") == (told.result, told.reason)
    assert "ok" == other.result


async def test_evaluator_that_could_not_be_loaded_says_so_for_each_job() -> None:
    """The others of the lane do not mind."""
    broken = Plugin(name="broken", use="file:/nowhere/to/be.py:Found")
    opened = Lane([broken, plugin("good")], processes=1, ask=nobody)
    loaded = await opened.load()
    told = await opened.run(job(1, "broken", "good"))
    await opened.close()

    assert "no such file" in (loaded[0].problem or "")
    assert [("broken", "error", "load"), ("good", "ok", None)] == [
        (each.evaluator, each.result, each.reason) for each in told
    ]


async def test_close_ends_what_runs_and_leaves_no_job_without_an_answer() -> None:
    """Whoever waits is told to try again."""
    opened = Lane([plugin("sleeps")], processes=1, ask=nobody)
    await opened.load()
    waiting = [asyncio.create_task(opened.run(job(number, "sleeps"))) for number in range(3)]
    await asyncio.sleep(0)
    await opened.close()
    told = [each for one in await asyncio.gather(*waiting) for each in one]

    assert [("retry", "closed")] * 3 == [(each.result, each.reason) for each in told]


async def test_machine_without_room_for_a_process_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be started now is tried again later."""
    monkeypatch.setattr("gateway.evaluation.process.sys.executable", "/nowhere/python")
    opened = Lane([plugin("good")], processes=1, ask=nobody)
    (loaded,) = await opened.load()
    await opened.close()

    assert "no process could be started" in (loaded.problem or "")
