"""Whose price counts, in which order; and a streamed answer costs what the same answer costs unstreamed."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from genai_prices import data_snapshot

from gateway.core.usage import Usage
from gateway.policies import pricing
from gateway.policies.price_table import PriceList
from gateway.policies.pricing import Cost, PriceBook
from gateway.policies.routing import Provider
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Endpoint
from gateway.wire.meter import Meter
from gateway.wire.paths import under_provider
from tests import exchanges, oracle

AT_S = 1_795_000_000
DEFAULT = (Decimal(5), Decimal(25))
OPENAI = Provider(name="openai", dialect="openai", host="api.openai.com", base_path="/v1")
LOCAL = Provider(name="local", dialect="openai", host="127.0.0.1", tls=False, port=9)
USAGE = Usage(input_total=1000, output_total=100)

# Where the providers of the recordings are.
HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "openrouter": "openrouter.ai",
    "deepseek": "api.deepseek.com",
    "zai": "api.z.ai",
    "cerebras": "api.cerebras.ai",
}


def book(unknown_model: str = "default_price", **overrides: Any) -> PriceBook:
    """Make a price book."""
    return PriceBook(overrides, DEFAULT, unknown_model)


def told(cost: Cost) -> tuple[int, str, str | None]:
    """Return the amount, who named the price, and the list's version."""
    return cost.nano_usd, cost.source, cost.version


def test_other_models_are_priced_as_themselves() -> None:
    """What an advisor used costs what its own model costs."""
    prices = book()
    advice = Usage(model="gpt-4o", input_total=1000, output_total=100)
    both = Usage(input_total=1000, output_total=100, elsewhere=(advice,))

    alone = prices.price(OPENAI, "gpt-4o-mini", None, USAGE, AT_S)
    cost = prices.price(OPENAI, "gpt-4o-mini", None, both, AT_S)

    assert alone.nano_usd + prices.price(OPENAI, "gpt-4o", None, advice, AT_S).nano_usd == cost.nano_usd
    assert (alone.source, alone.version) == (cost.source, cost.version)


def test_a_listed_model_is_priced_by_what_served_it() -> None:
    """The served model's price counts; the requested one's where the served one is unknown."""
    prices = book()

    served = prices.price(OPENAI, "gpt-4o-2024-08-06", "gpt-4o-mini", USAGE, AT_S)
    requested = prices.price(OPENAI, "who-knows", "gpt-4o", USAGE, AT_S)

    assert told(served) == told(requested)
    assert (3_500_000, "genai-prices") == (served.nano_usd, served.source)
    assert served.version == f"genai-prices {genai_prices.__version__}"


def test_a_book_goes_by_the_list_it_is_given() -> None:
    """Another list is another book: what the bundled one knows is unknown there, and the version is that list's."""
    only = [provider for provider in data_snapshot.get_snapshot().providers if provider.id == "groq"]
    prices = PriceBook({}, DEFAULT, "default_price", PriceList(only, "mine 1"))
    groq = Provider(name="groq", dialect="openai", host="api.groq.com")

    assert ("genai-prices", "mine 1") == told(prices.price(groq, "llama-3.1-8b-instant", None, USAGE, AT_S))[1:]
    assert "default" == prices.price(OPENAI, "gpt-4o", None, USAGE, AT_S).source


def test_config_beats_the_list_and_an_exact_name_beats_a_pattern() -> None:
    """Prices of one's own count first."""
    prices = book(
        openai={"gpt-*": {"input": Decimal(1)}, "gpt-4o": {"input": Decimal(2), "output": Decimal(0)}},
    )

    assert (2_000_000, "config", None) == told(prices.price(OPENAI, "gpt-4o", None, USAGE, AT_S))
    assert (1_000_000, "config", None) == told(prices.price(OPENAI, "gpt-9", None, USAGE, AT_S))
    assert "genai-prices" == prices.price(OPENAI, "o3", None, USAGE, AT_S).source


