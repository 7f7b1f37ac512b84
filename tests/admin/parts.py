"""An admin port with a real ledger behind it: budgets of a config, holders on its socket, a clock moved by hand."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.api import make_app
from gateway.admin.sources import Sources
from gateway.app.channel import State
from gateway.config import compile
from gateway.config.load import Config, parse
from gateway.core.score import Evaluation
from gateway.evaluation.follow import Follow
from gateway.evaluation.queue_reader import QueueReader
from gateway.ledger.account import Terms
from gateway.ledger.holder import Holder
from gateway.ledger.holds import Held
from gateway.ledger.lease import Place
from gateway.ledger.server import Server
from gateway.metrics.render import Exposition, Samples
from gateway.metrics.totals import Tally
from gateway.policies.budget import Budget, series
from gateway.policies.snapshot import Snapshot
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.http.uv import until
from tests.ledger.parts import held, holder, is_connected

NANO = 10**9
NOON_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TEAMS = {
    "config.toml": '[[budgets]]\nname = "all"\nlimit_usd = "1000"\nwindow = "month"\n',
    "teams/search.toml": """
[[budgets]]
name = "daily"
limit_usd = "50"
window = "day"
[[budgets]]
name = "loop"
limit_usd = "2"
limit_requests = 300
window = "rolling:1h"
per = ["user", "session"]
[[budgets]]
name = "ever"
limit_requests = 10
window = "total"
mode = "strict"
""",
}
ENV = {"OPENAI_API_KEY": "sk-canary", "ADMIN_TOKEN": "t-canary"}
COMPANY = {
    "config.toml": """
[server]
admin_token = "env:ADMIN_TOKEN"
[providers.openai]
api_keys = ["env:OPENAI_API_KEY", "file:not-there"]
models = ["gpt-*", "o3"]
prices = { "mine" = { input = "1", output = "2" } }
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["smol"]
free = true
[prices]
source = "https://prices.example/data.json?token=s3cret"
[[routes]]
model = "fast"
targets = [{ provider = "openai", model = "gpt-4o-mini", weight = 9 }, { provider = "local", model = "smol" }]
""",
    "teams/search.toml": f"""
[[keys]]
name = "ci"
sha256 = "{"ab" * 32}"
[[keys]]
name = "idle"
sha256 = "{"cd" * 32}"
[[budgets]]
window = "day"
limit_usd = "50"
[[limits]]
name = "fast"
concurrent = 5
[models]
allow = ["gpt-*"]
""",
    "teams/web.toml": "",
}
WHO = {"who": "ann", "why": "a launch"}


class Port:
    """The port. `now_s`: its time. `token`: what it asks for. `ledger`: who keeps the books, None: nobody.
    `told`: what it wrote down; None: it cannot."""

    def __init__(self, folder: Path, server: Server | None, texts: dict[str, str], env: Mapping[str, str] = {}) -> None:
        self.folder = folder
        self.now_s = NOON_S
        self.token: str | None = None
        self.ledger = server
        self.metrics_token: str | None = None
        tally = Tally()
        self.store = SqliteStore(folder / "store", tally.count)
        self.why_not_ready: str | None = None
        self.config: Config = parse(texts, env, folder)
        self.snapshot: Snapshot = compile.snapshot(self.config, env, 1)
        self.state = State(generation=1, reload_ok=True, workers=2, running=["worker 0"], restarts={"worker 0": 3})
        self.samples: Samples = {}
        self.told: list[Evaluation] | None = []
        self.sources = Sources(
            store=StoreReader(folder / "store"),
            exposition=Exposition(self.store.totals, lambda _: self.samples, tally, fresh_s=0),
            why_not_ready=lambda: self.why_not_ready,
            token=lambda: self.token,
            metrics_token=lambda: self.metrics_token,
            ledger=lambda: self.ledger,
            config=lambda: self.config,
            snapshot=lambda: self.snapshot,
            processes=lambda: self.state,
            samples=lambda: self.samples,
            tell=self._tell,
            follow=Follow(folder / "store"),
            queue=QueueReader(folder / "evaluation"),
            hosts=frozenset({"gateway.internal"}),
            now=lambda: self.now_s,
            started_s=NOON_S - 60,
        )
        self.client = TestClient(TestServer(make_app(self.sources)))
        self._holders: list[Holder] = []

    def _tell(self, one: Evaluation) -> bool:
        if self.told is None:
            return False
        self.told.append(one)
        return True

    @property
    def server(self) -> Server:
        """Who keeps the books."""
        assert self.ledger is not None
        return self.ledger

    async def get(self, path: str, status: int = 200) -> Any:
        """Ask about budgets, and check the status."""
        return await self.json(f"/api/budgets{path}", status)

    async def json(self, path: str, status: int = 200) -> Any:
        """Ask, and check the status."""
        answer = await self.client.get(path)
        assert status == answer.status, await answer.text()
        return await answer.json()

    async def ask(self, path: str, **headers: str) -> ClientResponse:
        """Ask; header names are written with underscores."""
        return await self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def post(self, path: str, status: int = 200, **order: Any) -> Any:
        """Order something, as ann who has a reason."""
        answer = await self.client.post(f"/api/budgets/{path}", json=WHO | order)
        assert status == answer.status, await answer.text()
        return await answer.json()

    async def balances(self, budget: str) -> list[Any]:
        """Return the balances of a budget."""
        return list((await self.get(f"/{budget}"))["balances"])

    async def holder(self) -> Holder:
        """Start a worker's side."""
        one = holder(self.folder)
        self._holders.append(one)
        await until(lambda: is_connected(one))
        return one

    def terms(self, budget: str, values: Sequence[str] = (), unit: str = "usd") -> Terms:
        """Make the terms of a balance as a worker does now."""
        [found] = [one for one in self.snapshot.budgets.all if one.id == budget]
        span = found.window.span(self.now_s)
        place = Place(series(found, unit, values), span.start_s)
        return Terms(place, found.window.reach(self.now_s), over_s(found, self.now_s), dict(found.limits)[unit])

    async def spend(self, one: Holder, terms: Terms, amount: int) -> None:
        """Let a worker spend, and wait until it has told so."""
        before = self.server.standing(terms.place.series, terms.reach_s).spent
        found = await held(one, (terms, amount))
        assert isinstance(found, Held)
        one.settle(found, [amount])
        await until(lambda: self.server.standing(terms.place.series, terms.reach_s).spent == before + amount)

    async def stop(self) -> None:
        """End everything."""
        for one in self._holders:
            one.stop()
        await self.client.close()
        self.store.close()
        if self.ledger is not None:
            await self.ledger.stop()


def over_s(budget: Budget, at_s: float) -> int:
    """Say when a balance of now counts no more."""
    span = budget.window.span(at_s)
    return span.end_s + budget.window.length_s


@contextlib.asynccontextmanager
async def serving(folder: Path, texts: dict[str, str] = TEAMS, env: Mapping[str, str] = {}) -> AsyncIterator[Port]:
    """Serve an admin port with a store and a ledger."""
    clock: list[Port] = []
    server = await Server.open(folder, now=lambda: clock[0].now_s if clock else NOON_S)
    port = Port(folder, server, texts, env)
    clock.append(port)
    await port.client.start_server()
    try:
        yield port
    finally:
        await port.stop()
