"""Never ends."""

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    def evaluate(self, target):
        while True:
            pass