def test_what_the_provider_charged_beats_config_and_free_beats_all() -> None:
    """An amount on the answer is the bill; a free provider costs nothing."""
    charged = Usage(input_total=1000, output_total=100, provider_cost_nano_usd=7)
    free = Provider(name="openai", dialect="openai", host="127.0.0.1", free=True)
    prices = book(openai={"gpt-4o": {"input": Decimal(1)}})

    assert (7, "provider", None) == told(prices.price(OPENAI, "gpt-4o", None, charged, AT_S))
    assert (0, "free", None) == told(prices.price(free, "gpt-4o", None, charged, AT_S))


def test_a_model_that_nobody_knows_costs_what_config_says() -> None:
    """default_price and deny book the default; zero books nothing, and says so."""
    default = book().price(LOCAL, "nonsense", None, USAGE, AT_S)

    assert (7_500_000, "default", None) == told(default)
    assert b'{"input":5000000,"output":25000000}' == default.rates
    assert told(default) == told(book("deny").price(LOCAL, None, None, USAGE, AT_S))
    assert (0, "none", None) == told(book("zero").price(LOCAL, "nonsense", None, USAGE, AT_S))


def test_a_schedule_is_there_where_somebody_knows_the_price() -> None:
    """By config or by the list, for a price class; the default is a guess, whatever it books."""
    prices = book(local={"mine": {"input": Decimal(1)}})

    assert prices.schedule(LOCAL, "mine", {}, AT_S) is not None
    usual, dear = (prices.schedule(OPENAI, "gpt-4o", said, AT_S) for said in ({}, {"service_tier": "priority"}))
    assert usual is not None
    assert dear is not None
    assert usual.base.input < dear.base.input
    for unknown_model in ("default_price", "zero", "deny"):
        assert book(unknown_model).schedule(LOCAL, "nonsense", {}, AT_S) is None


def test_deny_refuses_unknown_models_before_the_call() -> None:
    """Only under `deny`, only where nobody knows a price."""
    priced = book("deny", local={"mine": {"input": Decimal(1)}})

    assert priced.denies(LOCAL, "nonsense", AT_S)
    assert not priced.denies(LOCAL, "mine", AT_S)
    assert not priced.denies(OPENAI, "gpt-4o", AT_S)
    assert not book().denies(LOCAL, "nonsense", AT_S)


def test_a_denied_model_is_looked_up_once() -> None:
    """Every request asks under `deny`: the answer is remembered while it holds."""
    prices = book("deny")

    assert prices.denies(LOCAL, "nonsense", AT_S)
    assert 1 == len(prices._cache)
    assert prices.denies(LOCAL, "nonsense", AT_S)
    assert 1 == len(prices._cache)


def test_the_price_class_comes_from_the_answer() -> None:
    """A fast answer costs more, a flexible one less, and each has its own place in the cache."""
    prices = book()
    anthropic = Provider(name="anthropic", dialect="anthropic", host="api.anthropic.com")

    def cost(**said: str) -> int:
        usage = Usage(input_total=1000, output_total=100, **said)  # type: ignore[arg-type]
        return prices.price(anthropic, "claude-opus-5-5", None, usage, AT_S).nano_usd

    assert 2 * cost() == cost(speed="fast")
    assert cost() == cost(service_tier="standard", speed="standard")


def test_a_cached_price_holds_no_longer_than_it_is_valid() -> None:
    """A price by the hour changes at its hour, also in a book that was asked before."""
    deepseek = Provider(name="deepseek", dialect="openai", host="api.deepseek.com")
    prices = book()

    def costs() -> list[int]:
        return [
            prices.price(deepseek, "deepseek-chat", None, USAGE, 1_742_000_000 + 1800 * n).nano_usd for n in range(48)
        ]

    first = costs()
    assert len(set(first)) > 1
    assert first == costs()
    assert first == [
        book().price(deepseek, "deepseek-chat", None, USAGE, 1_742_000_000 + 1800 * n).nano_usd for n in range(48)
    ]


