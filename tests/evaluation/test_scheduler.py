"""The scheduler: every task comes to one end, in the journal first and then in the queue, whatever plugins do."""

import asyncio
from pathlib import Path

import pytest

from gateway.core.score import evaluation_id
from gateway.evaluation.lookup import Found
from gateway.evaluation.protocol import Given, Job, Told
from gateway.evaluation.quarantine import FATAL_IN_A_ROW, FIRST_MS, PATIENCE_MS
from gateway.evaluation.quarantine import LONGEST_MS as LONGEST_QUARANTINE_MS
from gateway.evaluation.quarantine import decode as decode_quarantine
from gateway.evaluation.retrying import ATTEMPTS, LONGEST_MS
from gateway.evaluation.task import Admitted
from tests.evaluation.at_work import NOTHING_KEPT, Stage, bad, evaluating, good, loaded, plugin, sampled_of, working
from tests.records import new_id


async def test_tasks_of_an_exchange_are_one_job_and_each_has_its_evaluation(tmp_path: Path) -> None:
    """Scores carry who, what, why and how likely; ids follow from fingerprint and target."""
    async with working(tmp_path) as work:
        await work.scheduler.follow(evaluating(plugin("a"), plugin("b")))
        ids = work.sample(["a", "b"], 2, conversation="s1", model="m", route="r", outcome="ok")
        written = await work.until_empty()
        makers = work.scheduler.roster.makers()

    (lane,) = work.stage.lanes
    assert [["a", "b"], ["a", "b"]] == [job.evaluators for job in lane.jobs]
    assert {(exchange, name) for exchange in ids for name in "ab"} == {(one.exchange, one.evaluator) for one in written}
    one = next(each for each in written if (each.exchange, each.evaluator) == (ids[0], "a"))
    fingerprint = makers["a"].fingerprint
    assert fingerprint is not None
    assert evaluation_id("online", "exchange", ids[0], fingerprint) == one.id
    assert ("ok", "code", "1", fingerprint, 1.5) == (
        one.result, one.source, one.version, one.fingerprint, one.duration_ms
    )  # fmt: skip
    assert ("p1", 0.5, ["rate"], "s1", "m", "r", "ok") == (
        one.policy, one.probability, one.reasons, one.conversation, one.model, one.route, one.outcome
    )  # fmt: skip
    assert [("a", True, 1.0)] == [(score.name, score.passing, score.normalised) for score in one.scores]
    assert "2026-11-25T09:46:40.000000Z" == one.created_at


async def test_evaluator_with_an_error_does_not_spoil_the_others_scores(tmp_path: Path) -> None:
    """Three outcomes, never mixed: an error has a traceback and no score."""
    stage = Stage(does={"b": lambda name, _: bad(name)})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a"), plugin("b")))
        work.sample("ab")
        written = {one.evaluator: one for one in await work.until_empty()}

    assert ("ok", 1) == (written["a"].result, len(written["a"].scores))
    b = written["b"]
    assert ("error", "exception", "Traceback …", []) == (b.result, b.reason, b.detail, b.scores)


@pytest.mark.parametrize("given", [Given(name="", value=3.0), Given(name="x", value=True)])
async def test_nonsense_is_an_error_and_no_score(tmp_path: Path, given: Given) -> None:
    """What breaks the declaration of the scores never becomes a number."""
    stage = Stage(does={"a": lambda name, _: Told(number=0, evaluator=name, result="ok", given=[given])})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.sample("a")
        (one,) = await work.until_empty()

    assert ("error", "contract", []) == (one.result, one.reason, one.scores)


