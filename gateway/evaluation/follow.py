"""What is new in the log, and what does it hold of one exchange? Day files are read while the recorder writes them."""

from collections.abc import Sequence
from pathlib import Path

from gateway.evaluation.protocol import Kept


class Follow:
    """Reads the day files of `folder`, read-only. A file without a cursor is read from its beginning."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def place(self, exchange: str, day: str) -> int | None:
        """Return the `seq` of an exchange; None: it is not stored."""
        raise NotImplementedError

    def keep(self, day: str, seqs: Sequence[int]) -> dict[int, Kept]:
        """Return exchanges as they are kept, with their bodies; those that are gone are not among them."""
        raise NotImplementedError

    def conversation(self, team: str, session: str, day: str, seq: int) -> list[Kept]:
        """Return the exchanges of a session up to a place, in order: the newest CONVERSATION_MOST of them."""
        raise NotImplementedError
