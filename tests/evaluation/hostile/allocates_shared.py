"""Takes memory that the limit of the process does not count."""

import mmap

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(memory_mb=192)

    def evaluate(self, target):
        held = mmap.mmap(-1, 1 << 30)
        for page in range(0, 1 << 30, 4096):
            held[page] = 1
        while True:
            pass