async def test_transient_failure_is_tried_again_and_only_the_last_is_told(tmp_path: Path) -> None:
    """An error is written down after the last attempt, or never."""
    tries: list[str] = []

    def busy(name: str, _: Job) -> Told:
        tries.append(name)
        return good(name) if name == "a" and len(tries) > 1 else bad(name, "retry", "rate_limited")

    for name, (result, reason) in {"a": ("ok", None), "b": ("error", "rate_limited")}.items():
        tries.clear()
        async with working(tmp_path / name, Stage(does={name: busy})) as work:
            await work.scheduler.follow(evaluating(plugin(name)))
            work.sample(name)
            made = 0
            while any(work.queue.waiting().values()):
                await work.until(lambda made=made: len(tries) > made or not any(work.queue.waiting().values()))
                made, work.now_s = len(tries), work.now_s + LONGEST_MS / 1000
            (one,) = work.written()

        assert (result, reason) == (one.result, one.reason)
        assert (2 if name == "a" else ATTEMPTS) == len(tries)


async def test_what_kills_its_process_is_tried_once_more(tmp_path: Path) -> None:
    """Twice in all, each time a whole process is lost."""
    stage = Stage(does={"a": lambda name, _: bad(name, reason="timeout")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.sample("a")
        await work.until(lambda: stage.lanes[0].jobs and not stage.lanes[0].running)
        work.now_s += LONGEST_MS / 1000
        (one,) = await work.until_empty()

    assert ("error", "timeout", 2) == (one.result, one.reason, len(stage.lanes[0].jobs))


async def test_what_needs_content_that_is_not_there_is_skipped(tmp_path: Path) -> None:
    """Facts alone are enough for those who need no more; what retention removed is gone for all."""
    stage = Stage(loads={"facts": loaded("facts", content=False)})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("facts"), plugin("words")))
        bare, gone = work.sample(["facts", "words"], 2)
        work.found = {bare: Found([NOTHING_KEPT]), gone: Found([])}
        written = {(one.exchange, one.evaluator): (one.result, one.reason) for one in await work.until_empty()}

    assert {
        (bare, "facts"): ("ok", None),
        (bare, "words"): ("skipped", "no_content"),
        (gone, "facts"): ("skipped", "gone"),
        (gone, "words"): ("skipped", "gone"),
    } == written


async def test_bad_evaluator_is_shut_out_probed_and_comes_back(tmp_path: Path) -> None:
    """Its tasks wait, the others' do not; the reason is kept in the queue; one good probe lets all through."""
    stage = Stage(does={"bad": lambda name, _: bad(name, reason="crash")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("bad", "file:/x.py:Bad"), plugin("good")))
        work.sample(["bad", "good"], 20)
        await work.until(lambda: not work.queue.waiting()["good"] and work.queue.quarantines())
        await work.until(lambda: not stage.lanes[1].running)
        tried = len(stage.lanes[1].jobs)
        kept = decode_quarantine(work.queue.quarantines()["bad"])

        assert FATAL_IN_A_ROW == tried
        assert ("crash", "Traceback …") == (kept.reason, kept.detail)
        assert 20 == work.queue.waiting()["bad"]

        work.now_s += FIRST_MS / 1000
        await work.until(lambda: len(stage.lanes[1].jobs) > tried and not stage.lanes[1].running)
        work.scheduler.feed()
        assert tried + 1 == len(stage.lanes[1].jobs)

        stage.does.clear()
        work.now_s += 2 * FIRST_MS / 1000
        written = await work.until_empty()
        assert {} == work.queue.quarantines()

    results = [one.result for one in written if one.evaluator == "bad"]
    assert 20 == len(results)
    assert results.count("ok") >= 18  # one may have been among those that were tried twice in vain


