"""Ends the process that imports it."""

import os

from gateway.evaluation.api import Evaluator

os._exit(7)


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        return True
