"""Each threshold is told once for each balance, through restarts and reloads, and gauges show what the ledger says."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.app import budget_watch
from gateway.app.budget_gauges import BudgetGauges
from gateway.app.budget_watch import BudgetWatch, Shown
from gateway.app.owners import Owners
from gateway.ledger.account import Terms
from gateway.ledger.file import By
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from gateway.metrics import catalogue
from gateway.policies.budget import Budget, Budgets
from gateway.policies.windows import parse
from tests.http.uv import until
from tests.ledger.parts import held, holder

USD = 10**9
NOON_S = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())
DAY_S = 86_400
TODAY_S = NOON_S - DAY_S // 2
ANN = By("ann", "a good reason")


def daily(limit: int = 50 * USD, **more: object) -> Budget:
    """Make a budget for a day."""
    return Budget("search/daily", parse("day"), limit_nano_usd=limit, **more)  # type: ignore[arg-type]


class Room:
    """A recorder's ledger with somebody who watches it, and a clock."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.folder = folder
        self.now_s = float(NOON_S)
        self.owners = Owners(Budgets([daily()]))
        self._log = caplog

    async def start(self) -> None:
        """Begin, or come back after a crash."""
        self.server = await Server.open(self.folder, now=lambda: self.now_s, over=self.owners.over_s)
        self.watch = BudgetWatch(self.server, self.owners, lambda: self.now_s)

    async def spend(self, amount: int, series: str = "search/daily", start_s: int = TODAY_S) -> None:
        """Let a worker that is gone have spent so much."""
        await self.server.close(
            f"worker-{self.server._next_id}-{len(self.server._books._gone)}", {Place(series, start_s): amount}
        )

    async def says(self) -> list[str]:
        """Look, and return what was said since the last time."""
        self._log.clear()
        await self.watch.look()
        return [record.message for record in self._log.records if record.levelno == logging.WARNING]


@pytest.fixture
async def room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Room]:
    """One in which nothing is spent yet."""
    room = Room(tmp_path, caplog)
    await room.start()
    yield room
    await room.server.stop()


async def spent_by(one: Holder, amount: int, limit: int = 50 * USD) -> Held:
    """Hold an amount of today's money."""
    found = await held(one, (Terms(Place("search/daily", TODAY_S), TODAY_S, TODAY_S + DAY_S, limit), amount))
    assert isinstance(found, Held)
    return found


async def test_a_threshold_is_told_once(room: Room) -> None:
    """In the log, in the trail with who and how much, and in the counter; a restart does not repeat it."""
    await room.spend(24 * USD)
    assert [] == await room.says()
    await room.spend(16 * USD)
    assert [
        "budget search/daily at 50 %: $40.00 of $50.00",
        "budget search/daily at 80 %: $40.00 of $50.00",
    ] == await room.says()
    await room.spend(1)
    assert [] == await room.says()
    assert {50: 1, 80: 1, 100: 0} == {percent: times for (_, percent), times in room.watch.told.items()}
    await room.server.stop()
    await room.start()

    assert [] == await room.says()
    assert [("threshold", "tollway", "80 % of $50.00", 40 * USD, TODAY_S)] == [
        (deed.what, deed.who, deed.why, deed.amount, deed.start_s) for deed in await room.server.trail(1)
    ]
    await room.spend(10 * USD)
    assert ["budget search/daily at 100 %: $50.000000001 of $50.00"] == await room.says()


async def test_a_new_window_begins_anew(room: Room) -> None:
    """And what was told of the last one is forgotten."""
    await room.spend(30 * USD)
    assert 1 == len(await room.says())
    room.now_s += DAY_S
    await room.spend(30 * USD, start_s=TODAY_S + DAY_S)

    assert 1 == len(await room.says())
    room.server._tidy()
    assert [(), (50,)] == [
        room.server.passing.percents(Place("search/daily", TODAY_S + days * DAY_S)) for days in (0, 1)
    ]


