"""The config in force can be seen by anybody who may ask: it holds no secret."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.channel import State
from tests.admin.parts import COMPANY, ENV, Port, serving


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path, COMPANY, ENV) as port:
        yield port


async def test_it_holds_with_its_defaults(port: Port) -> None:
    """As it is written, completed by what nobody wrote."""
    answer = await port.json("/api/config")

    assert ["config.toml", "teams/search.toml", "teams/web.toml"] == answer["files"]
    assert (1, str(port.folder)) == (answer["generation"], answer["folder"])
    assert 1 == answer["company"]["server"]["workers"]
    assert {"input": "1", "output": "2"} == answer["company"]["providers"]["openai"]["prices"]["mine"]
    assert ["gpt-*"] == answer["teams"]["search"]["models"]["allow"]


async def test_no_secret_is_in_it(port: Port) -> None:
    """Names of secrets are; neither they themselves, nor hashes, nor what follows a URL of prices."""
    text = await (await port.ask("/api/config")).text()
    answer = await port.json("/api/config")

    assert ["env:OPENAI_API_KEY", "file:not-there"] == answer["company"]["providers"]["openai"]["api_keys"]
    assert "env:ADMIN_TOKEN" == answer["company"]["server"]["admin_token"]
    assert "https://prices.example/data.json" == answer["company"]["prices"]["source"]
    assert [{"name": "ci"}, {"name": "idle"}] == answer["teams"]["search"]["keys"]
    assert [] == [word for word in ("canary", "s3cret", "abab", "sha256") if word in text]


async def test_what_became_of_the_last_change(port: Port) -> None:
    """A bad one is named with all that is wrong with it; what has no effect is said, too."""
    port.state = State(generation=1, reload_ok=False, problems=["config.toml: server.workers: expected a whole number"])
    answer = await port.json("/api/config")

    assert {"ok": False, "problems": ["config.toml: server.workers: expected a whole number"]} == answer["reload"]
    assert any("not-there" in warning for warning in answer["warnings"])
