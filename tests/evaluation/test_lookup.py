"""Lookup: what the log holds of a target, read a few at a time, and why there is nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.core.record import decode
from gateway.evaluation.follow import Follow
from gateway.evaluation.lookup import HELD_BYTES, Found, Lookup
from gateway.evaluation.outcome import GONE, NO_CONTENT
from gateway.evaluation.protocol import Kept
from gateway.evaluation.task import Sampled
from gateway.metrics.totals import Tally
from gateway.store.sqlite import SqliteStore
from tests.evaluation.at_work import sampled_of
from tests.records import NOON_MS, finished, new_id, record
from tests.scores import evaluated, feedback

DAY = "2026-11-23"


class Shelf(Follow):
    """A log of which the test says what is in it. `reads`: what was asked for at once."""

    def __init__(self, rows: dict[int, Kept]) -> None:
        super().__init__(Path("/nowhere"))
        self.rows = rows
        self.reads: list[list[int]] = []

    def keep(self, day: str, seqs: Sequence[int]) -> dict[int, Kept]:
        """Return what is there."""
        self.reads.append(list(seqs))
        return {seq: self.rows[seq] for seq in seqs if seq in self.rows}

    def place(self, exchange: str, day: str) -> int | None:
        """Find exchanges by the last digits of their ids."""
        return int(exchange[-2:], 16) if day == DAY else None


def kept(length: int = 10) -> Kept:
    """Make an exchange."""
    return Kept(record=b'{"request_bytes":9}', request=[(0, b"x" * length)], request_bytes=length)


def target(seq: int, **more: object) -> Sampled:
    """Make a target."""
    return sampled_of("a", new_id(), seq=seq, day=DAY, **more)


def test_targets_that_come_next_are_read_along() -> None:
    """One statement for many; and each of them once, for all lanes that look at it."""
    shelf = Shelf({seq: kept() for seq in range(10)})
    lookup = Lookup(shelf)
    targets = [target(seq) for seq in range(10)]
    for at in range(10):
        found = lookup.look(targets[at:])
        assert 1 == len(found.kept)
        assert found.has_content
    lookup.look(targets[3:4])

    assert [[0], list(range(1, 10))] == shelf.reads


def test_what_is_held_is_bounded() -> None:
    """Long bodies are read one by one, and let go of."""
    rows = {seq: kept(HELD_BYTES // 4) for seq in range(20)}
    lookup, most = Lookup(Shelf(rows)), 0
    targets = [target(seq) for seq in range(20)]
    for at in range(20):
        assert [rows[at]] == lookup.look(targets[at:]).kept
        most = max(most, lookup.held_bytes)

    assert most <= HELD_BYTES


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b'{"bodies":"none","request_bytes":9}', NO_CONTENT),
        (b'{"request_bytes":0}', NO_CONTENT),
        (b'{"request_bytes":9}', GONE),
        (b'{"bodies":"redacted","request_bytes":9}', GONE),
    ],
)
def test_why_there_is_no_content(record: bytes, why: object) -> None:
    """A team that keeps none is not one whose bodies were removed since."""
    found = Found([Kept(record=record)])

    assert not found.has_content
    assert why == found.missing


def test_record_that_is_gone_leaves_nothing() -> None:
    """A day may be removed before its turn comes."""
    found = Lookup(Shelf({})).look([target(3)])

    assert ([], GONE) == (found.kept, found.missing)


def test_pair_is_both_or_nothing() -> None:
    """Half of a comparison is none."""
    first, second = new_id()[:-2] + "01", new_id()[:-2] + "02"
    pair = target(1, target_type="pair", target=f"{first}|{second}")

    assert 2 == len(Lookup(Shelf({1: kept(), 2: kept()})).look([pair]).kept)
    assert [] == Lookup(Shelf({1: kept()})).look([pair]).kept


def test_what_cannot_be_read_is_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Damage of one row does not end the evaluator."""

    class Damaged(Shelf):
        def keep(self, day: str, seqs: Sequence[int]) -> dict[int, Kept]:
            raise ValueError("no zstd frame")

    found = Lookup(Damaged({})).look([target(3)])

    assert [] == found.kept
    assert "cannot be read" in caplog.text


def test_conversation_comes_with_what_was_said_of_it(tmp_path: Path) -> None:
    """In order, up to the exchange that ended it; of an exchange alone nothing that was said is told."""
    store = SqliteStore(tmp_path, Tally().count)
    first, last = record(NOON_MS, session="s"), record(NOON_MS + 1, session="s")
    about = {"target_type": "conversation", "target": "s"}
    words = [feedback(new_id(), "bad", "mood", **about), feedback(last.id, True, "solved")]
    store.commit([finished(first), finished(last)], {}, [evaluated(each) for each in words])
    store.close()
    lookup = Lookup(Follow(tmp_path))
    where = {"seq": Follow(tmp_path).place(last.id, DAY), "day": DAY}
    talk = lookup.look([sampled_of("a", last.id, target_type="conversation", target="s", **where)])
    alone = lookup.look([sampled_of("a", last.id, conversation="s", **where)])

    assert [first.id, last.id] == [decode(each.record).id for each in talk.kept]
    assert ("s", {"mood": "bad", "solved": True}) == (talk.session, talk.feedback)
    assert ("s", {}) == (alone.session, alone.feedback)
