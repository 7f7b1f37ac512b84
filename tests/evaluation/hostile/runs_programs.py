"""Starts a program."""

import subprocess

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        subprocess.run(["/bin/true"], check=True)
