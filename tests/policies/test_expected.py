"""What is expected of a request comes near what such requests cost, and is forgotten in order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.expected import Expected, first_guess, first_tokens
from gateway.policies.rates import rates_from_usd

# Prices of a usual model, in USD per million tokens.
RATES = rates_from_usd({"input": Decimal("2.50"), "output": Decimal(10)})


def within(share: int, expected: int, real: int) -> bool:
    """Tell whether an expectation is off by at most 1/share of the real cost."""
    return abs(expected - real) * share <= real


def test_nothing_is_expected_of_the_unknown() -> None:
    """The first request of a team to a model is guessed: a quarter of its bytes, and a modest answer."""
    assert Expected().of("search", "gpt-4o").expect(4_000) is None
    assert 1_000 * 2_500 + 1_000 * 10_000 == first_guess(4_000, None, RATES)
    assert 1_000 * 2_500 + 1_000 * 10_000 == first_guess(4_000, 64_000, RATES)
    assert 1_000 * 2_500 + 16 * 10_000 == first_guess(4_000, 16, RATES)
    assert Expected().of("search", "gpt-4o").expect_tokens(4_000) is None
    assert [2_001, 2_000, 1_016] == [first_tokens(4_001, None), first_tokens(4_000, 64_000), first_tokens(4_000, 16)]


def test_a_steady_cost_is_expected_exactly() -> None:
    """After one request of its kind, and after many."""
    expected = Expected()
    for _ in range(50):
        expected.of("search", "gpt-4o").learn(1_500, 2_000_000)

        assert within(10_000, expected.of("search", "gpt-4o").expect(1_500) or 0, 2_000_000)


def test_a_larger_request_is_expected_to_cost_more() -> None:
    """In proportion to its size, once it is large: a long conversation is mostly read."""
    expected = Expected()
    expected.of("search", "gpt-4o").learn(1_000_000, 10**9)

    small, large = (expected.of("search", "gpt-4o").expect(size) or 0 for size in (500_000, 2_000_000))

    assert within(50, small, 5 * 10**8)
    assert within(50, large, 2 * 10**9)


def test_it_follows_a_change_of_price_within_some_tens_of_requests() -> None:
    """What was learned before weighs less and less."""
    expected = Expected()
    for cost in [1_000_000] * 100 + [3_000_000] * 60:
        expected.of("search", "gpt-4o").learn(1_500, cost)

    assert within(20, expected.of("search", "gpt-4o").expect(1_500) or 0, 3_000_000)


def test_tokens_are_learned_beside_the_cost() -> None:
    """By the same call, in the same way: neither is worked out of the other."""
    expected = Expected()
    for tokens in [500] * 100 + [2_000] * 60:
        expected.of("search", "gpt-4o").learn(1_500, 1_000_000, tokens)

    assert within(20, expected.of("search", "gpt-4o").expect_tokens(1_500) or 0, 2_000)
    assert within(10_000, expected.of("search", "gpt-4o").expect(1_500) or 0, 1_000_000)
    assert 1 == len(expected._learned)


def test_teams_and_models_are_apart() -> None:
    """Nobody's habits are another one's."""
    expected = Expected()
    expected.of("search", "gpt-4o").learn(1_000, 5_000)

    assert expected.of("ads", "gpt-4o").expect(1_000) is None
    assert expected.of("search", "gpt-4o-mini").expect(1_000) is None


def test_memory_is_bounded_and_the_longest_unused_goes() -> None:
    """Model names are the callers' to invent."""
    expected = Expected(remembered=2)
    for model in ("a", "b", "a", "c"):
        expected.of("search", model).learn(1_000, 5_000)

    assert [True, True, False] == [expected.of("search", model).expect(1) is not None for model in ("a", "c", "b")]
    assert 2 == len(expected._learned)


@pytest.mark.parametrize("spread", [1, 3])
def test_holds_add_up_to_what_was_spent(spread: int) -> None:
    """Over many requests of mixed cost the sum of what was expected is near the sum of what was real."""
    expected = Expected()
    held = real = 0
    for number in range(2_000):
        cost = 1_000_000 + spread * 100_000 * (number * 7919 % 11 - 5)
        held += expected.of("search", "gpt-4o").expect(3_000) or cost
        real += cost
        expected.of("search", "gpt-4o").learn(3_000, cost)

    assert within(50, held, real)


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**15)), min_size=1, max_size=40), st.integers(0, 10**8)
)
def test_an_expectation_is_between_what_was_seen(costs: list[tuple[int, int]], size: int) -> None:
    """It is a mean: never below the cheapest byte that was seen, nor above the dearest; never below zero."""
    expected = Expected()
    for each_size, cost in costs:
        expected.of("t", "m").learn(each_size, cost)

    found = expected.of("t", "m").expect(size)

    assert found is not None
    weight = size + 8_192
    rates = [cost * weight / (each_size + 8_192) for each_size, cost in costs]
    slack = len(costs) * (weight >> 20) + len(costs) + 1 + max(rates) * 1e-9
    assert min(rates) - slack <= found <= max(rates) + slack
