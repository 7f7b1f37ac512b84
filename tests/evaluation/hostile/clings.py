"""It leaves folders that do not want to be taken away: one nobody may enter, and one deeper than Python recurses."""

import os

from gateway.evaluation.api import Evaluator

DEPTH = 1500


class Hostile(Evaluator):
    """Makes them, and ends its process."""

    name = "hostile"
    version = "1"

    def evaluate(self, _) -> bool:
        """Make them."""
        home = os.environ["HOME"]
        os.makedirs(f"{home}/shut/inner")
        os.chmod(f"{home}/shut", 0)
        os.mkdir(f"{home}/deep")
        os.chdir(f"{home}/deep")
        for _ in range(DEPTH):
            os.mkdir("d")
            os.chdir("d")
        os._exit(3)
