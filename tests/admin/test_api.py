"""The admin port answers in JSON, names what is wrong, asks for its token, and never shows itself to foreign pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.core.record import public
from gateway.core.usage import Usage
from tests.admin.parts import Port, serving
from tests.records import DAY_MS, NOON_MS, finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


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
    assert raw in await (await port.ask(f"/api/exchanges/{one.id}")).read()


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
    text = await port.ask("/metrics")
    openmetrics = await port.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert "tollway_requests_total{" in await text.text()
    assert text.headers["Content-Type"].startswith("text/plain")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert (await openmetrics.text()).endswith("# EOF\n")
    assert "gzip" == (await port.ask("/metrics", Accept_Encoding="gzip")).headers["Content-Encoding"]


async def test_ready_says_why_not(port: Port) -> None:
    """Not ready is 503 with the reason; healthy it is all the same."""
    port.why_not_ready = "no worker"
    answer = await port.ask("/readyz")

    assert (503, {"status": "not ready", "reason": "no worker"}) == (answer.status, await answer.json())
    assert 200 == (await port.ask("/healthz")).status
