"""Evaluations get into day files once each, with what they count; of what somebody says again, only the last word."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import pytest

import gateway
from gateway.core.record import Record
from gateway.core.score import Evaluation, encode
from gateway.journal.frame import SCORE
from gateway.journal.reader import Finished
from gateway.journal.writer import Journal
from gateway.metrics.totals import Tally
from gateway.store import judgements
from gateway.store.interface import ScoreQuery, TotalKey
from gateway.store.judgements import Place
from gateway.store.sqlite import SqliteStore
from tests.records import DAY_MS, NOON_MS, finished, new_id, record
from tests.scores import evaluated, evaluation, everything, feedback

MODELS = ["gpt-4o-mini"]
LATER = "2026-11-23T12:00:02.000000Z"


def opened(folder: Path) -> SqliteStore:
    """Open a store that counts as the recorder's does."""
    tally = Tally(MODELS)
    store = SqliteStore(folder, tally.count, tally.owe, count_scores=tally.count_scores)
    tally.recall(store.totals().keys())
    return store


def commit(store: SqliteStore, records: Iterable[Record], *evaluations: Evaluation) -> None:
    """Commit a batch."""
    batch: Sequence[Finished] = [finished(one) for one in records]
    store.commit(batch, {"a.seg": 1}, [evaluated(one) for one in evaluations])


def stored(store: SqliteStore) -> list[Evaluation]:
    """Return what may be shown of all evaluations, newest exchanges first."""
    found: list[Evaluation] = []
    for path in store.days():
        with store.open_day(path) as file:
            found += [one for _, one in judgements.page(file.sql, ScoreQuery(), Place(), 1000)]
    return found


def moved(store: SqliteStore, *names: str) -> dict[tuple[str, tuple[str, ...]], int]:
    """Return the totals of counters, those that are not 0."""
    return {
        (name.removeprefix("tollway_"), labels): value
        for (name, labels, part), value in store.totals().items()
        if name in names and not part and value
    }


def said(store: SqliteStore) -> dict[str, int]:
    """Return what became of feedback."""
    return {labels[0]: value for (_, labels), value in moved(store, "tollway_feedback").items()}


def counted(evaluations: Iterable[Evaluation]) -> dict[TotalKey, int]:
    """Count evaluations as if each had been stored once."""
    return {key: value for key, value in Tally(MODELS).count_scores(evaluations).items() if value}


def shown(store: SqliteStore) -> dict[TotalKey, int]:
    """Return the totals that evaluations move, but for feedback's."""
    names = {key[0] for key in counted([everything(new_id()), evaluation(new_id()), feedback(new_id())])}
    return {key: value for key, value in store.totals().items() if key[0] in names and value and "owed" not in key[2]}


def test_nothing_is_lost_on_the_way(tmp_path: Path) -> None:
    """What is committed is what is read, every field of it, after a restart, too."""
    store = opened(tmp_path)
    one = record()
    commit(store, [one], everything(one.id), evaluation(one.id))
    store.close()
    store = opened(tmp_path)

    assert sorted([everything(one.id), evaluation(one.id)], key=lambda each: each.id) == sorted(
        stored(store), key=lambda each: each.id
    )
    assert counted([everything(one.id), evaluation(one.id)]) == shown(store)
    store.close()


def test_told_twice_counts_once(tmp_path: Path) -> None:
    """In one batch, in another one, after a restart; the first one stays."""
    store = opened(tmp_path)
    one = record()
    first = evaluation(one.id)
    other = evaluation(one.id, detail="another run of the same task")
    commit(store, [one], first, first, other)
    commit(store, [one], other)
    store.close()
    store = opened(tmp_path)
    commit(store, [], other, first)

    assert [first] == stored(store)
    assert counted([first]) == shown(store)
    store.close()


def test_the_last_word_replaces(tmp_path: Path) -> None:
    """And takes what the one before had counted with it; an older word changes nothing."""
    store = opened(tmp_path)
    one = record()
    first, last = feedback(one.id), feedback(one.id, value=False, created_at=LATER)
    commit(store, [one], first)
    commit(store, [], last)
    commit(store, [], first, last)

    assert [last] == stored(store)
    assert counted([last]) == shown(store)
    assert {"accepted": 1, "replaced": 1} == said(store)
    store.close()


def test_another_key_or_name_is_another_word(tmp_path: Path) -> None:
    """Nobody replaces what somebody else said."""
    store = opened(tmp_path)
    one = record()
    words = [feedback(one.id), feedback(one.id, author="cd"), feedback(one.id, name="speed")]
    commit(store, [one], *words)

    assert 3 == len(stored(store))
    assert {"accepted": 3} == said(store)
    store.close()


def test_a_session_has_one_last_word_a_day(tmp_path: Path) -> None:
    """It is filed under now, so each time under another exchange."""
    store = opened(tmp_path)
    words = [
        feedback(new_id(), value, target_type="conversation", target="s1", created_at=at)
        for value, at in ((True, "2026-11-23T12:00:01.000000Z"), (False, LATER))
    ]
    commit(store, [], *words)

    assert [words[1]] == stored(store)
    store.close()


