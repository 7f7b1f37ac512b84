"""The policies between a known caller and a provider."""

from dataclasses import replace

import pytest

from gateway.core.errors import Refusal
from gateway.exchange.destination import check_price, choose, fallback_way, find_way
from gateway.exchange.lanes import Lane
from gateway.exchange.serving import Serving
from gateway.exchange.way import Way
from gateway.metrics.board import CELLS, Slot
from gateway.policies.access import Principal
from gateway.policies.routing import Routing, Target, Weighted
from gateway.policies.snapshot import Snapshot
from tests.exchange.parts import ANTHROPIC, KEY, KEYLESS, OPENAI, head, idle_pool, introduced, snapshot

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


def routed(*targets: Target, name: str = "cheap") -> Serving:
    """A config in which one route leads to some targets, each with the same share."""
    routing = Routing([OPENAI, ANTHROPIC, KEYLESS], {name: [Weighted(target, 1) for target in targets]})
    config = replace(snapshot(), routing=routing)
    lanes = {provider.name: Lane(provider, idle_pool(provider)) for provider in (OPENAI, ANTHROPIC, KEYLESS)}
    return Serving(config, lanes, Slot(memoryview(bytearray(CELLS * 8)).cast("q")))


CHEAP = Target(OPENAI, "gpt-4o-mini")


def fallen(target: bytes, here: Serving, *, principal: Principal | None = None, **headers: bytes) -> Way | None:
    """The way of a request that a budget sends to the route `cheap`."""
    headers = {"Authorization": AUTH} | headers
    return fallback_way(introduced(head(b"POST", target, **headers), principal), here, "cheap", 0.0)


def test_a_budget_sends_a_request_to_a_route() -> None:
    """With the route's model in place of its own, and a header that says why."""
    here = routed(CHEAP)
    way = fallen(b"/v1/chat/completions", here)

    assert way is not None
    assert ("cheap", OPENAI, "gpt-4o-mini", here.lanes["openai"]) == (way.route, way.provider, way.model, way.lane)
    assert [
        b"x-tollway-route: cheap",
        b"x-tollway-provider: openai",
        b"x-tollway-model: gpt-4o-mini",
        b"x-tollway-fallback: budget",
        b"",
    ] == way.own_lines.split(b"\r\n")


def test_a_route_that_leaves_the_model_is_asked_for_by_its_own_name() -> None:
    """Not for the model that the budget cannot pay."""
    way = fallen(b"/v1/chat/completions", routed(Target(OPENAI, None)))

    assert way is not None
    assert "cheap" == way.model
    assert b"x-tollway-model: cheap\r\n" in way.own_lines


def at_google() -> Serving:
    """The same with a route of Google's dialect."""
    google = replace(ANTHROPIC, name="anthropic", dialect="gemini")
    here = routed(CHEAP)
    routing = Routing([OPENAI, google], {"cheap": [Weighted(Target(google, "gemini-3-flash"), 1)]})
    here.snapshot = replace(here.snapshot, routing=routing)
    return here


@pytest.mark.parametrize("action", [b"generateContent", b"somethingNew"])
def test_a_model_in_the_path_is_replaced_too(action: bytes) -> None:
    """Google's clients put it there; the body need not be read for it."""
    way = fallen(b"/v1beta/models/gemini-4-argon:" + action, at_google())

    assert way is not None
    assert "gemini-3-flash" == way.model


def test_shares_of_a_route_are_drawn() -> None:
    """As they are for who asks for it."""
    here = routed(CHEAP, Target(OPENAI, "gpt-5-nano"))
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))

    ways = [fallback_way(intro, here, "cheap", draw) for draw in (0.0, 0.9)]

    assert ["gpt-4o-mini", "gpt-5-nano"] == [way.model for way in ways if way is not None]
    assert {} == intro.ways


def test_the_key_need_not_be_allowed_to_ask_for_it_but_the_company_must_allow_it() -> None:
    """The budget names the route, not the caller; and a team's budget opens nothing that the company closed."""
    team = Principal("search", "ci", allow_models=("gpt-5",))
    company = Principal("search", "ci", company_models=("gpt-5",))
    both = Principal("search", "ci", allow_models=("gpt-5",), company_models=("gpt-5", "che*"))

    ways = [fallen(b"/v1/chat/completions", routed(CHEAP), principal=each) for each in (team, company, both)]

    assert [True, False, True] == [way is not None for way in ways]


@pytest.mark.parametrize(
    ("target", "here"),
    [
        (b"/v1/messages", routed(CHEAP)),  # another dialect
        (b"/v1/chat/completions", routed(Target(ANTHROPIC, "claude-haiku-5-5"))),
        (b"/v1/chat/completions", routed(Target(KEYLESS, "any"))),  # nothing to call it with
        (b"/v1/chat/completions", routed(CHEAP, name="another")),  # no such route any more
        (b"/openai/chat/completions", routed(CHEAP)),  # the path has chosen
        (b"/v1/organization/users", routed(CHEAP)),
        (b"/v1/batches", routed(CHEAP)),  # its models are in a file
        (b"/v1beta/models/gemini-4-argon:batchGenerateContent", at_google()),  # what it costs is not known before
        (b"/v1/audio/transcriptions", routed(CHEAP)),  # its model is in a form
        (b"/v1/v1/chat/completions", routed(CHEAP)),  # leads nowhere
    ],
)
def test_what_cannot_go_there_goes_nowhere(target: bytes, here: Serving) -> None:
    """It is refused for its budget, as without a fallback."""
    assert fallen(target, here) is None


def test_a_name_that_is_no_route_is_no_fallback() -> None:
    """Although a provider would take it."""
    intro = introduced(head(b"POST", b"/v1/chat/completions", Authorization=AUTH))

    assert fallback_way(intro, routed(CHEAP), "gpt-4o-mini", 0.0) is None


def test_administration_has_no_fallback() -> None:
    """Although a body is read for its model where the key is held to some."""
    principal = Principal("search", "ci", allow_models=("gpt-5",))
    headers = {"Content_Type": b"application/json"}

    assert fallen(b"/v1/organization/users", routed(CHEAP), principal=principal, **headers) is None


def test_a_form_stays_where_it_is() -> None:
    """Its model cannot be changed, whatever its path is."""
    assert fallen(b"/v1/chat/completions", routed(CHEAP), Content_Type=b"multipart/form-data; boundary=x") is None


def test_who_brings_a_credential_of_his_own_is_sent_nowhere_else() -> None:
    """It is one provider's, and it is not our money."""
    principal = Principal("search", "ci", forward_credentials=True)
    headers = {"x_tollway_key": KEY, "Authorization": b"Bearer sk-own"}

    assert fallen(b"/v1/chat/completions", routed(CHEAP), principal=principal, **headers) is None


def test_unknown_price_is_refused_where_config_wants_it() -> None:
    """Nobody knows what it costs: deny says no, the default policy goes on."""
    easy, strict = (way(snapshot(unknown_model=policy)) for policy in ("default_price", "deny"))

    check_price(easy, "model-of-nobody", 0.0)
    with pytest.raises(Refusal) as caught:
        check_price(strict, "model-of-nobody", 0.0)
    assert "price_unknown" == caught.value.kind
