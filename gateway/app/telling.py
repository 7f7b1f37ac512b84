"""How does the recorder write down what people tell it? As everybody does: in a journal of its own."""

from pathlib import Path

from gateway.core.score import Evaluation, encode
from gateway.journal.frame import SCORE
from gateway.journal.writer import Journal


class Teller:
    """Appends labels to a journal, which is made when the first one comes. One thread uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal: Journal | None = None
        self._closed = False

    def tell(self, one: Evaluation) -> bool:
        """Write an evaluation down; False: that cannot be done now."""
        if self._closed:
            return False
        try:
            self._journal = self._journal or Journal(self._folder, "recorder")
        except OSError:
            return False
        return self._journal.append(SCORE, encode(one))

    def close(self) -> None:
        """Take no more, and let go of the journal, so that it can be read to its end."""
        self._closed = True
        if self._journal is not None:
            self._journal.close()
