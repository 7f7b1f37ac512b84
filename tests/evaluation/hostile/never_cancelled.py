"""Waits, and does not let itself be cancelled."""

import asyncio
import contextlib

from gateway.evaluation.api import Evaluator, Needs


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    needs = Needs(wall_s=0.5)

    async def evaluate(self, target):
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
