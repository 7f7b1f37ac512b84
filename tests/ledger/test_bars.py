"""A model whose bound was crossed is barred once, everywhere and durably, until somebody acknowledges it."""

from pathlib import Path

import pytest

from gateway.ledger.bars import Crossing
from gateway.ledger.file import By
from gateway.ledger.interface import BARRED_MOST, NAME_MOST, bar_name
from gateway.ledger.lease import MOST
from gateway.ledger.server import Server
from tests.http.uv import on_uvloop, until
from tests.ledger.parts import holder, serving

ANN = By("ann", "prices are right now")
X = Crossing("openai/gpt-x", "0190-1", 1_000, 7_000_000_000, 5_000_000_000)
Y = Crossing("openai/gpt-y", "0190-2", 1_500, 2, 1)


def models(server: Server) -> list[str]:
    """List what is barred."""
    return [bar.model for bar in server.bars.barred()]


@on_uvloop
async def test_every_holder_hears_what_is_barred(tmp_path: Path) -> None:
    """Those that are here at every change, others when they come."""
    async with serving(tmp_path, 2) as (server, those):
        await server.bars.cross([X])
        await until(lambda: all(one.barred == {"openai/gpt-x"} for one in those))
        await server.bars.cross([Y])
        await until(lambda: all(one.barred == {"openai/gpt-x", "openai/gpt-y"} for one in those))
        late = holder(tmp_path)
        await until(lambda: late.barred == {"openai/gpt-x", "openai/gpt-y"})
        await server.bars.acknowledge("openai/gpt-x", 2_000, ANN)

        await until(lambda: all(one.barred == {"openai/gpt-y"} for one in [*those, late]))
        late.stop()


@on_uvloop
async def test_a_holder_that_comes_again_forgets_what_was_acknowledged_meanwhile(tmp_path: Path) -> None:
    """And until it hears that, it keeps what it knows."""
    one = holder(tmp_path)
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X])
        await until(lambda: one.barred)
    assert {"openai/gpt-x"} == one.barred
    async with serving(tmp_path, 0) as (server, _):
        assert ["openai/gpt-x"] == models(server)
        await server.bars.acknowledge("openai/gpt-x", 2_000, ANN)
        await until(lambda: not one.barred)
        one.stop()


@on_uvloop
async def test_each_crossing_bars_once_however_often_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also after it was acknowledged, and by another recorder; the trail and the log have one line each."""
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X, X])
        await server.bars.cross([X, X._replace(exchange="0190-3", began_ms=1_001)])
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X])
        assert ["openai/gpt-x"] == models(server)
        await server.bars.acknowledge("openai/gpt-x", 2_000, ANN)
        await server.bars.cross([X, X._replace(began_ms=2_000)])
        assert [] == models(server)
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X])
        trail = [(deed.what, deed.who, deed.series, deed.amount, deed.why) for deed in await server.trail(9)]

        assert [] == models(server)
        assert [
            ("acknowledge", "ann", "model:openai/gpt-x", 0, ANN.why),
            (
                "bar", "tollway", "model:openai/gpt-x", 2_000_000_000,
                "exchange 0190-1 cost 7 USD, at most 5 was thought possible",
            ),
        ] == trail  # fmt: skip
        assert 1 == caplog.text.count("strict budgets refuse openai/gpt-x from now on")
        assert "`tollway budget acknowledge openai/gpt-x --why" in caplog.text


@on_uvloop
async def test_what_crosses_its_bound_after_that_bars_again(tmp_path: Path) -> None:
    """It began when all was said to be well."""
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X])
        await server.bars.acknowledge(X.model, 2_000, ANN)
        await server.bars.cross([X._replace(exchange="0190-9", began_ms=2_001)])

        assert ["0190-9"] == [bar.exchange for bar in server.bars.barred()]
        assert ["bar", "acknowledge", "bar"] == [deed.what for deed in await server.trail(9)]


@on_uvloop
async def test_only_what_is_barred_can_be_acknowledged(tmp_path: Path) -> None:
    """Nothing is written of anything else."""
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X])
        deeds = [await server.bars.acknowledge(name, 2_000, ANN) for name in (Y.model, X.model, X.model)]

        assert [False, True, False] == [deed is not None for deed in deeds]
        assert ["acknowledge", "bar"] == [deed.what for deed in await server.trail(9)]


@on_uvloop
async def test_very_many_names_of_any_length_are_heard(tmp_path: Path) -> None:
    """In several messages, none of which is too long; a cost beyond everything is an alarm like any other."""
    names = {bar_name("p", f"{number}{'😀' * NAME_MOST}") for number in range(2 * BARRED_MOST + 1)}
    async with serving(tmp_path) as (server, [one]):
        await server.bars.cross([X._replace(model=name, cost_nano_usd=2 * MOST) for name in names])

        await until(lambda: one.barred == names)
        assert all(len(name) == NAME_MOST for name in names)


@on_uvloop
async def test_a_name_cannot_break_a_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Callers may invent models."""
    async with serving(tmp_path, 0) as (server, _):
        await server.bars.cross([X._replace(model="openai/a\n\x1b[0m")])

        assert "refuse openai/a??[0m from" in caplog.text
