"""Prices are refreshed while requests run: a good list counts within a second, a bad one never, and none is lost."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.policies.price_table import bundled
from tests.client import Reply
from tests.gateway import Gateway, provider_tables, running, write_config
from tests.prices import source
from tests.provider import Answer, Provider, answer, providing, until

WITHIN_S = 1.0
REFRESH_S = 0.1
BUNDLED_NANO_USD = 1000 * 2_500 + 100 * 10_000
BODY = json.dumps({"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}).encode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider that always says the same."""
    with providing(lambda _: answer(BODY)) as provider:
        yield provider


@pytest.fixture
def prices() -> Iterator[Provider]:
    """An HTTP server that publishes prices: nothing at first."""
    with providing(lambda _: Answer(status=404)) as server:
        yield server


def publish(server: Provider, usd: float) -> None:
    """Publish a list in which a million tokens into gpt-4o cost so much, and none out of it."""
    body = source(model="gpt-4o", input_mtok=usd)
    server.otherwise = lambda _: answer(body)


def configure(folder: Path, provider: Provider, where: str, server: str = "workers = 2") -> None:
    """Write a config that follows a source."""
    more = f'[prices]\nsource = "{where}"\nrefresh = "{REFRESH_S:g} s"\n'
    write_config(folder, provider_tables({"openai": provider.url}), server=server, more=more)


def ask(gateway: Gateway) -> Reply:
    """Ask once, on a new connection: either worker may take it."""
    return gateway.post("/v1/chat/completions", {"model": "gpt-4o"})


def booked(gateway: Gateway) -> dict[str, Any]:
    """Ask once and return what was booked."""
    return gateway.row(ask(gateway).value("x-tollway-request-id"))


def cost(gateway: Gateway) -> int:
    """Ask once and return the cost."""
    return int(booked(gateway)["cost_nano_usd"])


def everywhere(gateway: Gateway, version: str | None) -> bool:
    """Tell whether every worker prices by that version now."""
    replies = [ask(gateway) for _ in range(12)]
    rows = [gateway.row(reply.value("x-tollway-request-id")) for reply in replies]
    return {row["price_version"] for row in rows} == {version}


def last_before(gateway: Gateway, version: str | None) -> float:
    """Ask on and on until a newer kept list than `version` is in force; return when the last one before it asked."""
    asked: list[tuple[float, str]] = []
    while not (asked and in_force(gateway) != version and priced_by(gateway, asked[-1][1]) == in_force(gateway)):
        for _ in range(10):
            began = time.monotonic()
            asked.append((began, ask(gateway).value("x-tollway-request-id")))
    return max(began for began, exchange in asked if priced_by(gateway, exchange) != in_force(gateway))


def priced_by(gateway: Gateway, exchange: str) -> str:
    """Return the version of the list by which an exchange was priced."""
    return str(gateway.row(exchange)["price_version"])


def in_force(gateway: Gateway) -> str | None:
    """Return the version of the kept list; None: there is none yet."""
    file = gateway.folder / "data" / "prices.json"
    return json.loads(file.read_text())[0]["version"] if file.exists() else None


def test_new_prices_apply_within_a_second(provider: Provider, prices: Provider, tmp_path: Path) -> None:
    """Fetched, checked, and in force in all workers; the record names the list, and the old one keeps its records."""
    configure(tmp_path, provider, f"{prices.url}/data.json")
    with running(tmp_path) as gateway:
        first = booked(gateway)
        assert (BUNDLED_NANO_USD, bundled().version) == (first["cost_nano_usd"], first["price_version"])

        for usd in (7, 8):
            before = in_force(gateway)
            publish(prices, usd)
            began = time.monotonic()
            assert last_before(gateway, before) - began < WITHIN_S + REFRESH_S
            assert everywhere(gateway, in_force(gateway))
            row = booked(gateway)
            assert (1000 * usd * 1000, "genai-prices") == (row["cost_nano_usd"], row["price_source"])
            assert row["price_version"].startswith("prices.json ")
            assert {"input": usd * 10**6} == row["rates"]
        assert "tollway_prices_last_refresh_successful 1.0" in gateway.metrics()
        (obtained,) = [line for line in gateway.metrics().splitlines() if line.startswith("tollway_prices_timestamp")]
        assert abs(time.time() - float(obtained.split()[1])) < 60
        assert gateway.row(first["id"])["price_version"] == bundled().version


