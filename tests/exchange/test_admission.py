"""One request at the gate: held, refused or let through late, grown, settled once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from gateway.core.errors import Refusal
from gateway.core.record import Record, decode, encode
from gateway.exchange.admission import Admission
from gateway.exchange.books import Entry
from gateway.exchange.plan import Names, Planner
from gateway.journal.writer import Journal
from gateway.ledger.client import Client
from gateway.ledger.holder import Holder
from gateway.ledger.interface import RECALL_WAIT_S
from gateway.ledger.server import Server
from gateway.policies.budget import Budget, Budgets
from gateway.policies.scope import Caller
from gateway.policies.windows import Window
from tests.exchange.parts import snapshot
from tests.http.uv import on_uvloop, until
from tests.ledger.parts import Bank, is_connected, on_disk, serving

NOW_NS = 1_800_000_000 * 10**9
EVER = Window("total", UTC)
SOFT = Budget("search/all", EVER, limit_nano_usd=1_000)
CALLER = Caller("search", "ci")
META = encode(Record(id="i", started_at="", team="search", key="ci"))[:-1]


class Requests:
    """Requests of one worker."""

    def __init__(self, server: Server | None, holder: Holder, budgets: tuple[Budget, ...]) -> None:
        self._server = server
        self.holder = holder
        self._planner = Planner(replace(snapshot(), budgets=Budgets(budgets)), Names(), holder.name)

    @property
    def server(self) -> Server:
        """The authority, if it is a real one."""
        assert self._server is not None
        return self._server

    def new(self, expected: int, bound: int = 0) -> Admission:
        """Make a request that is expected to cost so much, and at most that."""
        plan = self._planner.plan(CALLER, ("m",), "openai", True, NOW_NS)
        return Admission(self.holder, plan, [expected, bound, 1, 0], 100, NOW_NS)

    async def enter(self, expected: int, bound: int = 0, *, once: bool = False) -> tuple[Admission, Refusal | None]:
        """Bring a request through the gate, or to its refusal; again where the machine is too busy to wait for."""
        while True:
            one = self.new(expected, bound)
            if one.enter():
                return one, None
            future: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
            one.wait(future.set_result)
            refusal = await future
            if once or refusal is None or refusal.kind != "ledger_down" or not is_connected(self.holder):
                return one, refusal


@asynccontextmanager
async def requests(folder: Path, *budgets: Budget) -> AsyncIterator[Requests]:
    """Have a worker with these budgets."""
    async with serving(folder) as (server, (holder,)):
        yield Requests(server, holder, budgets)


def ended(one: Admission, cost: int, *, called: bool = True) -> list[int]:
    """End an exchange that cost so much, and return what each balance was charged, as the journal has it."""
    one.charge(Record(id="", started_at="", team="", key="", cost_nano_usd=cost), called=called)
    one.settle()
    return [hold.charged for hold in decode(META + one.members(ended=True)).holds]


@on_uvloop
async def test_all_is_held_or_nothing(tmp_path: Path) -> None:
    """Money and requests; the second one finds too few requests, and leaves the money where it is."""
    async with requests(tmp_path, replace(SOFT, limit_requests=1)) as some:
        first, none = await some.enter(100)
        second, refusal = await some.enter(100)

        assert none is None
        assert isinstance(refusal, Refusal)
        assert "1 requests" in refusal.message
        assert b"}" == second.members(ended=True)
        assert [40, 1] == ended(first, 40)
        third, _ = await some.enter(960)
        assert b"}" == third.members(ended=False)


@on_uvloop
async def test_how_long_it_waited_is_known(tmp_path: Path) -> None:
    """Until the ledger had answered."""
    async with requests(tmp_path, SOFT) as some:
        one = some.new(100)
        assert not one.enter()
        future: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        before = one.waited_us
        begun_ns = time.perf_counter_ns()
        one.wait(future.set_result)
        await future
        whole_us = (time.perf_counter_ns() - begun_ns) // 1_000

        assert 0 == before < one.waited_us <= whole_us


@on_uvloop
async def test_nobody_is_refused_for_a_guess_while_anything_is_left(tmp_path: Path) -> None:
    """What is expected is held as far as it is there; the next one finds nothing."""
    async with requests(tmp_path, SOFT) as some:
        await some.enter(900)
        clamped, none = await some.enter(500)
        _, refusal = await some.enter(500)

        assert none is None
        assert [hold.held for hold in decode(META + clamped.members(ended=False)).holds] == [0]
        assert clamped._held is not None
        assert [("search/all", 0, 100)] == clamped._held.places()
        assert refusal is not None
        assert "budget_exceeded" == refusal.kind


def test_quick_small_requests_keep_no_large_one_out() -> None:
    """What is left changes all the time while they are let through elsewhere; as long as it is something, it goes."""
    bank = Bank()
    slow, quick = [Requests(None, bank.holder(name, workers=2), (SOFT,)) for name in ("slow", "quick")]
    bank.delay_s = {"slow": 1e-3}
    large, told = slow.new(5_000), list[Refusal | None]()
    assert not large.enter()
    large.wait(told.append)
    small = []
    while not told:
        one = quick.new(10)
        if not one.enter():
            one.wait(lambda _: None)
        small.append(one)
        bank.clock.run(5e-4)

    assert [None] == told
    assert large._held is not None
    assert [1_000 - sum(10 for one in small if one._held)] == large._held.amounts


@pytest.mark.parametrize("budget", [SOFT, replace(SOFT, mode="strict")], ids=["soft", "strict"])
def test_what_comes_free_before_it_hears_of_its_refusal_is_there_for_it(budget: Budget) -> None:
    """Otherwise it would be told that the budget is exceeded, and how much is left of it."""
    bank = Bank()
    some = Requests(None, bank.holder("w"), (budget,))
    first, second = some.new(1_000, 1_000), some.new(100, 100)
    told: list[Refusal | None] = []
    for one in (first, second):
        assert not one.enter()
        one.wait(told.append)
        while some.holder._waiting.everybody():
            bank.clock.step()
    first.release()
    bank.clock.run(RECALL_WAIT_S)

    assert [None, None] == told


@on_uvloop
async def test_a_bound_is_held_whole_or_not_at_all(tmp_path: Path) -> None:
    """A strict budget takes no part of it."""
    async with requests(tmp_path, replace(SOFT, mode="strict")) as some:
        await some.enter(1, bound=900)
        _, refusal = await some.enter(1, bound=101)
        _, none = await some.enter(1, bound=100)

        assert refusal is not None
        assert "may need" in refusal.message
        assert none is None


@on_uvloop
async def test_an_excess_is_charged_beyond_the_limit(tmp_path: Path) -> None:
    """And stops everybody after it."""
    async with requests(tmp_path, SOFT) as some:
        one, _ = await some.enter(900)
        assert [1_500] == ended(one, 1_500)
        _, refusal = await some.enter(1)

        assert refusal is not None
        await until(lambda: some.server.state()["search/all"].charged == 1_500)


@on_uvloop
async def test_what_the_ledger_hears_of_stands_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between, a worker would have told of a cost that its log does not know."""
    journal = Journal(tmp_path / "journal", "w")
    async with requests(tmp_path, SOFT) as some:
        one, _ = await some.enter(900)
        record = Record(id="01a20a31-7720-71c7-8d56-4365b3ed0dd5", started_at="", team="t", key="k", attempts=[])
        entry = Entry(journal, record, begun_ns=0, started_ns=NOW_NS, keep=0)
        entry.admission = one
        entry.begin(b"")
        journal.due = lambda: None  # as within a turn of the loop
        authority = some.holder._authority
        assert isinstance(authority, Client)
        authority.first = journal.flush
        ended: list[bool] = []
        (segment,) = (tmp_path / "journal").glob("*.seg")
        send = authority.send
        monkeypatch.setattr(authority, "send", lambda ask: (send(ask), ended.append(b"1500" in segment.read_bytes())))
        record.cost_nano_usd = 1_500  # a debt, which is told at once
        entry.close("ok")

        assert [True] == ended
    journal.close()


