"""One process at a time has a lock, and the next waits."""

import asyncio
from pathlib import Path

from gateway.app.sole import sole


async def test_second_waits_for_the_first(tmp_path: Path) -> None:
    """It gets the lock as soon as it is free."""
    first = await sole(tmp_path / "deep" / "a.lock")
    second = asyncio.create_task(sole(tmp_path / "deep" / "a.lock"))
    other = await asyncio.wait_for(sole(tmp_path / "deep" / "b.lock"), 5)
    await asyncio.sleep(0)
    assert not second.done()
    first.close()

    (await asyncio.wait_for(second, 5)).close()
    other.close()
