"""Whatever goes wrong is told in one shape, with what to do about it."""

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


async def test_a_path_that_is_none_leads_to_those_that_are(port: Port) -> None:
    """With the nearest one, and where all of them stand."""
    said = (await port.json("/api/exchange", 404))["error"]["message"]

    assert "nothing is served at /api/exchange; /api/openapi.json says what is. Did you mean '/api/exchanges'?" == said


async def test_a_method_that_is_none_of_a_path_says_which_are(port: Port) -> None:
    """As HTTP wants it, and in words; also where it would change something."""
    answer = await port.client.delete("/api/spend", json={})

    assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])
    assert "DELETE is not for /api/spend: it takes GET, HEAD" == (await answer.json())["error"]["message"]
    assert "POST" == (await port.client.get("/api/budgets/a/b/raise")).headers["Allow"]


async def test_newer_store_is_said_not_crashed(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of a later release is a 503 with the command to run."""
    port.store.commit([finished(record())], {})
    monkeypatch.setattr("gateway.store.schema.VERSION", 0)

    assert "pip install" in (await port.json("/api/exchanges", 503))["error"]["message"]


async def test_a_damaged_store_is_said(port: Port) -> None:
    """It is no mistake of who asks."""
    port.store.commit([finished(record())], {})
    [path] = (port.folder / "store").glob("*.db")
    port.store.close()
    path.write_bytes(b"no database" * 1000)

    assert "`tollway audit` names the file" in (await port.json("/api/exchanges", 503))["error"]["message"]


async def test_a_mistake_of_ours_is_an_object_too(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    """It tells nobody what it was but the log."""
    object.__setattr__(port.sources, "processes", lambda: 1 // 0)

    assert {"message": "this is a mistake of ours: the recorder's log says which"} == (
        await port.json("/api/config", 500)
    )["error"]
    assert "ZeroDivisionError" in caplog.text