GOOD = source(model="gpt-4o", input_mtok=7)
BAD = {
    "cut": answer(GOOD[:-100]),
    "empty": answer(b""),
    "HTML with 200": answer(b"<!DOCTYPE html><h1>Sign in</h1>", headers=[("Content-Type", "text/html")]),
    "500": answer(GOOD, status=500),
    "half of it": answer(source(model="gpt-4o", models=lambda models: models[::3], input_mtok=9)),
}


def test_a_bad_list_changes_nothing(provider: Provider, prices: Provider, tmp_path: Path) -> None:
    """The last good one stays in force; metric and log say so; once mended the source counts again."""
    configure(tmp_path, provider, f"{prices.url}/data.json", server="workers = 1")
    publish(prices, 7)
    with running(tmp_path) as gateway:
        until(lambda: cost(gateway) == 7_000_000, "the good list is in force")
        version = in_force(gateway)
        for name, bad in BAD.items():
            asked = len(prices.asked)
            prices.otherwise = lambda _, bad=bad: bad
            until(lambda: "tollway_prices_last_refresh_successful 0.0" in gateway.metrics(), f"{name} is told")
            until(lambda asked=asked: len(prices.asked) > asked + 3, "it is tried again")
            row = booked(gateway)
            assert (7_000_000, version) == (row["cost_nano_usd"], row["price_version"]), name
            prices.otherwise = lambda _: answer(GOOD)
            until(lambda: "tollway_prices_last_refresh_successful 1.0" in gateway.metrics(), f"{name} is mended")
        assert version == in_force(gateway)
        lines = [line for line in gateway.said().splitlines() if "prices were not refreshed" in line]
        assert len(BAD) == len(lines)
        assert all(f"{version} stays in force" in line and " WARNING recorder: " in line for line in lines)


def test_a_model_without_a_price_is_told_once(provider: Provider, tmp_path: Path) -> None:
    """In the gateway's log, with the setting to paste; every exchange of it is counted."""
    provider.otherwise = lambda _: answer(BODY.replace(b"gpt-4o", b"home-made"))
    write_config(tmp_path, provider_tables({"openai": provider.url}))
    with running(tmp_path) as gateway:
        for _ in range(3):
            reply = gateway.post("/v1/chat/completions", {"model": "home-made"})
            row = gateway.row(reply.value("x-tollway-request-id"))
            assert ("default", 1000 * 5_000 + 100 * 25_000) == (row["price_source"], row["cost_nano_usd"])
        lines = [line for line in gateway.said().splitlines() if "home-made" in line]
        assert 'tollway_unpriced_requests_total{model="other",provider="openai"} 3.0' in gateway.metrics()

    assert 1 == len(lines)
    assert 'config.toml: [providers.openai] prices = { "home-made" = { input = "…", output = "…" } }' in lines[0]


def test_a_restart_finds_the_last_good_list(provider: Provider, prices: Provider, tmp_path: Path) -> None:
    """Also where the source is down, from the first request on."""
    configure(tmp_path, provider, f"{prices.url}/data.json")
    publish(prices, 7)
    with running(tmp_path) as gateway:
        until(lambda: cost(gateway) == 7_000_000, "the good list is in force")
        version = in_force(gateway)
    configure(tmp_path, provider, "http://127.0.0.1:9/data.json")
    with running(tmp_path) as gateway:
        row = booked(gateway)
        assert (7_000_000, version) == (row["cost_nano_usd"], row["price_version"])
        until(lambda: "tollway_prices_last_refresh_successful 0.0" in gateway.metrics(), "the failure is told")
        assert everywhere(gateway, version)


def test_a_file_is_a_source_and_no_source_is_the_bundled_list(
    provider: Provider, prices: Provider, tmp_path: Path
) -> None:
    """A path beside the config; taken out of the config, the bundled list is in force again, and nothing is fetched."""
    tmp_path.joinpath("mine.json").write_bytes(GOOD)
    configure(tmp_path, provider, "mine.json")
    with running(tmp_path) as gateway:
        until(lambda: cost(gateway) == 7_000_000, "the file's list is in force")
        version = in_force(gateway)
        write_config(tmp_path, provider_tables({"openai": provider.url}), server="workers = 2")
        until(lambda: everywhere(gateway, bundled().version), "the bundled list is in force")
        assert not any(line.startswith("tollway_prices_") for line in gateway.metrics().splitlines())
        assert version == in_force(gateway)
    assert [] == prices.asked
