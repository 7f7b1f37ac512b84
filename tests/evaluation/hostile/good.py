"""Behaves."""

from gateway.evaluation.api import Evaluator


class Good(Evaluator):
    name = "good"
    version = "1"

    def evaluate(self, target):
        return True
