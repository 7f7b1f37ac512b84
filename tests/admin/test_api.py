"""The admin port answers in JSON, names what is wrong, asks for its token, and never shows itself to foreign pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.api import Sources, make_app
from gateway.core.record import public
from gateway.core.usage import Usage
from gateway.metrics.render import Exposition
from gateway.metrics.totals import Tally
from gateway.policies.explained import explain, public_bill
from gateway.store.reader import StoreReader
from gateway.store.sqlite import SqliteStore
from tests.exchange.parts import snapshot
from tests.records import DAY_MS, NOON_MS, finished, record


class Port:
    """An admin port on a real socket, over a real store."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder, Tally().count)
        self.token: str | None = None
        self.reason: str | None = None
        sources = Sources(
            store=StoreReader(folder),
            exposition=Exposition(self.store.totals, dict),
            why_not_ready=lambda: self.reason,
            token=lambda: self.token,
            ledger=lambda: None,
            snapshot=snapshot,
            hosts=frozenset({"gateway.internal"}),
        )
        self.client = TestClient(TestServer(make_app(sources)))

    async def get(self, path: str, **headers: str) -> ClientResponse:
        """Ask; header names are written with underscores."""
        return await self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def json(self, path: str, status: int = 200) -> Any:
        """Ask, and check the status."""
        answer = await self.get(path)
        assert status == answer.status, await answer.text()
        return await answer.json()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    port = Port(tmp_path)
    await port.client.start_server()
    yield port
    await port.client.close()
    port.store.close()


async def test_exchanges_are_public_records_newest_first(port: Port) -> None:
    """The same shape as everywhere else, in pages."""
    records = [record(NOON_MS + number * DAY_MS) for number in range(3)]
    port.store.commit([finished(one) for one in records], {})
    first = await port.json("/api/exchanges?limit=2")
    second = await port.json(f"/api/exchanges?limit=2&cursor={first['cursor']}")

    assert [public(records[2]), public(records[1])] == first["exchanges"]
    assert ([public(records[0])], None, True) == (second["exchanges"], second["cursor"], second["complete"])


async def test_numbers_that_only_json_can_hold_hide_no_page(port: Port) -> None:
    """What a provider says of its usage is shown as it said it, whatever else is on the page."""
    raw = b'{"prompt_tokens":1,"x":123456789012345678901234567890}'
    one = record(usage=Usage(input_total=1, raw=msgspec.Raw(raw)))
    port.store.commit([finished(one), finished(record())], {})

    assert 2 == len((await port.json("/api/exchanges"))["exchanges"])
    assert raw in await (await port.get(f"/api/exchanges/{one.id}")).read()


async def test_one_exchange_with_its_bodies(port: Port) -> None:
    """By id or a beginning of it; what does not exist or is not unique is said so."""
    one = record()
    port.store.commit([finished(one, b"ask", b"\xff"), finished(record())], {})

    shown = await port.json(f"/api/exchanges/{one.id}")
    bill = public_bill(explain(one))
    assert {
        **public(one),
        "bill": bill,
        "request_body": "ask",
        "response_body": {"base64": "/w=="},
        "bodies_removed": False,
    } == shown
    assert "no exchange" in (await port.json("/api/exchanges/ffff", 404))["error"]["message"]
    assert "id" == (await port.json("/api/exchanges/0", 409))["error"]["param"]
    assert "id" == (await port.json("/api/exchanges/newest", 400))["error"]["param"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("since=tomorrow", "since"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
        ("team=a&team=b", "team"),
        ("status=7xx", "status"),
        ("cursor=abc", "id"),
    ],
)
async def test_bad_parameters_are_named(port: Port, query: str, param: str) -> None:
    """A mistake is answered with the parameter's name, not with an empty list."""
    assert param == (await port.json(f"/api/exchanges?{query}", 400))["error"]["param"]


async def test_spend(port: Port) -> None:
    """Exact sums; bad parameters are named here too."""
    port.store.commit([finished(record(cost_nano_usd=1)), finished(record(cost_nano_usd=2))], {})
    answer = await port.json("/api/spend?by=key&since=2026-11-01")

    assert [("search/ci", 2, 3, "0.000000003")] == [
        (row["key"], row["requests"], row["cost_nano_usd"], row["cost_usd"]) for row in answer["spend"]
    ]
    for query, param in (("by=colour", "by"), ("since=x", "since"), ("until=x", "until"), ("who=me", "who")):
        assert param == (await port.json(f"/api/spend?{query}", 400))["error"]["param"]


async def test_metrics_in_the_format_asked_for(port: Port) -> None:
    """Prometheus gets OpenMetrics if it asks, text otherwise, compressed if it likes."""
    port.store.commit([finished(record())], {})
    text = await port.get("/metrics")
    openmetrics = await port.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert "tollway_requests_total{" in await text.text()
    assert text.headers["Content-Type"].startswith("text/plain")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert (await openmetrics.text()).endswith("# EOF\n")
    assert "gzip" == (await port.get("/metrics", Accept_Encoding="gzip")).headers["Content-Encoding"]


async def test_health_needs_no_token_and_everything_else_does(port: Port) -> None:
    """With a token set, only health answers without it."""
    port.token = "s3cret"
    for path in ("/metrics", "/api/exchanges", "/api/spend", "/api/exchanges/01"):
        assert 401 == (await port.get(path)).status
        assert 401 == (await port.get(path, Authorization="Bearer wrong")).status
        assert 401 == (await port.get(path, Authorization="Basic s3cret")).status
        assert 401 == (await port.get(path, Authorization="Bearer gr\u00fc\u00df")).status
    assert 200 == (await port.get("/metrics", Authorization="Bearer s3cret")).status
    assert 200 == (await port.get("/healthz")).status
    assert 200 == (await port.get("/readyz")).status


async def test_ready_says_why_not(port: Port) -> None:
    """Not ready is 503 with the reason; healthy it is all the same."""
    port.reason = "no worker"
    answer = await port.get("/readyz")

    assert (503, {"status": "not ready", "reason": "no worker"}) == (answer.status, await answer.json())
    assert 200 == (await port.get("/healthz")).status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8081", 200),
        ("127.0.0.1", 200),
        ("[::1]:8081", 200),
        ("gateway.internal:8081", 200),
        ("evil.example:8081", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
async def test_foreign_names_are_refused_without_a_token(port: Port, host: str, status: int) -> None:
    """A web page that points its own name at this port (DNS rebinding) reads nothing."""
    assert status == (await port.get("/api/exchanges", Host=host)).status


async def test_unknown_paths_and_methods_are_json_too(port: Port) -> None:
    """Programs always get an error object."""
    assert "/metrics, /api/exchanges, /api/spend" in (await port.json("/", 404))["error"]["message"]
    assert 405 == (await port.client.post("/api/spend")).status


async def test_newer_store_is_said_not_crashed(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of a later release is a 503 with the command to run."""
    port.store.commit([finished(record())], {})
    monkeypatch.setattr("gateway.store.schema.VERSION", 0)

    assert "pip install" in (await port.json("/api/exchanges", 503))["error"]["message"]
