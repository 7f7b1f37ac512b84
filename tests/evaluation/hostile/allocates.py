"""Takes memory without end."""

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(memory_mb=128)

    def evaluate(self, target):
        held = []
        while True:
            held.append(bytearray(1 << 20))
