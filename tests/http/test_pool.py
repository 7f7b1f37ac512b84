"""Connections to one origin: warm ones first, bounded waits, verified TLS."""

import asyncio
import ssl

import pytest

from gateway.core.errors import UpstreamFailure
from gateway.http.pool import Origin, Pool, Pools, client_context
from gateway.http.reactor import Reactor
from tests.http.test_client import LENGTH, origin
from tests.http.uv import on_uvloop, until


@on_uvloop
async def test_the_last_freed_connection_is_taken_first() -> None:
    """So the others grow old and close after their time."""
    async with origin([LENGTH], [LENGTH]) as origins:
        first, second = await origins.pool.connect(), await origins.pool.connect()
        origins.pool.free(first)
        origins.pool.free(second)

        assert second is origins.pool.take()
        origins.pool.free(second)
        origins.pool.spare_timeout_s = 0.05
        await until(lambda: not first.usable and not second.usable)
        assert origins.pool.take() is None


@on_uvloop
async def test_refused_connection_is_a_failure_that_names_the_reason() -> None:
    """Nothing listens there."""
    pool = Pool(Origin("127.0.0.1", 1, False), Reactor(asyncio.get_running_loop()), None)

    with pytest.raises(UpstreamFailure) as caught:
        await pool.connect()

    assert "connect" == caught.value.kind
    assert not caught.value.retryable


@on_uvloop
async def test_unverified_certificate_is_a_failure() -> None:
    """A server that cannot show a certificate we trust is not spoken to."""
    async with origin([LENGTH]) as origins:
        plain = origins.pool.origin
        pool = Pool(Origin(plain.host, plain.port, True), origins.pool.reactor, client_context(None))

        with pytest.raises(UpstreamFailure):
            await pool.connect()


def test_providers_are_verified() -> None:
    """Certificate and host name, TLS 1.2 at least."""
    context = client_context(None)

    assert ssl.CERT_REQUIRED == context.verify_mode
    assert context.check_hostname
    assert ssl.TLSVersion.TLSv1_2 <= context.minimum_version


@on_uvloop
async def test_pools_outlive_reloads_that_keep_the_origin() -> None:
    """Warm connections survive a reload; those to an origin that is gone close."""
    async with origin([LENGTH]) as origins:
        pools = Pools(origins.pool.reactor)
        kept, gone = origins.pool.origin, origins.pool.origin._replace(leniency=True)
        pools.keep([kept, gone], idle_timeout_s=1, connect_timeout_s=1)
        pool, old = pools[kept], pools[gone]
        connection = await old.connect()
        pools.keep([kept], idle_timeout_s=2, connect_timeout_s=3)
        old.free(connection)

        assert pool is pools[kept]
        assert 2 == pool.idle_timeout_s
        await until(lambda: not connection.usable)
        pools.close()


@on_uvloop
async def test_new_connection_is_not_taken_for_an_old_one() -> None:
    """The watch may look between the connection's opening and its first request."""
    async with origin([LENGTH]) as origins:
        connection = await origins.pool.connect()
        connection.check(asyncio.get_running_loop().time())

        assert connection.usable
