"""Raises what cannot be shown."""

from gateway.evaluation.api import Evaluator


class Unspeakable(Exception):
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        raise Unspeakable
