"""Rates over the real socket: several workers, one authority, and what happens when it goes."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from gateway.ledger import rates
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import WAIT_S, Hello
from gateway.ledger.lease import MOST, Grant
from gateway.ledger.server import Server
from gateway.policies.limit import MINUTE_NS, SECOND_NS
from tests.http.uv import on_uvloop, until
from tests.ledger.parts import held, holder, is_connected, on_disk, permits, serving, terms
from tests.ledger.test_server import Wire, ask, wires

TINY = permits(3)


async def outcomes(workers: list[Holder], count: int) -> list[Held | Short]:
    """Let so many requests come at once, to one worker after the other."""
    return await asyncio.gather(*(held(workers[at % len(workers)], (TINY, 1)) for at in range(count)))


def refusals(found: list[Held | Short]) -> list[Short]:
    """Return those that were refused."""
    return [one for one in found if isinstance(one, Short)]


@on_uvloop
async def test_a_tiny_limit_is_exact_on_many_workers(tmp_path: Path) -> None:
    """Three a minute are three, wherever they come; the others are told when to come again. Nothing is written."""
    async with serving(tmp_path, 4) as (server, workers):
        refused = refusals(await outcomes(workers, 12))

        assert 9 == len(refused)
        waits = [short.wait_ns for short in refused]
        assert all(wait is not None and 19 * SECOND_NS < wait <= 20 * SECOND_NS for wait in waits)
        assert (0, {}) == (server._commits.done, server.state())
    assert {} == on_disk(tmp_path)


@on_uvloop
async def test_permits_that_one_worker_does_not_use_go_to_another(tmp_path: Path) -> None:
    """At once, while somebody waits for them."""
    rate = permits(600)
    async with serving(tmp_path, 2) as (_, [one, other]):
        for _ in range(5):
            assert isinstance(await held(one, (rate, 1)), Held)
        assert one._accounts[rate.place].free > 0

        assert isinstance(await held(other, (rate, 595)), Held)
        assert isinstance(await held(one, (rate, 5)), Short)


@on_uvloop
async def test_a_request_holds_money_and_permits_together(tmp_path: Path) -> None:
    """All or nothing; money is on the disk before it can be spent, as ever."""
    budget = terms(limit=100)
    async with serving(tmp_path) as (server, [one]):
        assert isinstance(await held(one, (budget, 60), (TINY, 2)), Held)
        assert isinstance(await held(one, (budget, 41), (TINY, 1)), Short)
        assert isinstance(await held(one, (budget, 40), (TINY, 2)), Short)
        assert isinstance(await held(one, (budget, 40), (TINY, 1)), Held)

        assert ["search/daily"] == list(server.state())
    assert 100 == on_disk(tmp_path)[budget.place].leases[one.name].granted


@on_uvloop
async def test_a_dead_worker_takes_no_part_of_a_limit_with_it(tmp_path: Path) -> None:
    """What it had and did not use is as if it was used when it died."""
    rate = permits(100, per_ns=SECOND_NS)
    async with serving(tmp_path, 2) as (server, [one, other]):
        for _ in range(3):
            await held(one, (rate, 1))
        one._authority.close()
        await until(lambda: one.name not in server._links)
        assert 0 == server._rates._buckets[rate.place.series].unspent

        await asyncio.sleep(1)
        assert isinstance(await held(other, (rate, 100)), Held)


@on_uvloop
async def test_a_limit_lets_pass_while_there_is_no_authority_and_holds_again_after_it(tmp_path: Path) -> None:
    """What went meanwhile is told to the next one, whose buckets are empty."""
    server = await Server.open(tmp_path)
    one, other = holder(tmp_path, workers=2), holder(tmp_path, workers=2)
    await until(lambda: is_connected(one) and is_connected(other))
    assert 1 == len(refusals(await outcomes([one, other], 4)))
    await server.stop()
    await until(lambda: not is_connected(one) and not is_connected(other))
    assert [] == refusals(await outcomes([one], 2))

    server = await Server.open(tmp_path)
    await until(lambda: is_connected(one) and is_connected(other))
    await until(lambda: server._rates.room(TINY.place.series, 0, 3) == 1)
    assert 3 == len(refusals(await outcomes([other, one], 4)))
    for each in (one, other):
        each.stop()
    await server.stop()


@on_uvloop
async def test_an_authority_that_was_killed_is_as_one_that_was_stopped(tmp_path: Path) -> None:
    """Connections break while asks are under way: nobody waits longer than told, nothing is stuck."""
    async with serving(tmp_path, 2) as (server, workers):
        found = [asyncio.ensure_future(held(workers[at % 2], (TINY, 1))) for at in range(6)]
        await asyncio.sleep(0)
        for link in list(server._connections):
            link.abort()
        await asyncio.wait_for(asyncio.gather(*found), 10 * WAIT_S)
        await until(lambda: all(is_connected(one) for one in workers))

        # What passed meanwhile is told: the rate holds again.
        await until(lambda: server._rates.room(TINY.place.series, 0, 3) <= 0)
        assert 6 == len(refusals(await outcomes(workers, 6)))


@on_uvloop
async def test_a_lease_that_grew_beyond_all_numbers_begins_anew(tmp_path: Path) -> None:
    """Whoever has spent that much is cut off, and goes on with a new one."""
    async with serving(tmp_path) as (server, [one]):
        for _ in range(2):
            await held(one, (TINY, 1))
        account = one._accounts[TINY.place]
        account.granted += MOST

        assert isinstance(await held(one, (TINY, 1)), Held)
        await until(lambda: account.granted < MOST and is_connected(one))
        await until(lambda: server._rates.room(TINY.place.series, 0, 3) == 0)
        assert isinstance(await held(one, (TINY, 1)), Short)


@on_uvloop
async def test_a_holder_that_comes_again_has_nothing(tmp_path: Path) -> None:
    """Also where its end was not seen before: it has dropped what it had."""
    async with serving(tmp_path, 0) as (server, _):
        with wires(tmp_path, 2) as (first, second):
            await say(first)
            await say(second)

            bucket = server._rates._buckets[TINY.place.series]
            assert (1, 2) == (bucket.unspent, -(-bucket.level // bucket.per_ns))
            assert await first.hear() is None


@on_uvloop
async def test_buckets_are_forgotten_when_nothing_of_them_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authority looks from time to time."""
    monkeypatch.setattr(rates, "KEPT_NS", 0)
    async with serving(tmp_path) as (server, [one]):
        await held(one, (permits(10**9, per_ns=1), 1))
        await until(lambda: not server._rates._buckets[TINY.place.series].unspent)
        server._tidy()

        assert ([], {}) == (server._rates.series(), server._rate_desk._asked)


@on_uvloop
async def test_what_makes_no_sense_ends_the_connection(tmp_path: Path) -> None:
    """A rate has no beginning; one that does is a mistake, or an attack."""
    async with serving(tmp_path, 0):
        with wires(tmp_path, 2) as (good, bad):
            await say(good)
            bad.say(Hello("b"), msgspec.structs.replace(ask("b", need=1), start_s=60, rate=1, per_ns=60))

            assert await bad.hear() is None


async def say(wire: Wire) -> None:
    """Ask for a permit, and get it."""
    series, _ = TINY.place
    wire.say(Hello("g"), msgspec.structs.replace(ask("g", need=1), series=series, rate=1, per_ns=MINUTE_NS))
    assert isinstance(await wire.hear(), Grant)
