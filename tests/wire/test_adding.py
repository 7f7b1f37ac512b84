"""Many requests added up cost what they cost one by one."""

from decimal import Decimal

from genai_prices import data_snapshot
from genai_prices.types import ModelPrice, TieredPrices
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.policies.rates import Schedule, cost_pico_usd, rates_for, rates_from_usd
from gateway.wire.adding import EDGES, SUMS_MOST, Sum, add, parts_of, whole_of
from gateway.wire.counts import MOST


def listed_edges() -> set[int]:
    """Collect where the bundled price list has a tier begin."""
    found: set[int] = set()
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            for priced in [model, *(model.price_variants or ())]:
                prices = [priced.prices] if isinstance(priced.prices, ModelPrice) else []
                prices += [] if prices else [each.prices for each in priced.prices]  # type: ignore[union-attr]
                tiered = [each for one in prices for each in vars(one).values() if isinstance(each, TieredPrices)]
                found |= {tier.start for each in tiered for tier in each.tiers}
    return found


def test_every_tier_of_the_price_list_is_an_edge() -> None:
    """Where a new list has a tier at another place, requests on both sides of it would be added up."""
    assert set() == listed_edges() - set(EDGES)
    assert sorted(EDGES) == list(EDGES)


TIERS = Schedule(
    rates_from_usd({"input": Decimal(1), "output": Decimal(4), "cache_read": Decimal("0.1")}),
    tuple(
        (start, rates_from_usd({"input": Decimal(index + 2), "output": Decimal(index + 5)}))
        for index, start in reversed(list(enumerate(EDGES)))
    ),
)
REQUESTS = st.lists(
    st.builds(
        lambda read, cached, wrote: Usage(input_total=read, input_cached_read=min(read, cached), output_total=wrote),
        st.one_of(st.integers(0, 600_000), st.sampled_from([edge + by for edge in EDGES for by in (-1, 0, 1)])),
        st.integers(0, 600_000),
        st.integers(0, 100_000),
    ),
    max_size=30,
)


@given(REQUESTS)
def test_the_sum_costs_what_its_requests_cost(requests: list[Usage]) -> None:
    """With a tier at every edge, each of which changes every price."""
    total = Sum()
    for usage in requests:
        total.add("m", usage)

    _, usage = total.result()
    parts = [part.usage for part in parts_of("m", usage)]
    assert sum(cost_pico_usd(each, rates_for(each, TIERS)) for each in requests) == sum(
        cost_pico_usd(part, rates_for(part, TIERS)) for part in parts
    )
    assert len(requests) == sum(part.requests for part in parts)
    assert sum(each.output_total for each in requests) == sum(part.output_total for part in parts)


def test_a_look_in_between_changes_nothing() -> None:
    """Another model may be the largest part by then."""
    total = Sum()
    total.add("a", Usage(input_total=5))
    total.add("b", Usage(input_total=3))
    assert ("a", 5) == ((first := total.result()).model, first.usage.input_total)
    total.add("b", Usage(input_total=9))

    model, usage = total.result()
    assert [("b", 12), ("a", 5)] == [(each.model, each.usage.input_total) for each in parts_of(model, usage)]


def test_models_and_price_classes_stay_apart() -> None:
    """Each is billed by its own price; the largest part stands in front, as the model of the whole."""
    total = Sum()
    total.add("small", Usage(input_total=10, output_total=1))
    total.add("large", Usage(input_total=500, output_total=1))
    total.add("large", Usage(input_total=500, output_total=1))
    total.add("large", Usage(input_total=7, service_tier="priority"))

    model, usage = total.result()
    assert ("large", 1000, 2, 500, "batch") == (
        model, usage.input_total, usage.requests, usage.context, usage.processing,
    )  # fmt: skip
    others = [(each.model, each.input_total, each.service_tier, each.processing) for each in usage.elsewhere]
    assert [("small", 10, None, "batch"), ("large", 7, "priority", "batch")] == others


def test_what_an_answer_had_done_elsewhere_is_added_up_by_its_model() -> None:
    """An advisor of many messages is one part of the batch."""
    total = Sum()
    for _ in range(3):
        advice = Usage(model="advisor", input_total=20, output_total=2)
        total.add("m", Usage(input_total=100, output_total=1, elsewhere=(advice,)))

    model, usage = total.result()
    assert ("m", 300, 3) == (model, usage.input_total, usage.requests)
    (advisor,) = usage.elsewhere
    assert ("advisor", 60, 6, 3) == (advisor.model, advisor.input_total, advisor.output_total, advisor.requests)


def test_nothing_is_a_usage_of_nothing() -> None:
    """A batch of which no request succeeded."""
    model, usage = Sum().result()

    assert (None, 0, 0, "batch", False) == (
        model, usage.input_total, usage.requests, usage.processing, usage.suspect,
    )  # fmt: skip


def test_sums_stay_in_bounds_whatever_is_told() -> None:
    """Neither more parts than anybody could read, nor more tokens than the books can hold."""
    total = Sum()
    for number in range(3 * SUMS_MOST):
        total.add(f"model-{number}", Usage(input_total=MOST, output_total=MOST, seconds=MOST))
        total.add("one", Usage(input_total=MOST, output_total=MOST, web_searches=MOST))

    _, usage = total.result()
    assert len(usage.elsewhere) <= SUMS_MOST + len(EDGES)
    assert all(part.input_total <= MOST and part.web_searches <= MOST for _, part in parts_of(None, usage))
    assert any(part.suspect for _, part in parts_of(None, usage))


def test_doubt_is_kept() -> None:
    """One request that could not be believed, or not be read, makes the whole suspect."""
    doubtful, unread = Sum(), Sum()
    doubtful.add("m", Usage(input_total=5, suspect=True))
    unread.add("m", Usage(input_total=5))
    unread.spoil()

    assert doubtful.result().usage.suspect
    assert unread.result().usage.suspect


def test_costs_that_the_provider_named_are_added_up_apart() -> None:
    """They are no tokens to be priced."""
    total = Sum()
    total.add("m", Usage(input_total=5, provider_cost_nano_usd=7))
    total.add("m", Usage(input_total=5, provider_cost_nano_usd=8))
    total.add("m", Usage(input_total=6))

    parts = parts_of("m", total.result().usage)
    assert {(10, 15), (6, None)} == {(part.input_total, part.provider_cost_nano_usd) for _, part in parts}


def test_taking_apart_and_putting_together_are_inverse() -> None:
    """Parts of parts included."""
    inner = Usage(model="c", input_total=1)
    usage = Usage(input_total=9, elsewhere=(Usage(model="b", input_total=5, elsewhere=(inner,)),))
    parts = parts_of("a", usage)
    assert ["a", "b", "c"] == [part.model for part in parts]
    copies = [part._replace(usage=Usage()) for part in parts]
    for copy, part in zip(copies, parts, strict=True):
        add(copy.usage, part.usage)

    model, whole = whole_of(copies)
    assert ("a", 9, ["b", "c"]) == (model, whole.input_total, [each.model for each in whole.elsewhere])
