"""Sleeps, deaf to signals."""

import signal
import time

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    def evaluate(self, target):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(3600)
