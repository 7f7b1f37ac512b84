"""A regular expression that takes centuries."""

import re

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    def evaluate(self, target):
        return re.match(r"(a+)+$", "a" * 64 + "b") is None
