"""Numbers are believed only as far as they are plausible."""

import math
from typing import Any

import pytest
from msgspec import Raw

from gateway.core.usage import Usage, disjoint_tokens
from gateway.wire.counts import MOST, SPOILED, amount, clamp, cost_nano_usd, count, members, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7), (7.0, 7), ("7", 7), (0, 0), (None, 0), (-1, SPOILED), (-1.5, SPOILED), (math.nan, SPOILED),
        (math.inf, SPOILED), ("x", SPOILED), ("-7", SPOILED), (True, SPOILED), ([], SPOILED), ({}, SPOILED),
        (MOST + 1, SPOILED), (10**30, SPOILED), ("9" * 40, SPOILED), ("\u0665", SPOILED), ("", SPOILED),
    ],
)  # fmt: skip
def test_a_count_is_a_plausible_whole_number(value: Any, expected: int) -> None:
    """Also as a float or as text; what is not there is zero, and anything else spoils what it is part of."""
    assert expected == count(value)


def test_a_spoiled_count_spoils_every_sum() -> None:
    """However many plausible counts it is added to."""
    assert 10 * MOST + SPOILED < 0


def test_a_spoiled_part_is_left_out_and_told() -> None:
    """The totals stand, the usage is suspect."""
    usage = clamp(Usage(input_total=9, input_cached_read=SPOILED, output_total=5, output_audio=3, web_searches=SPOILED))

    assert (9, 0, 5, 3, 0, True) == (
        usage.input_total,
        usage.input_cached_read,
        usage.output_total,
        usage.output_audio,
        usage.web_searches,
        usage.suspect,
    )
    assert not usage.is_spoiled


@pytest.mark.parametrize("total", ["input_total", "output_total"])
def test_with_a_spoiled_total_nothing_is_believed(total: str) -> None:
    """What the provider said is kept all the same."""
    raw = Raw(b'{"prompt_tokens":-1}')

    usage = clamp(Usage(**{"input_total": 9, "output_total": 5, "input_audio": 3, total: SPOILED}, raw=raw))

    assert Usage(raw=raw, suspect=True) == usage
    assert usage.is_spoiled


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
    assert (1.5, 0.0) == (amount(1.5), amount(None))
    assert {SPOILED} == {amount(-1), amount("2"), amount(True), amount(math.nan)}
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


def test_spoiled_seconds_are_left_out_and_told() -> None:
    """As counts are."""
    usage = clamp(Usage(input_total=5, seconds=float(SPOILED)))

    assert (0.0, True) == (usage.seconds, usage.suspect)
