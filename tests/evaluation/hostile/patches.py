"""Replaces parts of the process that it runs in."""

import signal

from gateway.evaluation import protocol, running
from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        running.given_of = lambda verdict: ["no result"]
        protocol.Told = dict
        signal.setitimer = lambda *_: None
        return True
