"""The roster: who is loaded where; what is special gets a lane of its own, what is changed a new one."""

from pathlib import Path

from gateway.evaluation.lanes import shipped
from tests.evaluation.at_work import Stage, bad, evaluating, good, loaded, plugin, working


async def test_special_needs_show_when_it_is_loaded(tmp_path: Path) -> None:
    """A judge's evaluator moves out of the common lane, once, and stays out over reloads."""
    assert {"contains", "regex"} <= shipped()
    stage = Stage(loads={"j": loaded("j", judge=True)})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a"), plugin("j", "regex")))
        await work.scheduler.follow(evaluating(plugin("a"), plugin("j", "regex")))
        makers = work.scheduler.roster.makers()

        assert [["a", "j"], ["j"], ["a"]] == [lane.names for lane in stage.lanes] or [
            ["a", "j"], ["a"], ["j"]
        ] == [lane.names for lane in stage.lanes]  # fmt: skip
        assert [True, False, False] == [lane.closed for lane in stage.lanes]
        assert {"a", "j"} == makers.keys()


async def test_changed_code_begins_a_new_series(tmp_path: Path) -> None:
    """A lane that finds other code than it loaded says so, and is loaded anew; its tasks are done by the new one."""
    stage = Stage(loads={"a": loaded("a", code_hash="old")})

    def does(name: str, _: object) -> object:
        return good(name) if len(stage.lanes) > 1 else bad(name, "retry", "changed")

    stage.does["a"] = does  # type: ignore[assignment]
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))
        before = work.scheduler.roster.makers()["a"].fingerprint
        stage.loads["a"] = loaded("a", code_hash="new")
        work.sample("a", 2)
        await work.until(lambda: len(stage.lanes) == 2 and stage.lanes[0].closed)
        work.now_s += 10
        written = await work.until_empty()

        assert before != work.scheduler.roster.makers()["a"].fingerprint
    assert ["ok", "ok"] == [one.result for one in written]
    assert before not in {one.fingerprint for one in written}


async def test_unchanged_config_changes_nothing(tmp_path: Path) -> None:
    """A reload that is about something else costs no plugin process."""
    async with working(tmp_path) as work:
        for _ in range(3):
            await work.scheduler.follow(evaluating(plugin("a"), plugin("x", "file:/x.py:X")))

        assert 2 == len(work.stage.lanes)


async def test_what_a_lane_does_not_tell_of_is_a_problem(tmp_path: Path) -> None:
    """Nobody waits for an evaluator that was not heard of."""
    stage = Stage(loads={"a": loaded("other")})
    async with working(tmp_path, stage) as work:
        await work.scheduler.follow(evaluating(plugin("a")))

        assert {} == work.scheduler.roster.makers()
        assert {"a"} == work.queue.quarantines().keys()
