"""What is due goes out of a day file step by step, and each step is one transaction that says how far it came."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.record import Record
from gateway.metrics.totals import Tally
from gateway.policies.retention import Due, Teams
from gateway.store import removal, texts
from gateway.store.dayfile import DayFile
from gateway.store.removal import Pace, Removed, Stay, Sweep
from gateway.store.sqlite import SqliteStore
from tests.records import NOON_MS, finished, record

LAST = 1 << 62
LONG_US = 3_600_000_000
ADS, EVERYBODY = Teams(("ads",)), Teams(others=True)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DayFile]:
    """A day file with ten exchanges of two teams, in turns."""
    store = SqliteStore(tmp_path, Tally().count)
    store.commit([finished(one) for one in some(10)], {})
    store.close()
    file = DayFile(tmp_path / "2026-11-23.db")
    yield file
    file.close()


def some(number: int) -> list[Record]:
    """Make exchanges of two teams, in turns."""
    return [record(NOON_MS + at, team="ads" if at % 2 else "search") for at in range(number)]


def slow(rows: int) -> Pace:
    """A pace that stays as it is."""
    pace = Pace(rows, rows)
    pace.end = lambda: None  # type: ignore[method-assign]
    return pace


def swept(file: DayFile, due: Due, stay: Stay | None = None, rows: int = 3) -> list[Removed]:
    """Sweep to the end; what each step removed."""
    sweep = Sweep(due, stay or Stay(LAST, LONG_US))
    steps = []
    while (removed := sweep.step(file, slow(rows))) is not None:
        steps.append(removed)
    return steps


def seqs(file: DayFile) -> list[int]:
    """Return the numbers of all rows, counted from the first that there ever was."""
    numbers = [seq for (seq,) in file.sql.execute("SELECT seq FROM contents ORDER BY seq")]
    return [seq - numbers[0] for seq in numbers]


def test_rows_of_a_team_go_with_their_contents(file: DayFile) -> None:
    """Others are left alone, and what was removed is told and written down by team."""
    assert [Removed(1, 0), Removed(2, 0), Removed(1, 0), Removed(1, 0)] == swept(file, Due(rows=ADS))

    assert [("search", 5)] == file.sql.execute("SELECT team, count(*) FROM log GROUP BY team").fetchall()
    assert [0, 2, 4, 6, 8] == seqs(file)
    assert [("ads", 5, 0)] == file.sql.execute("SELECT * FROM removed").fetchall()


def test_bodies_go_and_their_rows_stay(file: DayFile) -> None:
    """The record is there, and says that there were bodies; they are not removed twice."""
    due = Due(rows=Teams(), bodies=EVERYBODY)
    assert 10 == sum(step.bodies for step in swept(file, due))
    file.sql.execute("DELETE FROM meta WHERE name = 'swept'")
    assert 0 == sum(step.bodies for step in swept(file, due))

    assert [(2, None, 7, 7)] == file.sql.execute(
        "SELECT DISTINCT codec, bodies, request_kept, response_kept FROM contents WHERE length(record) > 0"
    ).fetchall()
    assert list(range(10)) == seqs(file)


def test_a_sweep_goes_on_where_the_last_one_ended(file: DayFile) -> None:
    """Also one of another process; for something else it begins anew."""
    due = Due(rows=ADS)
    Sweep(due, Stay(LAST, LONG_US)).step(file, slow(8))
    assert [Removed(1, 0)] == swept(file, due)
    assert [] == swept(file, due)

    assert 2 == len(swept(file, Due(rows=Teams(("nobody",)))))
    assert [Removed()] == swept(file, due, rows=5)


def test_what_stays_though_it_is_due_is_looked_at_again(file: DayFile) -> None:
    """One that is spared, one that took too long, those that came later: as soon as nothing holds them, they go."""
    first, *_, last = (seq for (seq,) in file.sql.execute("SELECT seq FROM contents ORDER BY seq"))
    ((spared,),) = file.sql.execute("SELECT id FROM exchanges WHERE seq = ?", (first + 2,))
    file.sql.execute("UPDATE exchanges SET duration_us = ? WHERE seq = ?", (LONG_US + 1, first + 5))
    due = Due(rows=EVERYBODY)
    assert 7 == sum(step.rows for step in swept(file, due, Stay(last, LONG_US, (spared,))))
    assert [0, 3, 7] == seqs(file)

    assert 3 == sum(step.rows for step in swept(file, due, Stay(LAST, LONG_US + 1)))
    assert removal.is_empty(file)


def test_a_step_takes_only_so_many_bytes(file: DayFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large bodies make a step long before many rows do; one row is always taken."""
    monkeypatch.setattr(removal, "BYTES_MOST", 30)

    assert [Removed(0, 2)] * 5 == swept(file, Due(bodies=EVERYBODY), rows=100)
    monkeypatch.setattr(removal, "BYTES_MOST", 0)
    file.sql.execute("DELETE FROM meta WHERE name = 'swept'")
    assert 10 == sum(step.rows for step in swept(file, Due(rows=EVERYBODY), rows=100))


@pytest.mark.parametrize("due", [Due(rows=ADS), Due(bodies=ADS)], ids=["rows", "bodies"])
def test_the_text_index_forgets_what_is_removed(tmp_path: Path, due: Due) -> None:
    """What was said is not found any more, also not as a hint; what others said is."""
    store = SqliteStore(tmp_path, Tally().count, full_text=True)
    said = [(record(team=team), f"the secret of {team}".encode()) for team in ("ads", "search")]
    store.commit([finished(one, body, None) for one, body in said], {})
    store.close()
    file = DayFile(tmp_path / "2026-11-23.db")
    swept(file, due)
    found = [
        file.sql.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (texts.wanted(text),)).fetchone()[0]
        for text in ("of ads", "of search", "secret")
    ]
    file.close()

    assert [0, 1, 1] == found


def test_pace_follows_what_a_step_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as much at most where it was quick, as much less as it was too slow, and never nothing."""
    clock = [0.0]
    monkeypatch.setattr(removal.time, "perf_counter", lambda: clock[0])
    pace = Pace(100, 500)
    amounts = []
    for took_s in (0.001, 0.001, 0.001, 0.02, 10.0):
        pace.begin()
        clock[0] += took_s
        pace.end()
        amounts.append(pace.amount)

    assert [200, 400, 500, 250, 1] == amounts
    assert 10.0 == pace.longest_s


def test_free_pages_are_given_back_as_many_as_were_asked_for(file: DayFile) -> None:
    """A step does what its pace says, not a page."""
    for number in range(40):
        file.sql.execute("INSERT INTO contents (seq, id, record) VALUES (?, ?, zeroblob(100000))", (number, b""))
    file.sql.execute("DELETE FROM contents WHERE length(record) = 100000")
    (before,) = file.sql.execute("PRAGMA freelist_count").fetchone()
    assert removal.shrink(file, slow(30))

    assert before - 30 == file.sql.execute("PRAGMA freelist_count").fetchone()[0]
    assert removal.shrink(file, slow(1_000))
    assert not removal.shrink(file, slow(1_000))


def test_last_of_goes_through_all_by_id(file: DayFile) -> None:
    """The largest number and the longest time of each stretch are seen; of what nobody ended a day is thought."""
    last, seq, longest_us = removal.last_of(file, b"")
    assert longest_us == 812_345
    file.sql.execute("UPDATE exchanges SET duration_us = NULL WHERE seq = ?", (seq,))

    assert (last, seq, 86_400_000_000) == removal.last_of(file, b"")
    assert (None, 0, 0) == removal.last_of(file, last or b"")