@on_uvloop
async def test_settled_once_and_corrected_as_often_as_need_be(tmp_path: Path) -> None:
    """Some providers go on after what looked like the end."""
    async with requests(tmp_path, SOFT) as some:
        one, _ = await some.enter(500)
        assert [300] == ended(one, 300)
        assert [300] == ended(one, 400)
        one.amend(Record(id="", started_at="", team="", key="", cost_nano_usd=450))

        assert [450] == [hold.charged for hold in decode(META + one.members(ended=True)).holds]
        last, none = await some.enter(550)
        assert none is None
        assert last._held is not None
        assert [("search/all", 0, 550)] == last._held.places()


@on_uvloop
async def test_who_leaves_holds_nothing(tmp_path: Path) -> None:
    """Before or after it was let through."""
    async with requests(tmp_path, SOFT) as some:
        waiting = some.new(400)
        assert not waiting.enter()
        told: list[Refusal | None] = []
        waiting.wait(told.append)
        waiting.leave()
        held, _ = await some.enter(1_000)
        held.leave()
        held.leave()
        again, none = await some.enter(1_000)

        assert none is None
        assert [] == told
        assert [1_000] == ended(again, 1_000)


@on_uvloop
async def test_a_stream_holds_more_as_it_costs_more(tmp_path: Path) -> None:
    """A quarter ahead, while there is money; what it holds then is what the journal says."""
    async with requests(tmp_path, SOFT) as some:
        before, _ = await some.enter(800)
        before.release()
        one, _ = await some.enter(100)
        assert [None, None] == [one.grow(90), one.grow(400)]

        assert one._held is not None
        assert [("search/all", 0, 500)] == one._held.places()
        await until(lambda: one.grow(900) is None and not one.starves)
        assert [("search/all", 0, 900)] == one._held.places()


