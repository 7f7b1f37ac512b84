"""Starts threads without end."""

import threading
import time

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=20.0, memory_mb=256)

    def evaluate(self, target):
        while True:
            threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
