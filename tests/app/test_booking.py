"""Work that ended after its exchange costs what it would have cost inside it, at the prices of when it was asked."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.app.booking import book
from gateway.config.compile import from_sources
from gateway.core.record import Attempt, Hold, Job, Record, decode, encode
from gateway.core.usage import Usage
from gateway.store.jobs import Told
from gateway.wire.adding import Sum
from tests.records import record

CONFIG = """
[providers.openai]
dialect = "openai"
base_url = "https://api.openai.com/v1"
[providers.anthropic]
dialect = "anthropic"
base_url = "https://api.anthropic.com"
[providers.tiers]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
prices = { "own" = { input = "2", output = "8" } }
[providers.local]
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
free = true
"""
SNAPSHOT = from_sources({"config.toml": CONFIG}, "/", {}, 1)


def booked(usage: Usage, model: str | None = None, state: str = "booked", **fields: Any) -> Record:
    """Book what was told into a record that asked for work."""
    usual: dict[str, Any] = {"usage": None, "usage_source": "none", "cost_nano_usd": 0, "price_source": "none"}
    one = record(**{**usual, "job": Job(id="job-1", usage=Usage(input_total=3)), **fields})
    book(one, Told(usage, model), state, SNAPSHOT.routing, SNAPSHOT.prices)
    assert one == decode(encode(one))
    return one


def price_of(provider: str, model: str, usage: Usage, at: datetime) -> int:
    """Price one usage as a worker does."""
    found = SNAPSHOT.routing.provider(provider)
    assert found is not None
    return SNAPSHOT.prices.price(found, model, None, usage, at.timestamp()).nano_usd


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_background_costs_what_the_foreground_costs() -> None:
    """The same usage, the same instant, the same price; and the row says how it was reached."""
    usage = Usage(input_total=1_000, input_cached_read=400, output_total=500)
    one = booked(usage, "gpt-5.6-late", model_served="gpt-5.6")

    assert price_of("openai", "gpt-5.6", usage, NOW) == one.cost_nano_usd > 0
    assert ("gpt-5.6", "provider", "genai-prices") == (one.model_served, one.usage_source, one.price_source)
    assert (Job(id="job-1", state="booked"), usage) == (one.job, one.usage)
    assert bytes(one.rates)


def test_a_lapsed_job_costs_its_estimate() -> None:
    """And the row says that it is one."""
    one = booked(Usage(input_total=1_000), None, "lapsed", model_served="gpt-5.6")

    assert ("estimated", "lapsed", 1_000) == (one.usage_source, one.job and one.job.state, one.usage.input_total)  # type: ignore[union-attr]
    assert one.cost_nano_usd > 0


def test_the_price_is_that_of_when_it_was_asked_for() -> None:
    """A price that changed while the work went on does not change it."""
    usage = Usage(input_total=1_000_000)
    before, after = (
        booked(usage, "o3", started_at=f"{day}T12:00:00.000000Z", model_requested="o3", model_served="o3")
        for day in ("2025-06-01", "2025-07-01")
    )

    assert (10_000_000_000, 2_000_000_000) == (before.cost_nano_usd, after.cost_nano_usd)


def test_a_batch_costs_the_batch_price() -> None:
    """Half, where the list says so; its model is known from what was told."""
    whole = Usage(input_total=1_000_000, output_total=100_000)
    batch = Usage(input_total=1_000_000, output_total=100_000, processing="batch", requests=1000, context=1_000)
    one = booked(batch, "gpt-5.6", endpoint="batch", model_requested=None, model_served=None)

    assert "gpt-5.6" == one.model_served
    in_tier = Usage(input_total=1_000_000, output_total=100_000, requests=1000, context=1_000)
    assert price_of("openai", "gpt-5.6", in_tier, NOW) == 2 * one.cost_nano_usd
    assert price_of("openai", "gpt-5.6", whole, NOW) > 2 * one.cost_nano_usd, "a sum is not one large request"


def test_parts_at_the_same_rates_are_one() -> None:
    """The meter keeps apart what might differ in price; where it does not, the row shows the whole."""
    requests = [Usage(input_total=size, output_total=10) for size in (10, 40_000, 110_000, 130_000)]
    total = Sum()
    for usage in requests:
        total.add("claude-opus-4-5", usage)
    model, usage = total.result()
    assert 3 == len(usage.elsewhere)
    one = booked(usage, model, endpoint="batch", provider="anthropic", model_requested=None, model_served=None)

    assert one.usage is not None
    assert (280_010, 40, 4, 130_000, ()) == (
        one.usage.input_total, one.usage.output_total, one.usage.requests, one.usage.context, one.usage.elsewhere,
    )  # fmt: skip
    alone = sum(
        price_of("anthropic", "claude-opus-4-5", Usage(**_counts(each), processing="batch"), NOW) for each in requests
    )
    assert alone - len(requests) < one.cost_nano_usd <= alone, "each alone is rounded up"


def _counts(usage: Usage) -> dict[str, Any]:
    return {"input_total": usage.input_total, "output_total": usage.output_total}


def test_tiers_of_a_batch_stay_apart() -> None:
    """Large requests pay the large price, small ones beside them do not."""
    total = Sum()
    small = Usage(input_total=100_000, output_total=1_000)
    large = Usage(input_total=300_000, output_total=1_000)
    for _ in range(5):
        total.add("gemini-2.5-pro", small)
    total.add("gemini-2.5-pro", large)
    model, usage = total.result()
    one = booked(usage, model, endpoint="batch", model_requested=None, model_served=None)

    assert one.usage is not None
    (other,) = one.usage.elsewhere
    assert (500_000, 300_000, "gemini-2.5-pro") == (one.usage.input_total, other.input_total, other.model)
    assert bytes(one.rates) != bytes(other.rates)
    alone = [
        price_of("openai", "gemini-2.5-pro", Usage(**_counts(each), processing="batch"), NOW) for each in (small, large)
    ]
    assert 5 * alone[0] + alone[1] == one.cost_nano_usd


def test_models_of_a_batch_pay_their_own_prices() -> None:
    """The largest part is the row's; the others stand elsewhere, each with its cost."""
    total = Sum()
    total.add("claude-opus-4-5", Usage(input_total=1_000_000))
    total.add("claude-haiku-4-5", Usage(input_total=500_000))
    model, usage = total.result()
    one = booked(usage, model, endpoint="batch", provider="anthropic", model_requested=None, model_served=None)

    assert one.usage is not None
    (other,) = one.usage.elsewhere
    assert ("claude-opus-4-5", "claude-haiku-4-5") == (one.model_served, other.model)
    prices = [
        price_of("anthropic", name, Usage(input_total=size, processing="batch"), NOW)
        for name, size in (("claude-opus-4-5", 1_000_000), ("claude-haiku-4-5", 500_000))
    ]
    assert (sum(prices), prices[1]) == (one.cost_nano_usd, other.cost_nano_usd)


