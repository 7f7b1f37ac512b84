"""Numbers are believed only as far as they are plausible."""

import math
from typing import Any

import pytest

from gateway.core.usage import Usage, disjoint_tokens
from gateway.wire.counts import MOST, amount, clamp, cost_nano_usd, count, members, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7), (7.0, 7), ("7", 7), (0, 0), (None, 0), (-1, 0), (-1.5, 0), (math.nan, 0), (math.inf, 0), ("x", 0),
        ("-7", 0), (True, 0), ([], 0), ({}, 0), (MOST + 1, 0), (10**30, 0), ("9" * 40, 0), ("\u0665", 0),
    ],
)  # fmt: skip
def test_a_count_is_a_plausible_whole_number(value: Any, expected: int) -> None:
    """Also as a float or as text; anything else counts nothing."""
    assert expected == count(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.00014645, 146_450), (1, 10**9), ("0.5", 5 * 10**8), (0, 0), (None, None), (-1, None), (math.nan, None),
        (math.inf, None), (1e300, None), ("x", None), (True, None), ("nan", None), ([], None),
    ],
)  # fmt: skip
def test_a_charge_is_a_plausible_amount(value: Any, expected: int | None) -> None:
    """In nano-USD; None where the provider named none."""
    assert expected == cost_nano_usd(value)


def test_other_values_are_read_or_left() -> None:
    """Seconds, nested objects and names."""
    assert (1.5, 0.0, 0.0, 0.0) == (amount(1.5), amount(-1), amount("2"), amount(True))
    assert ({"a": 1}, {}, {}) == (members({"a": 1}), members(None), members([1]))
    assert ("flex", None, None) == (text("flex"), text(""), text(3))
    assert 64 == len(text("x" * 100) or "")


def test_parts_are_cut_to_their_totals() -> None:
    """Cache reads come first, then writes, into the room that is left."""
    usage = clamp(
        Usage(
            input_total=100,
            input_cached_read=80,
            input_cache_write_5m=30,
            input_cache_write_1h=10,
            input_audio=500,
            output_total=5,
            output_reasoning=9,
            output_image=7,
        )
    )

    assert (80, 10, 10) == (usage.input_cached_read, usage.input_cache_write_1h, usage.input_cache_write_5m)
    assert (100, 5, 5) == (usage.input_audio, usage.output_reasoning, usage.output_image)
    assert 105 == sum(disjoint_tokens(usage))
