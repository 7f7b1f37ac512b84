"""Writes a temporary file, as it may."""

import os
import tempfile

from gateway.evaluation.api import Evaluator, Result


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        fd, path = tempfile.mkstemp()
        os.close(fd)
        return Result(True, comment=path)
