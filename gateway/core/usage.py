"""What an exchange consumed: tokens by kind, and the units that are not tokens."""

import msgspec


class Usage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Normalised usage. Counts are integers >= 0; every part is <= its total.

    `input_total` holds everything the provider read (cached or not), `output_total` everything it wrote
    (reasoning included). Parts of the input: `input_cached_read`, the three `input_cache_write_*` (by lifetime,
    `other` where the provider names none), `input_audio`, `input_image`, `input_tool`. Parts of the output:
    `output_reasoning`, `output_audio`, `output_image`.
    `raw` is the provider's own usage object, byte for byte, or absent.
    `elsewhere`: what other models did for this answer (an advisor), each with its `model`, which only they have: it is
    billed by that model's price and stands in no total here.
    """

    input_total: int = 0
    output_total: int = 0
    input_cached_read: int = 0
    input_cache_write_5m: int = 0
    input_cache_write_1h: int = 0
    input_cache_write_other: int = 0
    input_audio: int = 0
    input_image: int = 0
    input_tool: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    seconds: float = 0
    characters: int = 0
    images: int = 0
    requests: int = 0
    service_tier: str | None = None
    speed: str | None = None
    provider_cost_nano_usd: int | None = None
    raw: msgspec.Raw = msgspec.Raw(b"")
    model: str | None = None
    elsewhere: tuple["Usage", ...] = ()

    @property
    def input_cache_write(self) -> int:
        """All cache writes, whatever their lifetime."""
        return self.input_cache_write_5m + self.input_cache_write_1h + self.input_cache_write_other


TOKEN_TYPES = ("input_uncached", "cache_read", "cache_write", "output_visible", "output_reasoning")


def disjoint_tokens(usage: Usage) -> tuple[int, int, int, int, int]:
    """Split a usage into TOKEN_TYPES: they add up to input_total + output_total exactly."""
    read = usage.input_cached_read
    write = usage.input_cache_write
    reasoning = usage.output_reasoning
    return (usage.input_total - read - write, read, write, usage.output_total - reasoning, reasoning)
