"""The config changes while requests run: new requests see it within a second, those under way keep theirs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Reply
from tests.gateway import (
    KEY,
    Gateway,
    provider_tables,
    standing_before,
    team_file,
    write_config,
)
from tests.provider import Gate, Provider, answer, providing, stream, until

WITHIN_S = 1.0
ROUTE = '[[routes]]\nmodel = "fast"\ntargets = [{{ provider = "openai", model = "{model}" }}]\n'
WHOLE = [b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n', b"data: [DONE]\n\n"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The first provider."""
    with providing() as provider:
        provider.otherwise = lambda _: answer(b"{}")
        yield provider


@pytest.fixture
def gateway(provider: Provider, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of its own for each test, of two workers."""
    with standing_before(provider, tmp_path, server="workers = 2", more=ROUTE.format(model="one")) as run:
        yield run


def ask(gateway: Gateway, key: str = KEY, model: str = "m") -> Reply:
    """Ask once, on a new connection."""
    return gateway.post("/v1/chat/completions", {"model": model}, key=key)


def always(gateway: Gateway, status: int, key: str) -> bool:
    """Tell whether every worker answers like that: connections go to either."""
    return all(ask(gateway, key).status == status for _ in range(12))


def test_key_comes_and_goes_within_a_second(gateway: Gateway) -> None:
    """A file is written; nothing is restarted, and open connections go by the new config, too."""
    team = gateway.folder / "teams" / "search.toml"
    with gateway.client() as client:
        headers = [("Authorization", "Bearer tw-new"), ("Content-Type", "application/json")]
        assert 401 == client.ask("POST", "/v1/responses", headers, b"{}").status

        for keys, status in (([KEY, "tw-new"], 200), ([KEY], 401)):
            began = time.monotonic()
            team.write_text(team_file(keys))
            until(lambda status=status: always(gateway, status, "tw-new"), f"the new key gets {status}")
            assert time.monotonic() - began < WITHIN_S
            assert status == client.ask("POST", "/v1/responses", headers, b"{}").status

    assert 200 == ask(gateway).status


def test_route_changes_for_new_requests_only(gateway: Gateway, provider: Provider) -> None:
    """A stream under way ends as it began, though its provider, route and key are gone from the config."""
    gate = Gate()
    provider.play(stream(WHOLE[0], gate, *WHOLE))
    with gateway.client() as client, providing() as other:
        other.otherwise = lambda _: answer(b"{}")
        headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
        client.send("POST", "/v1/chat/completions", headers, b'{"model":"fast","stream":true}')
        status, head = client.head()
        gate.reached()

        tables = provider_tables({"openai": other.url})
        teams = {"search": team_file(["tw-other"])}
        write_config(gateway.folder, tables, server="workers = 2", more=ROUTE.format(model="two"), teams=teams)
        until(lambda: always(gateway, 401, KEY) and always(gateway, 200, "tw-other"), "the new config is in force")
        reply = ask(gateway, "tw-other", "fast")
        gate.open()
        body = client.reply_body()

        assert (200, WHOLE[0] + b"".join(WHOLE)) == (status, body)
        assert b'"two"' in other.asked[-1].body
        assert "two" == reply.value("x-tollway-model")
    assert b'"one"' in provider.asked[0].body
    row = gateway.row(dict(head)["x-tollway-request-id"])
    assert ("ok", "fast", "key0", "one") == (
        *(row["outcome"], row["route"], row["key"]),
        row["attempts"][0]["model"],
    )


def test_broken_config_changes_nothing(gateway: Gateway) -> None:
    """The old one stays in force, whole; the metrics say so; the mended one is taken."""
    team = gateway.folder / "teams" / "search.toml"
    team.write_text(team_file(["tw-new"], "nonsense = 1"))
    until(lambda: "tollway_config_last_reload_successful 0" in gateway.metrics(), "the failure is told")
    assert (200, 401) == (ask(gateway).status, ask(gateway, "tw-new").status)

    team.write_text(team_file(["tw-new"]))
    until(lambda: always(gateway, 200, "tw-new"), "the mended config is in force")
    assert 401 == ask(gateway).status
    until(lambda: "tollway_config_last_reload_successful 1" in gateway.metrics(), "the success is told")


def test_request_whose_body_comes_later_keeps_its_config(gateway: Gateway, provider: Provider) -> None:
    """The config of a request is the one that its head met."""
    body = b'{"model":"fast"}'
    with gateway.client() as client:
        head = f"POST /v1/responses HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n"
        client.push(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        client.push(body[:5])
        tables = provider_tables({"openai": provider.url})
        teams = {"search": team_file(["tw-other"])}
        write_config(gateway.folder, tables, server="workers = 2", more=ROUTE.format(model="two"), teams=teams)
        until(lambda: always(gateway, 401, KEY), "the key is gone")
        client.push(body[5:])

        assert 200 == client.reply().status
        assert 401 == client.ask("POST", "/v1/responses", [("Authorization", f"Bearer {KEY}")], b"{}").status
    assert b'{"model":"one"}' in [asked.body for asked in provider.asked]
