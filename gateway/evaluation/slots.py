"""How many targets are looked at at once?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """`workers` at once, of which one is always left for the evaluators that come with the gateway."""

    def __init__(self, workers: int) -> None:
        self._all = asyncio.Semaphore(workers)
        self._others = asyncio.Semaphore(max(1, workers - 1))

    @asynccontextmanager
    async def taken(self, *, is_common: bool) -> AsyncIterator[None]:
        """Wait for one and hold it. `is_common`: for the lane that shipped evaluators share."""
        if is_common:
            async with self._all:
                yield
            return
        # In this order: who waits for the others' turn must not hold what the common lane could use.
        async with self._others, self._all:
            yield
