"""The engine: from a log that the store wrote to evaluations in the journal, over restarts, each once."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.evaluation.engine import Engine, Places
from gateway.evaluation.protocol import Answered, Asking
from gateway.metrics.totals import Tally
from gateway.policies.evaluating import Evaluating, Plugin, Rule
from gateway.store.sqlite import SqliteStore
from tests.evaluation.at_work import evaluations
from tests.records import NOON_MS, finished, new_id, record
from tests.scores import evaluated, feedback

NEVER_MS = 1 << 48
ON = Evaluating(
    {"truncated": Plugin("truncated", "truncated")}, {"search": (Rule(team="search", evaluator="truncated"),)}
)
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}'


async def nobody(asking: Asking, _: str) -> Answered:
    """Judge nothing."""
    return Answered(number=asking.number, call=asking.call, failure="error", reason="no_judge")


def places(folder: Path) -> Places:
    """Say where things lie."""
    return Places(folder / "store", folder / "journal", folder / "queue")


def written(folder: Path) -> list[str]:
    """Return the exchanges that were evaluated, once for each time."""
    return sorted(one.exchange for path in (folder / "journal").glob("*.seg") for one in evaluations(path))


def store(folder: Path, count: int, begun_ms: int = NOON_MS) -> list[str]:
    """Write exchanges into the log."""
    log = SqliteStore(folder / "store", Tally().count)
    records = [record(begun_ms) for _ in range(count)]
    log.commit([finished(one, b'{"messages":[]}', ANSWER) for one in records], {})
    log.close()
    return sorted(one.id for one in records)


async def work(engine: Engine, folder: Path, count: int) -> None:
    """Let it take turns until so many evaluations are written and nothing waits."""
    async with asyncio.timeout(60):
        while engine.turn() or engine.waiting or len(written(folder)) < count:
            if engine.failure.done():
                engine.failure.result()
            await asyncio.sleep(0.01)


async def test_log_becomes_evaluations_over_restarts(tmp_path: Path) -> None:
    """What was there before the first start is for backfills; from then on every exchange, once, whoever restarts."""
    store(tmp_path, 3)
    expected: list[str] = []
    for _ in range(2):
        engine = Engine(places(tmp_path), "process", nobody)
        await engine.apply(ON, NEVER_MS)
        engine.turn()
        expected += store(tmp_path, 5)
        await work(engine, tmp_path, len(expected))
        await engine.end()

    assert sorted(expected) == written(tmp_path)


async def test_what_came_before_it_was_ready_is_evaluated(tmp_path: Path) -> None:
    """Evaluation begins with the config that asks for it, however long its process takes to start."""
    store(tmp_path, 1, NOON_MS - 1)
    expected = store(tmp_path, 3, NOON_MS)
    engine = Engine(places(tmp_path), "process", nobody)
    await engine.apply(ON, NOON_MS)
    await work(engine, tmp_path, 3)
    await engine.end()

    assert sorted(expected) == written(tmp_path)


async def test_what_was_abandoned_is_done_by_the_next(tmp_path: Path) -> None:
    """After a failure nothing is written down: the tasks are in the queue, and are done again."""
    engine = Engine(places(tmp_path), "process", nobody)
    await engine.apply(ON, NEVER_MS)
    engine.turn()
    expected = store(tmp_path, 4)
    engine.turn()
    assert 4 == engine.waiting
    await engine.end(well=False)
    assert [] == written(tmp_path)
    engine = Engine(places(tmp_path), "process", nobody)
    await engine.apply(ON, NEVER_MS)
    await work(engine, tmp_path, 4)
    await engine.end()

    assert expected == written(tmp_path)


async def test_it_reads_no_more_of_the_log_than_somebody_can_do_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is the better queue: nothing is dropped only because the evaluator was away for a while."""
    monkeypatch.setattr("gateway.evaluation.engine.PORTION", 3)
    engine = Engine(places(tmp_path), "process", nobody)
    await engine.apply(ON, NEVER_MS)
    engine.turn()
    store(tmp_path, 5)
    engine.turn()
    store(tmp_path, 5)
    assert not engine.turn()
    assert 5 == engine.waiting
    await work(engine, tmp_path, 10)
    await engine.end()


async def test_evaluator_of_conversations_hears_what_was_said_of_it(tmp_path: Path) -> None:
    """From the log through the plugin's process into the score: what no exchange of it would tell."""
    rule = Rule(team="search", evaluator="conversation_outcome")
    talk = Evaluating({rule.evaluator: Plugin(rule.evaluator, rule.evaluator)}, {"search": (rule,)}, idle_s=0.001)
    engine = Engine(places(tmp_path), "process", nobody)
    await engine.apply(talk, NEVER_MS)
    engine.turn()
    begun_ms = time.time_ns() // 1_000_000 - 60_000
    log = SqliteStore(tmp_path / "store", Tally().count)
    for session, value in (("liked", True), ("disliked", False)):
        one = record(begun_ms, session=session)
        word = feedback(new_id(begun_ms), value, target_type="conversation", target=session, conversation=session)
        log.commit([finished(one, b'{"messages":[]}', ANSWER)], {}, [evaluated(word)])
    log.close()
    await work(engine, tmp_path, 2)
    await engine.end()
    found = [one for path in (tmp_path / "journal").glob("*.seg") for one in evaluations(path)]

    assert {"liked": ["resolved"], "disliked": ["unresolved"]} == {
        one.target: [score.label for score in one.scores] for one in found
    }
    assert {b'{"signs":["feedback"]}'} == {bytes(score.evidence) for one in found for score in one.scores}
