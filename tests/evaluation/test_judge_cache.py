"""Verdicts that were paid for: kept for a while, found again, begun anew where the file is broken."""

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.evaluation.judge_cache import KEEP_S, MOST_BYTES, JudgeCache
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


def rows(path: Path) -> int:
    """Count what is in the file."""
    with closing(sqlite3.connect(path)) as sql:
        return int(sql.execute("SELECT count(*) FROM verdicts").fetchone()[0])


def test_verdicts_are_kept_no_longer_than_bodies(tmp_path: Path) -> None:
    """They hold the judge's reasons, which quote: a shorter time holds at once, a longer one is not taken."""
    now = [1000.0]
    one = JudgeCache(tmp_path / "a.db", lambda: now[0])
    one.put(b"k", ANSWER)
    now[0] += 2 * 86_400
    one.keep(3)
    before = one.get(b"k"), rows(tmp_path / "a.db")
    one.keep(1)
    after = one.get(b"k"), rows(tmp_path / "a.db")
    one.keep(365)
    one.put(b"l", ANSWER)
    now[0] += KEEP_S + 1

    assert [(ANSWER, 1), (None, 0), None] == [before, after, one.get(b"l")]
    one.close()


def test_what_is_over_goes_without_anybody_asking(tmp_path: Path) -> None:
    """Once an hour, also where no judge is asked any more."""
    now = [1000.0]
    one = JudgeCache(tmp_path / "a.db", lambda: now[0])
    one.keep(1)
    one.put(b"k", ANSWER)
    now[0] += 86_400 + 3_600
    one.tidy()

    assert 0 == rows(tmp_path / "a.db")
    one.close()


def test_file_is_bounded(tmp_path: Path) -> None:
    """In rows, of which the oldest go first, and in what one of them may be."""
    now = [1000.0]
    one = JudgeCache(tmp_path / "a.db", lambda: now[0], most_rows=2)
    for key in (b"a", b"b", b"c"):
        one.put(key, ANSWER)
        now[0] += 3_600
    one.put(b"huge", Answered(number=1, call=1, verdict=b"x" * MOST_BYTES))
    one.tidy()

    assert [None, ANSWER, ANSWER, None] == [one.get(key) for key in (b"a", b"b", b"c", b"huge")]
    one.close()
