"""Run a test on uvloop, whose transports are what the data plane stands on."""

import asyncio
import functools
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop


def on_uvloop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Turn a coroutine test into a plain one that runs on a loop of its own, for at most 20 seconds."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(20):
                await test(*arguments, **named)

        with uvloop_runner() as runner:
            runner.run(bounded())

    return run


@contextmanager
def uvloop_runner() -> Iterator[asyncio.Runner]:
    """Have a loop of uvloop's, which ends also where what ran on it has failed."""
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        yield runner
    finally:
        # As an error the warning would keep uvloop from closing what was left open, and it would wait for that without
        # end.
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResourceWarning)
            runner.close()
    left = [text for each in told if (text := str(each.message)).startswith("unclosed resource <")]  # uvloop's words
    assert not left, f"left open: {left}"


async def until(holds: Callable[[], object], *, seconds: float = 5.0) -> None:
    """Wait until a condition of this process holds; it is looked at after every turn of the loop."""
    end = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < end, "it never came to hold"
        await asyncio.sleep(0.001)
