"""Closes everything that is open."""

import os

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        os.closerange(3, 64)
