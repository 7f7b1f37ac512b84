"""Ends whoever started it, and everybody else."""

import contextlib
import os
import signal

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        for victim in (os.getppid(), -1, 0):
            with contextlib.suppress(PermissionError):
                os.kill(victim, signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGKILL)
