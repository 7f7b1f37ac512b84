"""Returns what is no score."""

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        return {"good": object()}
