"""It leaves folders that do not want to be taken away: one nobody may enter, and one deeper than Python recurses."""

import os
from pathlib import Path

from gateway.evaluation.api import Evaluator

DEPTH = 1500


class Hostile(Evaluator):
    """Makes them, and ends its process."""

    name = "hostile"
    version = "1"

    def evaluate(self, _) -> bool:
        """Make them."""
        home = Path(os.environ["HOME"])
        (home / "shut" / "inner").mkdir(parents=True)
        (home / "shut").chmod(0)
        os.chdir(home)
        for _ in range(DEPTH):
            Path("d").mkdir()
            os.chdir("d")
        os._exit(3)
