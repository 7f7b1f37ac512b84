"""The queue forgets nothing that was committed, gives each task once, and counts what it cannot take."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway.evaluation.protocol import Loaded
from gateway.evaluation.queue import Queue, QueueRefused
from gateway.evaluation.queue_reader import QueueReader, StrataQuery
from gateway.evaluation.task import Admitted, Done, Held, Sampled, StratumCount, Task, stratum_of
from gateway.evaluation.windows import DAY_MS, Candidate
from tests.evaluation.looking import sampled
from tests.records import NOON_MS


@pytest.fixture
def queue(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A new queue."""
    queue = Queue(tmp_path)
    yield queue
    queue.close()


def admitted(*targets: Sampled, **fields: object) -> Admitted:
    """Admit these targets."""
    return Admitted(**{"cursors": {}, "sampled": targets, "strata": {}, "funnel": {}, **fields})  # type: ignore[arg-type]


def numbers(tasks: list[Task]) -> list[int]:
    """Return the seq of each."""
    return [task.sampled.seq for task in tasks]


def test_tasks_are_given_once_and_oldest_first(queue: Queue) -> None:
    """Over all evaluators; those that are paused wait."""
    queue.admit(admitted(sampled(1), sampled(2, "slo"), sampled(3)), backlog=10)

    assert [2] == numbers(queue.due(10, NOON_MS, {"refusal"}))
    assert [1] == numbers(queue.due(1, NOON_MS, ()))
    assert [3] == numbers(queue.due(10, NOON_MS, ()))
    assert [] == queue.due(10, NOON_MS, ())
    assert {"refusal": 2, "slo": 1} == queue.waiting()


def test_after_a_restart_what_ran_is_given_again(queue: Queue, tmp_path: Path) -> None:
    """Unless it was finished: its evaluation stood in the journal before."""
    queue.admit(admitted(*map(sampled, range(1, 5))), backlog=10)
    first, second, third, _ = queue.due(10, NOON_MS, ())
    queue.finish([Done(first, "ok", None, 1)])
    queue.retry(second, NOON_MS + 5_000, "timeout")
    again = Queue(tmp_path)
    now, later = again.due(10, NOON_MS, ()), again.due(10, NOON_MS + 5_000, ())
    again.close()

    assert [third.sampled.seq, 4] == numbers(now)
    assert [(second.sampled, 1)] == [(task.sampled, task.attempts) for task in later]


def test_cursors_only_go_forward(queue: Queue) -> None:
    """By day; a new queue begins where it is told to, once."""
    assert not queue.has_begun
    queue.begin({"2026-11-22": 7}, {}, NOON_MS)
    queue.admit(admitted(cursors={"2026-11-22": 5, "2026-11-23": 9}), backlog=1)

    assert queue.has_begun
    assert {"2026-11-22": 7, "2026-11-23": 9} == queue.cursors()


def test_backlog_is_bounded_and_drops_are_counted(queue: Queue, tmp_path: Path) -> None:
    """By evaluator and stratum: what is lost is not missing at random."""
    targets = [sampled(number, outcome="ok" if number < 3 else "timeout") for number in range(1, 6)]
    strata = {stratum_of(targets[0]): StratumCount(10, 2), stratum_of(targets[4]): StratumCount(10, 3)}
    queue.admit(admitted(*targets, sampled(9, "slo"), strata=strata), backlog=3)
    reader = QueueReader(tmp_path)

    assert [1, 2, 3, 9] == numbers(queue.due(10, NOON_MS, ()))
    assert {"refusal": 3, "slo": 1} == queue.waiting() == reader.waiting()
    assert {
        ("refusal", "queued", ""): 3,
        ("refusal", "dropped", "backlog"): 2,
        ("slo", "queued", ""): 1,
    } == reader.funnel()
    assert {"ok": StratumCount(10, 2, 0), "timeout": StratumCount(10, 3, 2)} == {
        key[-1]: count for key, count in reader.strata(StrataQuery()).items()
    }


def test_room_is_free_again_once_tasks_are_finished(queue: Queue) -> None:
    """What runs counts as long as it runs."""
    queue.admit(admitted(sampled(1), sampled(2)), backlog=2)
    (first, _) = queue.due(2, NOON_MS, ())
    queue.admit(admitted(sampled(3)), backlog=2)
    queue.finish([Done(first, "skipped", "no_schema", 0)])
    queue.admit(admitted(sampled(4)), backlog=2)

    assert [4] == numbers(queue.due(9, NOON_MS, ()))


