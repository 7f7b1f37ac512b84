"""Can everything be loaded that the config names? Tried as the evaluator does it, in plugin processes that then end."""

import asyncio
from typing import Final

from gateway.evaluation.greeting import greet
from gateway.evaluation.lanes import Share, plan, shipped
from gateway.evaluation.protocol import Loaded
from gateway.policies.evaluating import Evaluating

# For all of them: somebody waits for it.
PATIENCE_S: Final = 120.0


async def rehearse(evaluating: Evaluating, patience_s: float = PATIENCE_S) -> dict[str, Loaded]:
    """Return what was loaded, or why not (`problem`), by evaluator; nothing where no team uses any. Never raises."""
    if not evaluating.is_on:
        return {}
    places = asyncio.Semaphore(evaluating.workers)
    shares = plan(evaluating.plugins.values(), shipped(), (), evaluating.workers)
    tries = [asyncio.create_task(_load(share, places)) for share in shares]
    await asyncio.wait(tries, timeout=patience_s)
    late = [each for each in tries if not each.done() and each.cancel()]
    await asyncio.gather(*late, return_exceptions=True)
    found = {name: _late(name, patience_s) for name in evaluating.plugins}
    for each in tries:
        found |= {} if each.cancelled() else each.result()
    return found


async def _load(share: Share, places: asyncio.Semaphore) -> dict[str, Loaded]:
    async with places:
        greeting = await greet(share.plugins)
        if greeting.process is not None:
            await greeting.process.end(at_once=False)
        return greeting.loaded


def _late(name: str, patience_s: float) -> Loaded:
    return Loaded(evaluator=name, problem=f"it could not be loaded within the {patience_s:g} s that there are for all")
