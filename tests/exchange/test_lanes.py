"""The head of a request to a provider."""

import asyncio

from gateway.exchange.lanes import Lane, open_lanes, origin_of
from gateway.http.pool import Pool, Pools
from gateway.http.reactor import Reactor
from tests.exchange.parts import ANTHROPIC, KEY, KEYLESS, OPENAI, head, idle_pool, introduced, snapshot
from tests.http.uv import on_uvloop


def lane(provider=OPENAI) -> Lane:  # type: ignore[no-untyped-def]
    """A lane that is never connected."""
    return Lane(provider, idle_pool(provider))


def lines(one: Lane, length: int | None, method: bytes = b"POST") -> list[bytes]:
    """The lines of a chat request's head."""
    intro = introduced(head(method, b"/v1/chat/completions?a=%20", Authorization=b"Bearer " + KEY, X=b"y"))
    return one.head(intro.passed, method, "/chat/completions", length).split(b"\r\n")


def test_head_names_the_provider_and_carries_its_key() -> None:
    """Path behind the base URL, query as it came, host, credential, the client's headers, length."""
    assert [
        b"POST /v1/chat/completions?a=%20 HTTP/1.1",
        b"host: api.openai.com",
        b"Authorization: Bearer sk-2",
        b"accept-encoding: identity",
        b"X: y",
        b"content-length: 7",
        b"",
        b"",
    ] == lines(lane(), 7)


def test_keys_take_turns() -> None:
    """Every request takes the next one."""
    one = lane()

    used = [lines(one, 0)[2].rpartition(b" ")[2] for _ in range(3)]

    assert [b"sk-2", b"sk-1", b"sk-2"] == used


def test_framing_fits_the_body() -> None:
    """Chunked where no length is known; a GET without body has neither."""
    assert b"transfer-encoding: chunked" in lines(lane(), None)
    assert b"content-length: 0" in lines(lane(), 0)
    assert not [line for line in lines(lane(), 0, b"GET") if line.startswith((b"content-length", b"transfer"))]


def test_local_provider_needs_no_key() -> None:
    """An IPv6 host stands in brackets, an odd port behind it."""
    assert [b"host: [::1]:8000", b"accept-encoding: identity"] == lines(lane(KEYLESS), 1)[1:3]


@on_uvloop
async def test_every_provider_of_a_snapshot_has_its_lane() -> None:
    """With TLS settings where it needs them."""
    pools = Pools(Reactor(asyncio.get_running_loop()))

    lanes = await open_lanes(pools, [OPENAI, ANTHROPIC, KEYLESS], snapshot().server)

    assert {"openai", "anthropic", "keyless"} == set(lanes)
    assert isinstance(lanes["openai"].pool, Pool)
    assert lanes["openai"].pool is pools[origin_of(OPENAI)]
