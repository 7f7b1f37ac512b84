"""Slots: bounded, and never all of them for strangers."""

import asyncio

from gateway.evaluation.slots import Slots


async def _hold(slots: Slots, *, is_common: bool, held: list[bool], let_go: asyncio.Event) -> None:
    async with slots.taken(is_common=is_common):
        held.append(is_common)
        await let_go.wait()


async def _who_gets_in(workers: int, wanted: list[bool]) -> list[bool]:
    slots, held, let_go = Slots(workers), list[bool](), asyncio.Event()
    tasks = [asyncio.create_task(_hold(slots, is_common=each, held=held, let_go=let_go)) for each in wanted]
    for _ in range(10):
        await asyncio.sleep(0)
    inside = list(held)
    let_go.set()
    await asyncio.gather(*tasks)
    assert sorted(wanted) == sorted(held)
    return inside


async def test_strangers_leave_one_for_the_common_lane() -> None:
    """However many of them hang."""
    assert [False, False, True] == await _who_gets_in(3, [False] * 5 + [True])


async def test_common_lane_may_have_all() -> None:
    """Where nobody else wants one."""
    assert [True] * 3 == await _who_gets_in(3, [True] * 5)


async def test_single_worker_is_shared_in_turn() -> None:
    """First come, first served."""
    assert [False] == await _who_gets_in(1, [False, True, False])


async def test_who_gives_up_waiting_leaves_nothing_taken() -> None:
    """A lane may end while it waits."""
    slots, held, let_go = Slots(1), list[bool](), asyncio.Event()
    first, second = (asyncio.create_task(_hold(slots, is_common=False, held=held, let_go=let_go)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    let_go.set()
    await first
    await _hold(slots, is_common=False, held=held, let_go=let_go)

    assert [False, False] == held
