"""The policies between a known caller and a provider."""

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.destination import check_price, choose
from gateway.policies.access import Principal
from gateway.policies.routing import Target
from tests.exchange.parts import KEY, OPENAI, head, introduced, snapshot

AUTH = b"Bearer " + KEY


def refused(target: bytes, model: str | None, principal: Principal | None = None, method: bytes = b"POST") -> str:
    """The kind of refusal that such a request meets."""
    with pytest.raises(Refusal) as caught:
        choose(introduced(head(method, target, Authorization=AUTH), principal), snapshot().routing, model, 0.0)
    return caught.value.kind


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
    target = Target(OPENAI, None)

    check_price(snapshot().prices, target, "model-of-nobody", 0.0)
    with pytest.raises(Refusal) as caught:
        check_price(snapshot(unknown_model="deny").prices, target, "model-of-nobody", 0.0)
    assert "price_unknown" == caught.value.kind
