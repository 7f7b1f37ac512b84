"""How budgets stand is read off the books as of now, and nobody waits for it."""

import asyncio
from pathlib import Path

import pytest

from gateway.admin.standings import Balance, standings
from gateway.ledger.desk import SeriesState
from gateway.ledger.file import By
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from tests.policies.test_budget import budget

NOON_S = 1_795_435_200
TODAY_S = NOON_S - 43_200


def balance(limit: int = 100, raised: int = 0, **state: int) -> Balance:
    """Make a balance."""
    return Balance("a/x", "usd", limit, raised, SeriesState(None, **state))


def test_parts_add_up() -> None:
    """A correction is spent; debts and lowered limits leave less than nothing."""
    one = balance(100, -80, charged=50, spent=30, corrected=-5)

    assert (20, 25, 25, -30, 1250) == (one.limit, one.spent, one.reserved, one.left, one.permille)
    assert one.limit == one.spent + one.reserved + one.left
    assert 5000 == balance(0, charged=5, spent=5).permille


async def test_only_balances_of_this_window_are_given(tmp_path: Path) -> None:
    """Of a parted budget; those of yesterday, of other budgets and of other parts are not."""
    parted = budget("a/x", usd=10, requests=10, per=("user",))
    here = ["a/x?user=ann", "a/x#requests?user=ann", "a/x?user=*"]
    other = ["a/x", "a/x?session=1", "a/x?user=ann&session=1", "a/xy?user=ann", "a/x#concurrent?user=ann"]
    server = await Server.open(tmp_path, now=lambda: NOON_S)
    await server.close("w1", {Place(name, TODAY_S): 5 for name in here + other})
    await server.close("w2", {Place("a/x?user=old", TODAY_S - 86_400): 5})
    [found] = await standings(server, [parted], NOON_S, 10)
    [later] = await standings(server, [parted], NOON_S + 43_200, 10)
    await server.stop()

    assert sorted(here) == sorted(one.series for one in found.balances)
    assert (3, 0) == (found.count, later.count)


async def test_raises_of_all_and_of_one_add_to_the_limit(tmp_path: Path) -> None:
    """Each to those it is for."""
    parted = budget("a/x", usd=10, per=("user",))
    server = await Server.open(tmp_path, now=lambda: NOON_S)
    await server.close("w1", {Place(f"a/x?user={name}", TODAY_S): 1 for name in ("ann", "bob")})
    await server.raise_limit("a/x?", 5, By("a", "b"))
    await server.raise_limit("a/x?user=ann", 7, By("a", "b"))
    [found] = await standings(server, [parted], NOON_S, 10)
    await server.stop()

    assert {"a/x?user=ann": 22, "a/x?user=bob": 15} == {one.series: one.limit for one in found.balances}


async def test_others_have_their_turn_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority lives on the same loop, and workers wait for it."""
    monkeypatch.setattr("gateway.admin.standings.AT_ONCE", 10)
    server = await Server.open(tmp_path, now=lambda: NOON_S)
    await server.close("w1", {Place(f"a/x?user={number}", TODAY_S): number for number in range(1, 101)})
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    [found] = await standings(server, [budget("a/x", usd=100, per=("user",))], NOON_S, 2)
    counting.cancel()
    await server.stop()

    assert 10 <= turns
    assert (["a/x?user=100", "a/x?user=99"], 100) == ([one.series for one in found.balances], found.count)
