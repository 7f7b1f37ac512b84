"""What is sent instead of a request that does not fit; tests/proxy/test_budgets.py sends it, too."""

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.admission import Admission
from gateway.exchange.directory import Directory
from gateway.exchange.gate import Gate
from gateway.exchange.introduction import introduce
from gateway.exchange.lanes import Lane
from gateway.exchange.plan import Names, Planner
from gateway.exchange.refit import Refit, refit
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way
from gateway.metrics.board import Board
from gateway.policies.access import Principal
from gateway.policies.budget import Budget, Budgets
from gateway.policies.routing import Choice, Routing, Target, Weighted
from gateway.policies.scope import Caller
from gateway.policies.windows import Window
from tests.exchange.parts import ANTHROPIC, KEY, KEYLESS, OPENAI, head, idle_pool, snapshot
from tests.http.uv import on_uvloop
from tests.ledger.parts import serving

NOW_NS = 1_800_000_000 * 10**9
BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"max_tokens":100000}'
ROUTES = {"fast": "gpt-4o-mini", "odd": "nobody-knows"}
STRICT = Budget("search/hard", Window("total", UTC), limit_nano_usd=10**7, mode="strict")


async def otherwise(folder: Path, budget: Budget, left: int, *, unknown_model: str = "default_price") -> Refit | None:
    """Refuse a request for this budget, with so much left, and see what is sent instead."""
    async with serving(folder) as (_, (holder,)):
        routes = {name: [Weighted(Target(OPENAI, model), 1)] for name, model in ROUTES.items()}
        config = replace(
            snapshot(Principal("search", "ci"), unknown_model=unknown_model),
            budgets=Budgets([budget]),
            routing=Routing([OPENAI, ANTHROPIC, KEYLESS], routes),
        )
        gate = Gate(holder)
        gate.use(config)
        slot = Board(folder / "board").claim(0)
        lanes = {each.name: Lane(each, idle_pool(each)) for each in (OPENAI, ANTHROPIC, KEYLESS)}
        plan = Planner(config, Names(), "w").plan(Caller("search", "ci"), ("gpt-4o",), "openai", True, NOW_NS)
        admission = Admission(holder, plan, [0, 10**9, 1, 0], len(BODY), NOW_NS)
        admission.exceeded, admission.left = budget, left
        asked = head(b"POST", b"/v1/chat/completions", content_type=b"application/json", authorization=b"Bearer " + KEY)
        intro = introduce(asked, config, Directory(config.routing))
        way = Way(Choice(None, (Target(OPENAI, None),)), lanes["openai"], b"", config.prices, slot)
        return refit(gate, admission, intro, Serving(config, lanes, slot), Refit(way, BODY), 0.0)


@on_uvloop
async def test_nothing_else_is_sent_unless_the_budget_says_so(tmp_path: Path) -> None:
    """The refusal stands."""
    assert await otherwise(tmp_path, STRICT, 10**7) is None


@on_uvloop
async def test_a_maximum_is_lowered_only_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    """With next to nothing left the request is refused after all."""
    shrinking = replace(STRICT, budget_fit="shrink_max_tokens")
    some = await otherwise(tmp_path, shrinking, 10**7)

    assert some is not None
    assert b"x-tollway-max-tokens: " in some.way.own_lines
    assert len(some.body) < len(BODY)
    assert await otherwise(tmp_path, shrinking, 10) is None


@on_uvloop
async def test_a_route_is_taken_once(tmp_path: Path) -> None:
    """Whoever is on it already is refused."""
    falling = replace(STRICT, fallback="fast")
    other = await otherwise(tmp_path, falling, 0)

    assert other is not None
    assert ("fast", "gpt-4o-mini", BODY) == (other.way.route, other.way.model, other.body)
    assert await otherwise(tmp_path, replace(STRICT, fallback="nowhere"), 0) is None


@on_uvloop
async def test_a_route_whose_price_nobody_knows_is_refused_where_config_wants_that(tmp_path: Path) -> None:
    """Also on this way."""
    with pytest.raises(Refusal, match="Nobody knows what"):
        await otherwise(tmp_path, replace(STRICT, fallback="odd"), 0, unknown_model="deny")
