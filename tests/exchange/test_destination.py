"""The policies between a known caller and a provider."""

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.destination import check_price, choose, find_way
from gateway.exchange.lanes import Lane
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way
from gateway.metrics.board import CELLS, Slot
from gateway.policies.access import Principal
from gateway.policies.snapshot import Snapshot
from tests.exchange.parts import KEY, OPENAI, head, idle_pool, introduced, snapshot

AUTH = b"Bearer " + KEY


def refused(target: bytes, model: str | None, principal: Principal | None = None, method: bytes = b"POST") -> str:
    """The kind of refusal that such a request meets."""
    with pytest.raises(Refusal) as caught:
        choose(introduced(head(method, target, Authorization=AUTH), principal), snapshot().routing, model, 0.0)
    return caught.value.kind


def serving(config: Snapshot) -> Serving:
    """That config with a lane that is never connected, counting nowhere."""
    lane = Lane(OPENAI, idle_pool(OPENAI))
    return Serving(config, {"openai": lane}, Slot(memoryview(bytearray(CELLS * 8)).cast("q")))


def way(config: Snapshot, model: str | None = None) -> Way:
    """The way of a chat request in that config."""
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))
    return find_way(intro, serving(config), model, 0.0)


def test_a_way_is_found_once() -> None:
    """For a model that no route names; a route draws anew each time."""
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))
    here = serving(snapshot())
    plain, routed = (find_way(intro, here, model, 0.0) for model in ("gpt-4o", "fast"))

    assert {"gpt-4o": plain} == intro.ways
    assert ("fast", "gpt-4o-mini", here.lanes["openai"]) == (routed.route, routed.model, routed.lane)
    assert b"x-tollway-model: gpt-4o-mini\r\n" in routed.own_lines


def test_callers_cannot_fill_the_memory() -> None:
    """They can invent model names without end."""
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))
    for number in range(1000):
        find_way(intro, serving(snapshot()), f"gpt-{number}", 0.0)

    assert 100 == len(intro.ways)


def test_route_renames_the_model() -> None:
    """What agents call `fast` is another model somewhere."""
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))

    choice = choose(intro, snapshot().routing, "fast", 0.5)

    assert ("fast", "openai", "gpt-4o-mini") == (
        choice.route,
        choice.candidates[0].provider.name,
        choice.candidates[0].model,
    )


def test_key_is_held_to_its_models() -> None:
    """Another model is refused; so is a request that names none, on any endpoint."""
    limited = Principal("search", "ci", allow_models=("gpt-4*",))

    assert "model_not_allowed" == refused(b"/v1/chat/completions", "gpt-5", limited)
    assert "model_not_allowed" == refused(b"/v1/brand/new", None, limited)


def test_provider_without_its_secret_is_no_provider() -> None:
    """The message names what is not set."""
    assert "no_provider" == refused(b"/keyless/chat/completions", "any")


def test_administration_needs_an_operator() -> None:
    """Closed, unless allow_paths opens it."""
    assert "path_not_allowed" == refused(b"/v1/organization/users", None, method=b"GET")
    intro = introduced(head(b"GET", b"/v1/organization/costs", Authorization=AUTH))
    assert choose(intro, snapshot().routing, None, 0.0).candidates


def test_unknown_price_is_refused_where_config_wants_it() -> None:
    """Nobody knows what it costs: deny says no, the default policy goes on."""
    easy, strict = (way(snapshot(unknown_model=policy)) for policy in ("default_price", "deny"))

    check_price(easy, "model-of-nobody", 0.0)
    with pytest.raises(Refusal) as caught:
        check_price(strict, "model-of-nobody", 0.0)
    assert "price_unknown" == caught.value.kind
