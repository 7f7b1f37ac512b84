"""The bench of the store writes rows as a recorder does, and everything that it asks has an answer."""

import time
from pathlib import Path

import pytest

from bench.rows import DAY_S, Rows
from bench.store import fill, questions, report_questions, report_retention
from gateway.core.record import decode
from gateway.store.interface import Query
from gateway.store.reader import StoreReader


def test_rows_are_whole_records_in_the_order_of_time() -> None:
    """As a journal's reader gives them, spread over their day, some with bodies."""
    rows = [one for batch in Rows(100, 0.5).of_day(20_000, 30) for one in batch]

    assert 100 == len({one.key for one in rows})
    assert rows == sorted(rows, key=lambda one: one.key[:6])
    assert {20_000} == {int.from_bytes(one.key[:6]) // 1000 // DAY_S for one in rows}
    assert all(decode(one.meta) == one.record for one in rows)
    assert 20 < sum(bool(one.request) for one in rows) < 80


async def test_every_question_has_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And retention leaves the days that it should; each line of the report says how long something took."""
    today = int(time.time()) // DAY_S
    assert 300 == fill(tmp_path, Rows(100, 0.2), range(today - 2, today + 1))[0]
    asked = await questions(StoreReader(tmp_path))
    await report_questions(tmp_path)
    answered = capsys.readouterr().out.splitlines()
    report_retention(tmp_path, 3)

    assert [one.name for one in asked] == [line[:40].strip() for line in answered]
    assert all(" ms" in line for line in answered)
    assert "'rows': " in capsys.readouterr().out
    assert 200 == len((await StoreReader(tmp_path).exchanges(Query(limit=1000))).records)
