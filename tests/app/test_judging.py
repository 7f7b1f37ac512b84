"""Judges' seats follow the config, and nobody without a seat is asked."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from gateway.app.judging import FILE, Judging
from gateway.config.compile import from_sources
from gateway.evaluation.judge_cache import JudgeCache
from gateway.evaluation.protocol import Answered
from tests.evaluation.at_work import asking


async def test_evaluator_without_a_judge_is_told_so(tmp_path: Path) -> None:
    """Before a config and after one; an ask never raises."""
    judging = Judging(tmp_path)
    before = await judging.ask(asking(1, "a", 0), "search")
    await judging.use(from_sources({"config.toml": ""}, tmp_path, {}, 1))
    after = await judging.ask(asking(2, "a", 0), "search")
    await judging.close()

    assert [("error", "no_judge")] * 2 == [(each.failure, each.reason) for each in (before, after)]


async def test_verdicts_go_when_bodies_go(tmp_path: Path) -> None:
    """By the shortest time that any team, or the company, keeps bodies for; at once where a reload makes it shorter."""
    path = tmp_path / FILE
    old = JudgeCache(path, lambda: time.time() - 5 * 86_400)
    old.put(b"k", Answered(number=1, call=1, verdict=b"{}"))
    old.close()
    judging = Judging(tmp_path)
    found = []
    for days in (9, 3):
        team = f"[logging]\nbody_retention_days = {days}\n"
        await judging.use(from_sources({"config.toml": "", "teams/a.toml": team}, tmp_path, {}, 1))
        with closing(sqlite3.connect(path)) as sql:
            found += sql.execute("SELECT count(*) FROM verdicts").fetchone()
    await judging.close()

    assert [1, 0] == found