def test_funnel_adds_up(queue: Queue, tmp_path: Path) -> None:
    """Every task that was begun came to one of three ends, or was tried again."""
    queue.admit(admitted(*map(sampled, range(1, 5)), funnel={("refusal", "seen", ""): 8}), backlog=10)
    one, two, three, four = queue.due(10, NOON_MS, ())
    queue.retry(four, NOON_MS, "timeout")
    (four,) = queue.due(10, NOON_MS, ())
    queue.finish(
        [
            Done(one, "ok", None, 1),
            Done(two, "skipped", "no_schema", 0),
            Done(three, "error", "crash", 0),
            Done(four, "ok", None, 2),
        ]
    )

    assert {
        ("seen", ""): 8, ("queued", ""): 4, ("run", ""): 5, ("retried", "timeout"): 1, ("ok", ""): 2,
        ("skipped", "no_schema"): 1, ("error", "crash"): 1,
    } == {key[1:]: count for key, count in QueueReader(tmp_path).funnel().items()}  # fmt: skip
    assert {"refusal": 0} == queue.waiting()


def test_last_success_is_when_scores_were_written(tmp_path: Path) -> None:
    """Whatever else comes after it, and over restarts; never: there is none."""
    now_s = NOON_MS / 1000
    queue = Queue(tmp_path, lambda: now_s)
    reader = QueueReader(tmp_path)
    queue.admit(admitted(*map(sampled, range(1, 5)), sampled(9, "slo")), backlog=10)
    one, two, three, four, slo = queue.due(10, NOON_MS, ())
    queue.finish([Done(slo, "skipped", "no_schema", 0), Done(one, "error", "crash", 0)])
    never = reader.last_ok()
    for task in (two, three):
        now_s += 1
        queue.finish([Done(task, "ok", None, 1)])
    now_s += 1
    queue.finish([Done(four, "error", "crash", 0)])
    queue.close()

    assert ({}, {"refusal": NOON_MS + 2_000}) == (never, reader.last_ok())


def test_task_knows_since_when_it_waits(tmp_path: Path) -> None:
    """Also one that was tried, and one that is read back after a restart: not since when its exchange is there."""
    now_s = NOON_MS / 1000
    queue = Queue(tmp_path, lambda: now_s)
    queue.admit(admitted(sampled(1)), backlog=10)
    now_s += 1
    queue.admit(admitted(sampled(2)), backlog=10)
    first, second = queue.due(10, NOON_MS, ())
    queue.retry(first, NOON_MS + 1, "busy")
    queue.close()
    now_s += 100
    again = Queue(tmp_path, lambda: now_s)
    found = [*again.due(1, NOON_MS, ()), *again.due(1, NOON_MS + 1, ())]
    again.close()

    assert [NOON_MS, NOON_MS + 1_000] == [first.queued_ms, second.queued_ms]
    assert [second, first._replace(attempts=1)] == found


def test_mean_cost_is_learned_from_what_judges_cost(queue: Queue) -> None:
    """Nothing counts, too, once there was a cost: a cached verdict is free."""
    queue.admit(admitted(*map(sampled, range(1, 5)), sampled(9, "slo")), backlog=10)
    one, two, three, four, slo = queue.due(10, NOON_MS, ())

    assert queue.cost("refusal") is None
    queue.finish([Done(one, "ok", None, 1, 300), Done(two, "ok", None, 1, 100), Done(slo, "ok", None, 1)])
    assert 200 == queue.cost("refusal")
    queue.finish([Done(three, "ok", None, 1, 0), Done(four, "ok", None, 1, 0)])
    assert 100 == queue.cost("refusal")
    assert queue.cost("slo") is None


def test_waiting_for_the_end_of_a_minute_survives(queue: Queue, tmp_path: Path) -> None:
    """With all that decides about it."""
    candidate = Candidate(0, "abc", 0.25, 0.5, True, 7, 10)
    queue.admit(admitted(held=[Held(candidate, sampled(1), NOON_MS)]), backlog=10)
    again = Queue(tmp_path)
    (held,) = again.held("refusal")
    opened = again.opened()
    again.admit(admitted(closed=["refusal"]), backlog=10)

    assert (candidate._replace(number=1), sampled(1), NOON_MS) == held
    assert {"refusal": NOON_MS} == opened
    assert {} == again.opened()
    again.close()


