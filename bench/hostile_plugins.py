"""Evaluators that nobody should write: what the gateway and its other evaluators must bear."""

import os
import re
from typing import Final

from gateway.evaluation.api import Evaluator, Exchange, NoParams, Result, ScoreSpec

HOSTILE: Final = ("Crashes", "Hangs", "Eats", "Shouts", "Forks", "Lies", "Raises")


class Crashes(Evaluator[NoParams]):
    """Take the process away."""

    name = "crashes"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Leave."""
        os._exit(3)


class Hangs(Evaluator[NoParams]):
    """Hold the interpreter with a regular expression that backtracks for ever."""

    name = "hangs"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Match."""
        return bool(re.match(r"(a+)+$", "a" * 64 + "b"))


class Eats(Evaluator[NoParams]):
    """Allocate without end."""

    name = "eats"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Hoard."""
        hoard: list[bytearray] = []
        while True:
            hoard.append(bytearray(1 << 24))


class Shouts(Evaluator[NoParams]):
    """Print gigabytes."""

    name = "shouts"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Shout."""
        while True:
            os.write(1, b"x" * (1 << 20))


class Forks(Evaluator[NoParams]):
    """Be many."""

    name = "forks"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Fork, and so do the children."""
        while True:
            os.fork()


class Lies(Evaluator[NoParams]):
    """Give what was not declared."""

    name = "lies"
    version = "1"
    scores = (ScoreSpec(type="numeric", low=0, high=1),)

    def evaluate(self, target: Exchange) -> Result:
        """Give far too much."""
        return Result(9.2e124)


class Raises(Evaluator[NoParams]):
    """Fail each time."""

    name = "raises"
    version = "1"

    def evaluate(self, target: Exchange) -> bool:
        """Fail."""
        raise ValueError("no")