def test_what_never_ran_costs_nothing() -> None:
    """A batch that was refused."""
    one = booked(Usage(processing="batch"), None, endpoint="batch", model_requested=None, model_served=None)

    assert (0, "provider", 0) == (one.cost_nano_usd, one.usage_source, one.usage and one.usage.input_total)


@pytest.mark.parametrize(
    ("provider", "source"), [("local", "free"), ("tiers", "config"), ("gone", "genai-prices"), (None, "genai-prices")]
)
def test_prices_are_those_of_the_config_now(provider: str | None, source: str) -> None:
    """Also of a provider that it no longer names: work that was paid for has a price all the same."""
    attempts = [Attempt(provider="x", model="own" if provider == "tiers" else "gpt-4o-mini")]
    one = booked(
        Usage(input_total=1_000), provider=provider, attempts=attempts, model_requested="fast", model_served=None
    )

    assert source == one.price_source
    assert (one.cost_nano_usd == 0) is (source == "free")


def test_what_was_held_is_corrected_by_the_cost() -> None:
    """Money only; that it was a request was known at once."""
    holds = [Hold("a", 0, "usd", 900_000, charged=900_000), Hold("a#requests", 0, "requests", 1, charged=1)]
    one = booked(Usage(input_total=1_000, output_total=500), "gpt-4o-mini", holds=holds)

    assert [one.cost_nano_usd - 900_000, 0] == [hold.late for hold in one.holds]
    assert one.cost_nano_usd == 450_000


@pytest.mark.parametrize(("state", "cost"), [("lapsed", 2_000_000), ("booked", 450_000)])
def test_what_nobody_ever_told_costs_its_bound(state: str, cost: int) -> None:
    """Under a strict budget; what the provider told is what it costs."""
    holds = [Hold("a", 0, "usd", 2_000_000, charged=2_000_000)]
    usage = Usage(input_total=1_000, output_total=500)
    one = booked(usage, "gpt-4o-mini", state, bound_nano_usd=2_000_000, holds=holds)

    assert (cost, cost) == (one.cost_nano_usd, one.holds[0].charged + one.holds[0].late)
