"""Reads where nothing is."""

import ctypes

from gateway.evaluation.api import Evaluator


class Hostile(Evaluator):
    name = "hostile"
    version = "1"

    def evaluate(self, target):
        ctypes.string_at(0)