def test_invented_model_names_do_not_fill_the_memory() -> None:
    """The cache is bounded, and answers stay right when it turns over."""
    prices = book(local={"*": {"input": Decimal(1)}})
    for number in range(pricing.CACHED_MOST + 10):
        assert 1_000_000 == prices.price(LOCAL, f"m{number}", None, USAGE, AT_S).nano_usd

    assert len(prices._cache) <= pricing.CACHED_MOST


def test_amounts_are_rounded_up_to_the_nano() -> None:
    """Never less than was spent is booked."""
    prices = book(local={"m": {"input": Decimal("0.0001")}})

    assert 1 == prices.price(LOCAL, "m", None, Usage(input_total=1), AT_S).nano_usd
    assert 1 == prices.price(LOCAL, "m", None, Usage(input_total=10), AT_S).nano_usd
    assert 2 == prices.price(LOCAL, "m", None, Usage(input_total=11), AT_S).nano_usd


def fed(exchange: dict[str, Any]) -> Meter:
    """Run a recorded answer through its meter."""
    dialect = exchanges.dialect_of(exchange)
    place = under_provider(dialect, exchange["method"], exchanges.path_of(exchange))
    meter = DIALECTS[dialect].new_meter(place.endpoint, streamed=exchange["stream"], strip_usage=False)
    meter.feed(exchanges.answer_bytes(exchange))
    meter.finish()
    return meter


@pytest.mark.parametrize("when", ["2024-06-01T12:00", "2025-11-01T20:30", "2026-11-18T09:00", "2027-02-01T00:00"])
def test_recorded_exchanges_cost_what_genai_prices_calculates(when: str) -> None:
    """To the nano-dollar, over every recorded exchange that the oracle can price, at the prices of that time."""
    at = datetime.fromisoformat(when).replace(tzinfo=UTC)
    prices, compared, differing = book(), 0, []
    for exchange in exchanges.load():
        sight = fed(exchange).sight()
        usage = sight.usage
        if usage is None or sight.model is None:
            continue
        usage.provider_cost_nano_usd = None
        context = {name: value for name in ("service_tier", "speed") if (value := getattr(usage, name))}
        expected = oracle.cost_nano_usd(exchange, sight.model, context, at)
        if expected is None:
            continue
        provider = Provider(name=exchange["provider"], dialect="openai", host=HOSTS[exchange["provider"]])
        cost = prices.price(provider, sight.model, None, usage, at.timestamp())
        compared += 1
        if cost.nano_usd != expected:
            differing.append((exchange["name"], expected, cost))

    assert [] == differing
    assert compared > 700


def test_a_streamed_answer_costs_what_the_same_answer_costs_unstreamed() -> None:
    """Replay each recorded stream's final document as a plain answer: same usage, same cost."""
    prices = book()
    for exchange in exchanges.streams():
        document = exchanges.final_document(exchange)
        streamed = fed(exchange).usage()
        if document is None:
            assert streamed is None
            continue
        plain = fed(exchange | {"stream": False, "response_kind": "json", "response": document}).usage()
        assert streamed is not None
        assert plain is not None
        for name in plain.__struct_fields__:
            if name != "raw":
                assert getattr(plain, name) == getattr(streamed, name), (exchange["name"], name)
        costs = [prices.price(OPENAI, "gpt-4o", None, usage, AT_S) for usage in (plain, streamed)]
        assert told(costs[0]) == told(costs[1])


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.00014645}, 146_450),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost_in_usd_ticks": 1_464_501}, 146_451),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "cost": 0.00001,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.002},
            },
            2_010_000,
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost": {"total_cost": 0.006}, "x": 1, "y": 2}, 6_000_000),
    ],
)
def test_a_provider_that_names_its_charge_is_believed(usage: dict[str, Any], nano_usd: int) -> None:
    """OpenRouter's credits and own-key fees, xAI's ticks (rounded up), Perplexity's split."""
    meter = DIALECTS["openai"].new_meter(Endpoint(name="chat"), streamed=False, strip_usage=False)
    meter.feed(json.dumps({"model": "m", "usage": usage}).encode())
    found = meter.usage()

    assert found is not None
    assert (nano_usd, "provider", None) == told(book().price(LOCAL, "m", None, found, AT_S))
