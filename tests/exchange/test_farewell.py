"""How a refused request ends: when the answer leaves, and what is written down."""

from collections.abc import Iterator

import pytest

from tests.gateway import KEY, Gateway, standing_before
from tests.provider import providing

HEADERS = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
# Asked under a path that nobody serves: refused with its head.
NOWHERE = "/nowhere"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway."""
    with providing() as provider, standing_before(provider, tmp_path_factory.mktemp("gateway")) as run:
        yield run


def test_a_small_body_is_taken_first_and_the_connection_stays(gateway: Gateway) -> None:
    """A reset in the middle of its request would hide the reason from a client."""
    with gateway.client() as client:
        client.send("POST", NOWHERE, [*HEADERS, ("Content-Length", "10")])
        client.push(b"x" * 9)
        client.push(b"x")
        first = client.reply()
        second = client.ask("POST", NOWHERE, HEADERS, b"{}")

        assert [404, 404] == [first.status, second.status]
        assert first.whole


def test_a_large_body_is_not_waited_for(gateway: Gateway) -> None:
    """The answer is there before a byte of it."""
    with gateway.client() as client:
        client.send("POST", NOWHERE, [*HEADERS, ("Content-Length", "1000000")])
        reply = client.reply()

        assert 404 == reply.status
        assert "close" == reply.value("connection")


def test_who_is_known_is_written_down_and_others_are_counted(gateway: Gateway) -> None:
    """Nobody fills the log with keys that he invents."""
    known = gateway.ask("POST", NOWHERE, HEADERS, b"{}")
    stranger = gateway.ask("POST", NOWHERE, [("Authorization", "Bearer nobody")], b"{}")
    row = gateway.row(known.id)

    assert (404, "client_error", "not_found") == (row["status"], row["outcome"], row["error"].partition(":")[0])
    assert 401 == stranger.status
    assert gateway.api(f"/api/exchanges/{stranger.id}") is None