@pytest.mark.parametrize("first", ["exchange", "feedback", "both"])
def test_a_team_speaks_of_its_own_exchanges_only(tmp_path: Path, first: str) -> None:
    """Of another team's nothing is shown, whatever comes first; each word counts once, however often it comes."""
    store = opened(tmp_path)
    one = record()
    own, foreign = feedback(one.id), feedback(one.id, team="web")
    if first == "exchange":
        commit(store, [one])
    if first == "feedback":
        commit(store, [], own, foreign)
        assert [] == stored(store)
        assert {"early": 2} == said(store)
        assert {} == shown(store)
    commit(store, [one], own, foreign)
    store.close()
    store = opened(tmp_path)
    commit(store, [one], foreign, own)

    assert [own] == stored(store)
    early = {"early": 2} if first == "feedback" else {}
    assert {"accepted": 1, "foreign": 1, **early} == said(store)
    assert counted([own]) == shown(store)
    with store.open_day(store.days()[0]) as file:
        assert [1] == [*file.sql.execute("SELECT count(*) FROM scores").fetchone()]
    store.close()


def test_evaluations_of_days_that_are_gone_are_counted_and_not_kept(tmp_path: Path) -> None:
    """No file is made for them."""
    store = opened(tmp_path)
    old = new_id(NOON_MS - 30 * DAY_MS)
    commit(store, [], feedback(old), evaluation(old))

    assert [] == stored(store)
    assert ["2026-11-23"] == [path.stem for path in store.days()]
    assert {"gone": 1} == said(store)
    assert {("eval_runs", ("json_valid", "gone")): 1} == moved(store, "tollway_eval_runs")
    assert {"a.seg": 1} == store.watermarks()
    store.close()


def test_any_replay_from_any_point(tmp_path: Path) -> None:
    """Crashes that lose the answer to a commit, and replays from older positions, end in the same rows and totals."""
    chance = random.Random(5)
    records = [record(NOON_MS + chance.choice((-1, 0)) * DAY_MS) for _ in range(12)]
    events: list[tuple[list[Record], list[Evaluation]]] = [([one], []) for one in records]
    expected: dict[str, Evaluation] = {}
    for number in range(60):
        one = chance.choice(records)
        team = chance.choice(("search", "web"))
        at = f"2026-11-23T12:01:{number:02}.000000Z"
        what = chance.choice(
            (
                evaluation(one.id, f"e{chance.randrange(3)}"),
                feedback(one.id, chance.choice((True, False, 0.5)), team=team, created_at=at),
            )
        )
        if what.evaluator or team == one.team:
            expected[what.id] = what
        events.insert(chance.randrange(len(events)) if what.evaluator else len(events), ([], [what]))
    at_event = 0
    store = opened(tmp_path)
    while at_event < len(events):
        size = chance.randrange(1, 9)
        some = events[at_event : at_event + size]
        commit(store, [r for rs, _ in some for r in rs], *[e for _, es in some for e in es])
        at_event = min(at_event + size, len(events)) if chance.random() < 0.6 else max(0, at_event - 4)
        if chance.random() < 0.3:
            store.close()
            store = opened(tmp_path)

    assert sorted(expected.values(), key=repr) == sorted(stored(store), key=repr)
    assert Counter(counted(expected.values())) == Counter(shown(store))
    store.close()


KILLED = """
import sys
from pathlib import Path
from gateway.journal.reader import Reader
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
tally = Tally(["gpt-4o-mini"])
store = SqliteStore(Path(sys.argv[2]), tally.count, tally.owe, count_scores=tally.count_scores)
reader = Reader(Path(sys.argv[1]), store.watermarks())
print("begun", flush=True)
while True:
    found = reader.poll(2000, thorough=True)
    if not reader.moved:
        break
    store.commit(found, reader.watermarks(), reader.evaluations)
print("done", flush=True)
"""


def test_killed_at_any_instant_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Rows and totals are those of a clean run, though every frame was written twice and the process killed again and
    again."""
    chance = random.Random(3)
    journal = Journal(tmp_path / "journal", "evaluator")
    evaluations = [evaluation(new_id(NOON_MS + chance.choice((0, -1)) * DAY_MS)) for _ in range(400)]
    for one in evaluations * 2:
        journal.append(SCORE, encode(one))
    journal.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "journal"), str(tmp_path / "store")]
    env = {"PYTHONPATH": str(Path(gateway.__file__).parents[1])}
    for wait in (1, 2, 3, 4, None):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
            assert process.stdout is not None
            assert b"begun\n" == process.stdout.readline()
            if wait is None:
                assert b"done\n" == process.stdout.readline()
                continue
            # As soon as a little more stands in the store than before.
            while process.poll() is None and _size(tmp_path / "store") < wait * 60_000:
                pass
            process.send_signal(signal.SIGKILL)
    store = opened(tmp_path / "store")

    assert sorted(one.id for one in evaluations) == sorted(one.id for one in stored(store))
    assert counted(evaluations) == shown(store)
    store.close()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.db-wal"))


def test_ids_are_bytes(tmp_path: Path) -> None:
    """Sixteen each, and all of an exchange lies together."""
    store = opened(tmp_path)
    one = record()
    commit(store, [one], evaluation(one.id), everything(one.id))
    with store.open_day(store.days()[0]) as file:
        rows = file.sql.execute("SELECT exchange, evaluation FROM scores").fetchall()

    assert {UUID(one.id).bytes} == {exchange for exchange, _ in rows}
    assert [16] * len(rows) == [len(key) for _, key in rows]
    store.close()
