"""The disjoint token types of the metrics add up to the totals."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import TOKEN_TYPES, Usage, disjoint_tokens

counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts, counts, counts)
def test_disjoint_types_add_up(plain: int, read: int, write_5m: int, write_1h: int, visible: int, thought: int) -> None:
    """Cached, written and reasoning tokens are parts of the totals, each counted once."""
    usage = Usage(
        input_total=plain + read + write_5m + write_1h,
        input_cached_read=read,
        input_cache_write_5m=write_5m,
        input_cache_write_1h=write_1h,
        output_total=visible + thought,
        output_reasoning=thought,
    )

    split = dict(zip(TOKEN_TYPES, disjoint_tokens(usage), strict=True))

    assert usage.input_total + usage.output_total == sum(split.values())
    assert {"input_uncached": plain, "cache_write": write_5m + write_1h} == {
        name: split[name] for name in ("input_uncached", "cache_write")
    }
