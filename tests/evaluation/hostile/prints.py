"""Prints without end."""

import os

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    def evaluate(self, target):
        while True:
            os.write(1, b"x" * (1 << 20))
            os.write(2, b"y" * (1 << 20))
