"""Large answers are compressed, and what did not change is not sent again."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.parts import Port, serving
from tests.records import finished, record


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def test_large_answers_are_compressed_for_who_takes_it(port: Port) -> None:
    """Small ones are not; both say the same."""
    port.store.commit([finished(record()) for _ in range(9)], {})
    port.client.session._auto_decompress = False
    plain = await port.ask("/api/exchanges", Accept_Encoding="identity")
    packed = await port.ask("/api/exchanges", Accept_Encoding="br, gzip")

    assert "gzip" == packed.headers["Content-Encoding"]
    assert "Content-Encoding" not in plain.headers
    assert await plain.read() == gzip.decompress(await packed.read())
    assert "Content-Encoding" not in (await port.ask("/healthz", Accept_Encoding="gzip")).headers


async def test_what_did_not_change_is_not_sent_again(port: Port) -> None:
    """By its mark, compressed or not; a change is."""
    first = await port.ask("/api/exchanges")
    mark = first.headers["ETag"]
    again = await port.ask("/api/exchanges", If_None_Match=mark)
    port.store.commit([finished(record())], {})
    changed = await port.ask("/api/exchanges", If_None_Match=mark)

    assert (304, b"", mark) == (again.status, await again.read(), again.headers["ETag"])
    assert (200, "private, no-cache") == (changed.status, changed.headers["Cache-Control"])
    assert mark != changed.headers["ETag"]


async def test_refusals_have_no_mark(port: Port) -> None:
    """They are about now."""
    assert "ETag" not in (await port.ask("/api/none")).headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/exchanges", "/api/status", "/api/exchanges/live"])
async def test_head_is_get_without_the_body(port: Port, path: str) -> None:
    """Also of what goes on without end."""
    answer = await port.client.head(path)

    assert (200, b"") == (answer.status, await answer.read())
