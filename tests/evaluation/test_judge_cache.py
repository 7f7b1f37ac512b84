"""Verdicts that were paid for: kept for a while, found again, begun anew where the file is broken."""

import sqlite3
from pathlib import Path

from gateway.evaluation.judge_cache import KEEP_S, JudgeCache
from gateway.evaluation.protocol import Answered

ANSWER = Answered(number=1, call=1, verdict=b'{"verdict":"yes"}', model="m", exchange="x", cost_nano_usd=5)


def test_verdict_outlives_the_process(tmp_path: Path) -> None:
    """What was paid for is found by the next process, too."""
    one = JudgeCache(tmp_path / "a.db", lambda: 1000.0)
    one.put(b"k", ANSWER)
    one.close()
    other = JudgeCache(tmp_path / "a.db", lambda: 1000.0)

    assert (ANSWER, None) == (other.get(b"k"), other.get(b"other"))
    other.close()


def test_old_verdicts_are_not_used(tmp_path: Path) -> None:
    """After KEEP_S the question is asked anew, and the old row goes."""
    now = [1000.0]
    one = JudgeCache(tmp_path / "a.db", lambda: now[0])
    one.put(b"k", ANSWER)
    now[0] += KEEP_S + 1

    assert None is one.get(b"k")
    one.close()


def test_broken_file_is_begun_anew(tmp_path: Path) -> None:
    """The file only saves money: what cannot be read is thrown away."""
    (tmp_path / "a.db").write_bytes(b"rubbish" * 1000)
    one = JudgeCache(tmp_path / "a.db", lambda: 1000.0)
    one.put(b"k", ANSWER)

    assert ANSWER == one.get(b"k")
    one.close()


def test_disk_that_fails_costs_no_verdict(tmp_path: Path) -> None:
    """What cannot be kept or read is asked again another time; nobody who asks hears of it."""
    one = JudgeCache(tmp_path / "a.db", lambda: 1000.0)
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("DROP TABLE verdicts")
    other.close()
    one.put(b"k", ANSWER)

    assert None is one.get(b"k")
    one.close()


def test_verdict_of_another_release_is_asked_again(tmp_path: Path) -> None:
    """Its shape is not the one of today."""
    one = JudgeCache(tmp_path / "a.db", lambda: 1000.0)
    one.put(b"k", ANSWER)
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("UPDATE verdicts SET answer = x'c1'")
    other.close()

    assert None is one.get(b"k")
    one.close()
