"""Raises SystemExit."""

import sys

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        sys.exit(0)
