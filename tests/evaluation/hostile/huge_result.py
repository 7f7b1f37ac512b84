"""Gives more than anybody keeps."""

from gateway.evaluation.api import Evaluator, Result


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        return [Result(True, comment="x" * (4 << 20))]