async def test_a_rolling_window_is_one_balance_for_ever(room: Room) -> None:
    """It is told again when less was spent in between."""
    room.owners.use(Budgets([Budget("search/agents", parse("rolling:1h"), limit_nano_usd=50 * USD)]))
    bucket_s = NOON_S // 60 * 60
    for after_s, amount, told in ((0, 26, 1), (60, 1, 0), (3800, 1, 0), (3860, 26, 1)):
        room.now_s = NOON_S + after_s
        await room.spend(amount * USD, "search/agents", bucket_s + after_s // 60 * 60)

        assert told == len(await room.says())


async def test_balances_of_a_parted_budget_are_told_apart(room: Room) -> None:
    """Each has the whole limit; the counter is the budget's."""
    room.owners.use(Budgets([daily(per=("user",))]))
    for user in ("ann", "bob"):
        await room.spend(26 * USD, f"search/daily?user={user}")

    assert {f"budget search/daily?user={user} at 50 %: $26.00 of $50.00" for user in ("ann", "bob")} == set(
        await room.says()
    )
    assert 2 == room.watch.told["search/daily", 50]
    assert () == room.watch.shown


async def test_requests_are_told_as_such(room: Room) -> None:
    """By their own balance."""
    room.owners.use(Budgets([Budget("search/daily", parse("day"), limit_requests=500)]))
    await room.spend(400, "search/daily#requests")

    assert "budget search/daily at 80 %: 400 requests of 500 requests" in await room.says()


async def test_a_reload_counts_at_once(room: Room) -> None:
    """Another limit, other thresholds; and after a raise a threshold can be told again, for the new limit."""
    await room.spend(26 * USD)
    assert 1 == len(await room.says())
    room.owners.use(Budgets([daily(thresholds=(50, 52))]))
    assert ["budget search/daily at 52 %: $26.00 of $50.00"] == await room.says()
    room.owners.use(Budgets([daily(100 * USD)]))
    assert [] == await room.says()
    await room.spend(25 * USD)
    assert ["budget search/daily at 50 %: $51.00 of $100.00"] == await room.says()
    await room.server.raise_limit("search/daily", 50 * USD, ANN)
    assert [] == await room.says()
    await room.spend(25 * USD)
    assert ["budget search/daily at 50 %: $76.00 of $150.00"] == await room.says()
    room.owners.use(Budgets())

    await room.spend(100 * USD)
    assert [] == await room.says()


async def test_a_budget_that_has_no_room_is_all_spent(room: Room) -> None:
    """Nobody waits for the last cent: it is told when somebody is refused and hardly anything is left."""
    one = holder(room.folder)
    await until(lambda: one._authority.connected)
    one.settle(await spent_by(one, 49 * USD), [49 * USD])
    terms = Terms(Place("search/daily", TODAY_S), TODAY_S, TODAY_S + DAY_S, 50 * USD)
    assert not isinstance(await held(one, (terms, 2 * USD)), Held)

    assert "budget search/daily at 100 %: $49.00 of $50.00" in await room.says()
    assert [] == await room.says()
    one.stop()


async def test_the_gauges_show_how_budgets_stand(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is spent, what is held for requests, by whom, and until when; a reset takes off what was spent."""
    total = Budget("company/all", parse("total"), limit_requests=9)
    room.owners.use(Budgets([daily(), total]))
    one = holder(room.folder)
    await until(lambda: one._authority.connected)
    await room.spend(5 * USD)
    one.settle(await spent_by(one, 10 * USD), [3 * USD])
    await spent_by(one, 7 * USD)
    await until(lambda: room.server.standing("search/daily", TODAY_S).spent == 8 * USD)
    await room.spend(4, "company/all#requests", 0)
    await room.server.raise_limit("search/daily", 1 * USD, ANN)
    await room.watch.look()
    assert (
        Shown("search/daily", "usd", 51 * USD, 8 * USD, 7 * USD, 7 * USD, TODAY_S + DAY_S),
        Shown("company/all", "requests", 9, 4, 0, 0, None),
    ) == room.watch.shown
    gauges = BudgetGauges(room.watch, room.server)
    samples = gauges.samples()
    assert [(("search/daily",), 51 * USD)] == list(samples[catalogue.BUDGET_LIMIT])
    assert [(("search/daily",), TODAY_S + DAY_S)] == list(samples[catalogue.BUDGET_ENDS])
    assert [(("company/all",), 4)] == list(samples[catalogue.BUDGET_SPENT_REQUESTS])
    assert [((), 1)] == list(samples[catalogue.LEDGER_HOLDERS])
    assert 0 == gauges.counters()[catalogue.THRESHOLDS.name, ("search/daily", "50"), ""]
    one._authority.close()
    await until(lambda: room.server.absent)
    await room.server.reset("search/daily", TODAY_S, ANN)
    await room.watch.look()

    assert Shown("search/daily", "usd", 51 * USD, 0, 7 * USD, 0, TODAY_S + DAY_S) == room.watch.shown[0]
    one._sweeping.cancel()


async def test_it_goes_on_after_a_failure(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that nobody foresaw must not end it unseen."""
    monkeypatch.setattr(budget_watch, "LOOK_S", 0.01)
    looks: list[int] = []

    async def fails() -> None:
        looks.append(1)
        raise RuntimeError("no")

    room.watch.look = fails  # type: ignore[method-assign]
    task = asyncio.create_task(room.watch.run())
    await until(lambda: len(looks) > 1)
    task.cancel()

    assert "the budgets could not be looked at" in caplog.text
