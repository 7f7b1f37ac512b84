"""What is lost is counted by exchange: once, and only where nothing of it is in the journal."""

import os
from pathlib import Path

import pytest

from gateway.core.record import Attempt, Record, encode
from gateway.journal.frame import AMEND, BEGIN, END, PART, REQUEST, pack
from gateway.journal.losses import Losses
from gateway.journal.writer import Journal
from tests.records import begun, record

TRIED = [Attempt(provider="openai")]


def frame(kind: int, one: Record) -> bytes:
    """Write a frame of an exchange."""
    return pack(kind, encode(one), ((REQUEST, 0, b"{}"),))


@pytest.mark.parametrize(
    ("lost", "count"),
    [
        ([], 0),
        ([BEGIN], 0),  # its end holds all that is known
        ([END], 0),  # its begin becomes a row
        ([BEGIN, END], 1),
        ([BEGIN, PART, END, AMEND], 1),
        ([AMEND], 0),
    ],
)
def test_which_frames_must_be_lost(lost: list[int], count: int) -> None:
    """Begin and end both."""
    dropped: list[int] = []
    one = record(attempts=TRIED)
    losses = Losses(dropped.append)
    for kind in lost:
        losses.note(frame(kind, one))

    assert count == sum(dropped)


def test_what_was_refused_has_no_begin() -> None:
    """Of it the end is all that there is."""
    dropped: list[int] = []
    Losses(dropped.append).note(frame(END, record(status=403, outcome="policy_blocked")) * 2)

    assert 2 == sum(dropped)


def test_a_journal_that_cannot_be_written_tells_what_it_loses(tmp_path: Path) -> None:
    """All frames of a turn, in one piece; and nothing where it could be."""
    dropped: list[int] = []
    journal = Journal(tmp_path, "worker-0")
    journal.losing = Losses(dropped.append).note
    journal.due = lambda: None
    one = record(attempts=TRIED)
    journal.append(BEGIN, encode(begun(id=record().id)))
    fd, journal._fd = journal._fd, os.open("/dev/full", os.O_WRONLY)
    journal.add(BEGIN, encode(begun(id=one.id, attempts=TRIED)))
    journal.add(END, encode(one))
    journal.flush()
    os.close(journal._fd)
    journal._fd = fd
    journal.close()

    assert [1] == dropped
    assert 2 == journal.lost
