"""Waits for what never happens."""

import asyncio

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    async def evaluate(self, target):
        await asyncio.Event().wait()
