"""The admin port asks for its token, and never shows itself to foreign pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.parts import Port, serving


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def test_health_needs_no_token_and_everything_else_does(port: Port) -> None:
    """With a token set, only health and the page that says so answer without it."""
    port.token = "s3cret"
    for path in ("/metrics", "/api/exchanges", "/api/config", "/api/exchanges/01", "/api/exchanges/live", "/api/none"):
        assert 401 == (await port.ask(path)).status
        assert 401 == (await port.ask(path, Authorization="Bearer wrong")).status
        assert 401 == (await port.ask(path, Authorization="Basic s3cret")).status
        assert 401 == (await port.ask(path, Authorization="Bearer gr\u00fc\u00df")).status
    assert 200 == (await port.ask("/metrics", Authorization="Bearer s3cret")).status
    for path in ("/", "/healthz", "/readyz"):
        assert 200 == (await port.ask(path)).status


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
    for path in ("/api/exchanges", "/api/config", "/api/exchanges/01/response"):
        assert (status == 403) == ((await port.ask(path, Host=host)).status == 403)
    if status == 403:
        assert 403 == (await port.ask("/api/exchanges/live", Host=host)).status


async def test_what_changes_something_is_json(port: Port) -> None:
    """A foreign page can make a browser post a form here, and nothing comes of it."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await port.client.post("/api/budgets/search/daily/reset", data=b"{}", headers={"Content-Type": kind})
        assert 415 == answer.status
