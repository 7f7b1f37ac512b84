"""Evaluations on their way into the log: written to a journal that the recorder reads, in batches."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gateway.core.score import Evaluation, encode
from gateway.journal.frame import SCORE
from gateway.journal.writer import Journal

OWNER: Final = "evaluator"
# Far above what the contract lets a plugin say, far below what a frame holds.
MOST_BYTES: Final = 1 << 20


class Outbox:
    """The evaluator's own segments in the journal folder. `durability`: as of the workers' journals."""

    def __init__(self, folder: Path, durability: str) -> None:
        self._journal = Journal(folder, OWNER, durability=durability)
        self._journal.due = _later
        self._syncs = durability == "power"

    def write(self, evaluations: Iterable[Evaluation]) -> bool:
        """Append all of them; False: some are not safe, so append all again, which changes nothing for the others."""
        lost = self._journal.lost
        for each in evaluations:
            self._journal.add(SCORE, _bounded(each))
        if not self._journal.flush() or self._journal.lost != lost:
            return False
        return self._synced() if self._syncs else True

    def close(self) -> None:
        """Let go of the segment."""
        self._journal.close()

    def _synced(self) -> bool:
        try:
            self._journal.sync()
        except OSError:
            return False
        return True


def _bounded(evaluation: Evaluation) -> bytes:
    """What no frame can hold would be tried for ever."""
    data = encode(evaluation)
    if len(data) <= MOST_BYTES:
        return data
    evaluation.scores = []
    evaluation.result, evaluation.reason = "error", "contract"
    evaluation.detail = f"{len(data)} bytes of scores; at most {MOST_BYTES} are kept"
    return encode(evaluation)


def _later() -> None:
    """Frames wait for the end of their batch."""
