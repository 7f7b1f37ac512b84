"""Speaks in the name of another evaluator."""

import contextlib
import os
import time

from gateway.evaluation.api import Evaluator
from gateway.evaluation.protocol import Given, Told, framed


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        forged = framed(Told(number=0, evaluator="good", result="ok", given=[Given(name="", value=False)]))
        for fd in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(fd, forged)
        time.sleep(3600)
