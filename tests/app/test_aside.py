"""The evaluator beside the gateway: there when it is wanted, replaced when it dies, and never in the way."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app.aside import Aside
from gateway.app.channel import Config
from tests.app.test_child import READY

FIRST = Config(generation=1, sources={}, root="/")
SECOND = Config(generation=2, sources={}, root="/")
# Ends when it is told to drain, or when nobody is there any more.
DRAINS = READY + "data=b''\nwhile b'drain' not in data:\n data=s.recv(1<<20)\n if not data: break"


@asynccontextmanager
async def aside_that(does: str, died: list[str] | None = None) -> AsyncIterator[Aside]:
    """Make one whose process is a few lines of Python."""
    code = does.replace(";\n", "\n")
    aside = Aside([sys.executable, "-S", "-c", code], lambda: None, ([] if died is None else died).append)
    try:
        yield aside
    finally:
        await aside.kill()


async def test_it_is_there_while_config_wants_it() -> None:
    """Off at the start there is no process; a reload begins it, another ends it, and a third begins a new one."""
    async with aside_that(DRAINS) as aside:
        aside.follow([FIRST], is_on=False)
        assert [] == aside.children
        aside.follow([FIRST], is_on=True)
        (child,) = aside.children
        await asyncio.wait_for(child.ready.wait(), 10)
        aside.follow([SECOND], is_on=True)
        assert [child] == aside.children
        aside.follow([SECOND], is_on=False)
        assert [] == aside.children
        assert child.life is not None
        await asyncio.wait_for(child.life, 10)
        aside.follow([SECOND], is_on=True)
        assert [child] != aside.children


async def test_one_that_cannot_start_is_tried_again_and_ends_nothing() -> None:
    """Nobody's start fails by it."""
    died: list[str] = []
    async with aside_that("import sys; sys.exit(3)", died) as aside:
        aside.follow([FIRST], is_on=True)
        (child,) = aside.children
        while child.restarts < 3:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)

        assert child.life is not None
        assert not child.life.done()
        assert "crash" in died


async def test_it_drains_within_bounds() -> None:
    """At the end of the gateway it ends, too."""
    async with aside_that(DRAINS) as aside:
        aside.follow([FIRST], is_on=True)
        (child,) = aside.children
        await asyncio.wait_for(child.ready.wait(), 10)
        await asyncio.wait_for(aside.stop(asyncio.Event()), 10)

        assert child.life is not None
        assert child.life.done()