async def test_probe_that_a_reload_interrupts_is_made_again(tmp_path: Path) -> None:
    """Nobody comes back from quarantine by waiting for a probe that has ended with its lane."""
    stage = Stage(does={"a": lambda name, _: bad(name, reason="crash")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a"), plugin("b")))
        work.sample("a", 20)
        await work.until(lambda: work.queue.quarantines() and not stage.lanes[0].running)
        stage.gate.clear()
        tried = len(stage.lanes[0].jobs)
        work.now_s += FIRST_MS / 1000
        await work.until(lambda: len(stage.lanes[0].jobs) > tried)
        reloaded = asyncio.create_task(work.scheduler.follow(evaluating(plugin("a"))))  # b's leaving ends the lane
        await work.until(reloaded.done)
        stage.does.clear()
        stage.gate.set()
        written = await work.until_empty()

    assert 20 == len({one.exchange for one in written})
    assert {} == {name: state for name, state in work.scheduler._ward._all.items() if state.openings}


async def test_what_waits_a_day_for_quarantine_is_skipped(tmp_path: Path) -> None:
    """A backlog that nobody works on does not grow old for ever; what is younger waits on."""
    stage = Stage(loads={"a": loaded("a", problem="import", detail="No module named numpy")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        old = work.sample("a", 2)
        work.now_s += PATIENCE_MS / 1000 + 1
        work.sample("a", 1)
        await work.until(lambda: work.queue.waiting()["a"] == 1)
        written = work.written()

    assert [(exchange, "skipped", "quarantined") for exchange in old] == [
        (one.exchange, one.result, one.reason) for one in written
    ]


async def test_backfill_of_old_traffic_is_not_old_itself(tmp_path: Path) -> None:
    """It has waited since it was ordered: a quarantine of a day skips only what it kept waiting for a day."""
    stage = Stage(loads={"a": loaded("a", problem="import", detail="No module named numpy")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.now_s += PATIENCE_MS / 1000 + 1
        years_ago = int((work.now_s - 1e8) * 1e6)
        work.queue.admit(Admitted({}, [sampled_of("a", new_id(), seq=years_ago)], {}, {}), backlog=9)
        work.scheduler.feed()
        stage.loads.clear()
        work.now_s += LONGEST_QUARANTINE_MS / 1000
        (one,) = await work.until_empty()

    assert "ok" == one.result


async def test_what_could_not_be_loaded_is_loaded_again_when_its_time_has_come(tmp_path: Path) -> None:
    """Whoever installs what was missing needs no restart."""
    stage = Stage(loads={"a": loaded("a", problem="import", detail="No module named numpy")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.sample("a", 3)
        work.scheduler.feed()
        kept = decode_quarantine(work.queue.quarantines()["a"])
        assert ("import", "No module named numpy") == (kept.reason, kept.detail)
        stage.loads.clear()
        work.now_s += FIRST_MS / 1000
        written = await work.until_empty()

        assert {} == work.queue.quarantines()
    assert ["ok"] * 3 == [one.result for one in written]
    assert [True, True] == [lane.closed for lane in stage.lanes]


async def test_quarantine_outlives_the_process(tmp_path: Path) -> None:
    """A restart is no pardon."""
    stage = Stage(does={"a": lambda name, _: bad(name, reason="crash")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.sample("a", 20)
        await work.until(work.queue.quarantines)
    async with working(tmp_path) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.scheduler.feed()

        assert [] == work.stage.lanes[0].jobs
        await work.scheduler.follow(evaluating(plugin("a", params='{"text":"mended"}')))
        work.now_s += LONGEST_MS / 1000
        assert 20 == len(await work.until_empty())


async def test_change_of_config_concerns_only_the_lanes_it_is_about(tmp_path: Path) -> None:
    """Others live on; what was in hand of the changed one is done by the new one, and nothing is lost."""
    stage = Stage()
    theirs = plugin("theirs", "file:/x.py:X")
    async with working(tmp_path, stage, gate=False) as work:
        await work.scheduler.follow(evaluating(plugin("ours"), theirs))
        work.sample(["ours", "theirs"], 50)
        await work.until(lambda: all(lane.running for lane in stage.lanes))
        stage.gate.set()
        await work.scheduler.follow(evaluating(plugin("ours"), plugin("theirs", "file:/x.py:X", params='{"a":1}')))
        written = await work.until_empty()

        assert [(["ours"], False), (["theirs"], True), (["theirs"], False)] == [
            (lane.names, lane.closed) for lane in stage.lanes
        ]
    assert 100 == len({one.id for one in written}) == len(written)


async def test_tasks_of_an_evaluator_that_config_names_no_more_are_skipped(tmp_path: Path) -> None:
    """They do not wait for somebody who never comes."""
    async with working(tmp_path, gate=False) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        work.sample("a", 3)
        work.scheduler.feed()
        work.stage.gate.set()
        await work.scheduler.follow(evaluating(plugin("b")))
        written = await work.until_empty()

    assert 3 == len(written)
    assert {("skipped", "not_in_use"), ("ok", None)} >= {(one.result, one.reason) for one in written}


async def test_conversations_of_a_turn_are_looked_at_one_after_another(tmp_path: Path) -> None:
    """Each may be as large as a message: what waits for the same process is not in memory yet."""
    stage = Stage(depth=8, loads={"a": loaded("a", unit="conversation")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a"), workers=1))
        work.sample("a", 60, target_type="conversation")
        await work.until_empty()
        (lane,) = stage.lanes
        stage.gate.clear()
        work.sample("a", 60, target_type="conversation", run="again")
        await work.until(lambda: lane.running)
        stage.gate.set()
        await work.until_empty()

    assert (120, 1) == (len(lane.jobs), lane.most_running)


async def test_hanging_evaluators_leave_a_place_for_the_others(tmp_path: Path) -> None:
    """At most `workers` at once, of which one is for what comes with the gateway; nobody's backlog fills the hand."""
    stage = Stage()
    theirs = [plugin(f"x{number}", f"file:/x{number}.py:X") for number in range(3)]
    async with working(tmp_path, stage, gate=False) as work:
        await work.scheduler.follow(evaluating(plugin("ours"), *theirs, workers=3))
        work.sample([each.name for each in theirs], 1000)
        work.sample(["ours"], 1)
        await work.until(lambda: stage.lanes[0].running)

        assert 3 == sum(lane.running for lane in stage.lanes)
        stage.gate.set()
        await work.until_empty()
        assert all(lane.most_running <= 1 for lane in stage.lanes)


async def test_judges_calls_are_told_with_what_they_were_for(tmp_path: Path) -> None:
    """Cost and exchanges of the calls stand in the evaluation, those of tries in vain included."""
    stage = Stage(loads={"j": loaded("j", judge=True)}, asks=True)
    stage.does["j"] = lambda name, _: good(name) if len(stage.lanes[-1].jobs) > 1 else bad(name, "retry", "busy")
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("j", judge="local/m")))
        work.sample("j")
        await work.until(lambda: stage.lanes[-1].jobs and not stage.lanes[-1].running)
        work.now_s += LONGEST_MS / 1000
        (one,) = await work.until_empty()

    assert ("judge", 14, ["x0", "x0"]) == (one.source, one.judge_cost_nano_usd, one.judge_exchanges)
    assert ["search", "search"] == [team for _, team in work.asked]


async def test_journal_that_cannot_be_written_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task leaves the queue only once its evaluation is safe."""
    monkeypatch.setattr("gateway.evaluation.ends.AGAIN_S", 0.01)
    async with working(tmp_path) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        write, refused = work.outbox.write, []

        def sometimes(evaluations: object) -> bool:
            refused.append(1)
            return len(refused) > 3 and write(evaluations)  # type: ignore[arg-type]

        monkeypatch.setattr(work.outbox, "write", sometimes)
        work.sample("a", 5)
        await work.until(lambda: len(refused) == 2)
        assert 5 == work.queue.waiting()["a"]
        assert 5 == len(await work.until_empty())


async def test_what_is_not_done_at_the_end_is_done_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain does not wait for a plugin that hangs."""
    monkeypatch.setattr("gateway.evaluation.crew.GRACE_S", 0.01)
    async with working(tmp_path, gate=False) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        ids = work.sample("a", 10)
        await work.until(lambda: work.stage.lanes[0].running)
        await work.scheduler.end()
        assert [] == work.written()
    async with working(tmp_path) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        written = await work.until_empty()

    assert ids == sorted(one.exchange for one in written)
