"""Burns processor time in threads while it seems to sleep."""

import threading
import time

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=60.0, cpu_s=0.5)

    def evaluate(self, target):
        def burn():
            while True:
                pass

        threading.Thread(target=burn, daemon=True).start()
        time.sleep(3600)
