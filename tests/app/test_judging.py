"""Judges' seats follow the config, and nobody without a seat is asked."""

from pathlib import Path

from gateway.app.judging import Judging
from gateway.config.compile import from_sources
from tests.evaluation.at_work import asking


async def test_evaluator_without_a_judge_is_told_so(tmp_path: Path) -> None:
    """Before a config and after one; an ask never raises."""
    judging = Judging(tmp_path)
    before = await judging.ask(asking(1, "a", 0), "search")
    await judging.use(from_sources({"config.toml": ""}, tmp_path, {}, 1))
    after = await judging.ask(asking(2, "a", 0), "search")
    await judging.close()

    assert [("error", "no_judge")] * 2 == [(each.failure, each.reason) for each in (before, after)]