@on_uvloop
async def test_a_stream_without_money_goes_on_or_is_stopped(tmp_path: Path) -> None:
    """Only where the budget says so, and only once the ledger has said no."""
    async with requests(tmp_path, SOFT) as some:
        one, _ = await some.enter(1_000)
        assert one.grow(2_000) is None
        await until(lambda: one.starves)
        assert one.grow(2_000) is None
    (tmp_path / "stop").mkdir()
    async with requests(tmp_path / "stop", replace(SOFT, midstream="stop")) as some:
        one, _ = await some.enter(1_000)
        assert one.grow(2_000) is None
        found: list[Refusal | None] = [None]

        def grown() -> bool:
            found[0] = one.grow(2_000)
            return found[0] is not None

        await until(grown)
        assert found[0] is not None
        assert "budget_exceeded" == found[0].kind


@on_uvloop
async def test_what_is_left_is_told(tmp_path: Path) -> None:
    """Of the budget that has least; one that only tracks does not count."""
    tracked = replace(SOFT, id="search/seen", mode="track", limit_nano_usd=1)
    async with requests(tmp_path, replace(SOFT, id="search/big", limit_nano_usd=5 * 10**9), SOFT, tracked) as some:
        one, _ = await some.enter(100)

        assert b"x-tollway-budget-left-usd: 0.000000900\r\n" == b"".join(one.lines())


@on_uvloop
async def test_an_answer_that_comes_too_late_is_no_refusal_of_the_budget(tmp_path: Path) -> None:
    """The money may be there, with another worker that was not quick enough: try again, and not with less."""
    said: list[Refusal | None] = []
    async with requests(tmp_path, SOFT) as some:
        await some.enter(900)
        one = some.new(200)
        assert not one.enter()
        short = one._short
        assert short is not None
        one.wait(said.append)
        some.holder.leave(short)
        short.late = True
        one._told(short)

        (refusal,) = said
        assert refusal is not None
        assert ("ledger_down", 503) == (refusal.kind, refusal.status)


@on_uvloop
async def test_where_nobody_can_be_asked_it_is_said(tmp_path: Path) -> None:
    """The budget may have money, but no one knows: try again."""
    async with requests(tmp_path, SOFT) as some:
        await some.server.stop()
        await until(lambda: not some.holder._authority.connected)
        _, refusal = await some.enter(100, once=True)
        allowed = Requests(some.server, some.holder, (replace(SOFT, id="search/other", on_authority_loss="allow"),))
        _, none = await allowed.enter(100)

        assert refusal is not None
        assert ("ledger_down", 503) == (refusal.kind, refusal.status)
        assert none is None
    assert {} == on_disk(tmp_path)
