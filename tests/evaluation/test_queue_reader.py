"""What stands in the evaluator's file can be read while it is written; where there is none, there is nothing."""

from pathlib import Path

import pytest

from gateway.evaluation.queue import Queue, QueueRefused
from gateway.evaluation.queue_reader import QueueReader, StrataQuery, Trace
from gateway.evaluation.queue_schema import FILE
from gateway.evaluation.task import Admitted, Held, OpenConversation, StratumCount
from gateway.evaluation.windows import Candidate
from tests.evaluation.looking import sampled
from tests.records import NOON_MS

MINUTE = NOON_MS // 60_000


def test_without_a_file_everything_is_empty(tmp_path: Path) -> None:
    """Nobody has evaluated here yet; and nothing is made."""
    reader = QueueReader(tmp_path / "evaluation")

    assert ({}, {}, [], {}, {}, {}, [], {}) == (
        reader.funnel(), reader.strata(StrataQuery()), reader.definitions(), reader.waiting(), reader.quarantines(),
        reader.costs(), reader.runs(), reader.cursors(),
    )  # fmt: skip
    assert {} == reader.last_ok()
    assert (None, None) == (reader.began_ms(), reader.trace("refusal", "x"))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (StrataQuery(), 15),
        (StrataQuery(evaluator="slo"), 8),
        (StrataQuery(team="web"), 4),
        (StrataQuery(outcome="ok", evaluator="refusal"), 3),
        (StrataQuery(since_ms=NOON_MS + 60_000), 8),
        (StrataQuery(since_ms=NOON_MS + 60_000, until_ms=NOON_MS + 120_000), 8),
        (StrataQuery(until_ms=NOON_MS + 60_000), 7),
        (StrataQuery(model="n"), 0),
        (StrataQuery(route="fast"), 0),
    ],
)
def test_strata_are_found_by_what_they_are_of(query: StrataQuery, expected: int, tmp_path: Path) -> None:
    """Each filter, and from when until before when exchanges began."""
    queue = Queue(tmp_path)
    keys = [
        ("refusal", "search", MINUTE, "m", "", "timeout"), ("refusal", "search", MINUTE, "m", "", "ok"),
        ("refusal", "web", MINUTE, "m", "", "timeout"), ("slo", "search", MINUTE + 1, "m", "", "ok"),
    ]  # fmt: skip
    counts = (0, 3, 4, 8)
    strata = {key: StratumCount(seen=seen) for key, seen in zip(keys, counts, strict=True)}
    queue.admit(Admitted({}, [], strata, {}), backlog=1)
    queue.close()

    assert expected == sum(count.seen for count in QueueReader(tmp_path).strata(query).values())


def test_trace_of_an_exchange(tmp_path: Path) -> None:
    """Whether it waits, will be tried again, waits for the end of a minute, or belongs to an open conversation."""
    queue = Queue(tmp_path)
    one, two, three, four = map(sampled, range(1, 5))
    held = Held(Candidate(0, "g", 0.1, 1.0, False, 5, 10), three, NOON_MS)
    open_now = OpenConversation("refusal", "search", "s", "2026-11-23", 4, four.exchange, NOON_MS, b"", 0)
    queue.admit(Admitted({}, [one, two], {}, {}, held=[held], conversations=[open_now]), backlog=9)
    queue.retry(queue.due(1, NOON_MS, ())[0], NOON_MS + 1, "timeout")
    reader = QueueReader(tmp_path)

    assert Trace("retrying", 1, NOON_MS + 1, "timeout") == reader.trace("refusal", one.exchange)
    assert Trace("waiting") == reader.trace("refusal", two.exchange)
    assert Trace("window") == reader.trace("refusal", three.exchange)
    assert Trace("open") == reader.trace("refusal", four.exchange, ("search", "s"))
    assert [None, None] == [reader.trace("refusal", four.exchange), reader.trace("slo", one.exchange)]
    queue.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_file_that_cannot_be_read_is_refused(content: bytes, tmp_path: Path) -> None:
    """In one way, whatever is wrong with it, and by its name."""
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(QueueRefused, match=r"queue\.db cannot be read"):
        QueueReader(tmp_path).funnel()