def test_definition_stays_as_it_was_first_seen(queue: Queue, tmp_path: Path) -> None:
    """What a series of scores was made by never changes."""
    queue.define("f1", Loaded(evaluator="refusal", version="1"), "gpt", NOON_MS)
    queue.define("f1", Loaded(evaluator="refusal", version="2"), None, NOON_MS + 1)
    queue.define("f0", Loaded(evaluator="refusal", version="3"), None, NOON_MS + 2)

    assert [("f1", "1", "gpt", NOON_MS), ("f0", "3", None, NOON_MS + 2)] == [
        (each.fingerprint, each.loaded.version, each.judge, each.first_ms)
        for each in QueueReader(tmp_path).definitions()
    ]


def test_quarantines_are_remembered(queue: Queue, tmp_path: Path) -> None:
    """Until there is nothing to remember."""
    queue.set_quarantine("refusal", b'{"a":1}')
    queue.set_quarantine("refusal", b'{"a":2}')
    queue.set_quarantine("slo", b"{}")
    queue.set_quarantine("slo", None)

    assert {"refusal": b'{"a":2}'} == queue.quarantines() == QueueReader(tmp_path).quarantines()


def test_strata_of_old_minutes_are_added_up(queue: Queue, tmp_path: Path) -> None:
    """By hours, then by days, then they go: the file does not grow for good, and sums stay what they were."""
    minute = NOON_MS // 60_000
    for at in range(3 * 1440):
        key = ("refusal", "search", minute - at, "m", "", "ok")
        queue.admit(admitted(strata={key: StratumCount(2, 1, 0)}), backlog=1)
    reader = QueueReader(tmp_path)
    before = reader.strata(StrataQuery())
    queue.compact(NOON_MS)
    hours = reader.strata(StrataQuery())
    queue.compact(NOON_MS + 90 * DAY_MS)
    days = reader.strata(StrataQuery())
    queue.compact(NOON_MS + 90 * DAY_MS, strata_days=30)

    assert 3 * 1440 == len(before)
    assert len(hours) < 3 * 1440 - 700
    assert 4 == len(days)
    for found in (before, hours, days):
        assert (6 * 1440, 3 * 1440) == (
            sum(count.seen for count in found.values()),
            sum(count.sampled for count in found.values()),
        )
    assert {} == reader.strata(StrataQuery())


def test_failed_commit_changes_nothing(queue: Queue, tmp_path: Path) -> None:
    """The cursor stays where it was, so that the exchanges are looked at again."""
    other = sqlite3.connect(tmp_path / "queue.db", isolation_level=None)
    other.execute("CREATE TRIGGER no BEFORE INSERT ON funnel BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(sqlite3.IntegrityError):
        queue.admit(admitted(sampled(1), cursors={"2026-11-23": 4}), backlog=10)
    other.execute("DROP TRIGGER no")
    other.close()

    assert {} == queue.cursors()
    assert [] == queue.due(10, NOON_MS, ())
    queue.admit(admitted(sampled(1), cursors={"2026-11-23": 4}), backlog=10)
    assert [1] == numbers(queue.due(10, NOON_MS, ()))


def test_file_of_another_release_is_refused(tmp_path: Path) -> None:
    """It says what to do."""
    Queue(tmp_path).close()
    sql = sqlite3.connect(tmp_path / "queue.db")
    sql.execute("UPDATE meta SET value = '9' WHERE name = 'schema_version'")
    sql.commit()
    sql.close()

    with pytest.raises(QueueRefused, match="version 9"):
        Queue(tmp_path)


def test_kill_at_any_statement_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Whichever statement was the last one: what begins again comes to the same tasks, probabilities and counts."""
    # Each seventh of some 300 statements, each time another kind of them; without the stride all of them.
    command = [sys.executable, "-m", "tests.evaluation.cut", str(tmp_path), "7"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2]).stdout)

    assert [] == told["wrong"]
    assert told["cuts"] > 30
    assert {"all": 24, "some": 10, "talk": 2} == Counter(line.split()[0] for line in told["clean"][0])
