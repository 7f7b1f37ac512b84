"""What an exchange consumed: tokens by kind, and the units that are not tokens."""

import msgspec


class Usage(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """Normalised usage. Counts are integers >= 0; every part is <= its total.

    `input_total` holds everything the provider read (cached or not), `output_total` everything it wrote
    (reasoning included). Parts of the input: `input_cached_read`, with what of that was sound, pictures and film
    (`input_cached_*`), the three `input_cache_write_*` (by lifetime, `other` where the provider names none),
    `input_audio`, `input_image`, `input_video` (cached or not), `input_tool`. Parts of the output: `output_reasoning`,
    `output_audio`, `output_image`, `output_video`, `output_citation`.
    `service_tier`, `speed`, `processing` ("batch") and `geo` name the price class.
    `raw` is the provider's own usage object, byte for byte, or absent.
    `suspect`: the provider named a value that none can be; what it stands for is left out, or all is estimated.
    `elsewhere`: what other models did for this answer (an advisor), or what the requests of a batch used at each model,
    each with its `model`, which only they have: it is billed by that model's price and stands in no total here.
    `requests` is how many were added up, where that is not one; `context` then is the largest input of one of them,
    which chooses the price tier. `rates` and `cost_nano_usd`, only in `elsewhere`: as in the record.
    """

    input_total: int = 0
    output_total: int = 0
    input_cached_read: int = 0
    input_cached_audio: int = 0
    input_cached_image: int = 0
    input_cached_video: int = 0
    input_cache_write_5m: int = 0
    input_cache_write_1h: int = 0
    input_cache_write_other: int = 0
    input_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    input_tool: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    output_citation: int = 0
    web_searches: int = 0
    file_searches: int = 0
    seconds: float = 0
    characters: int = 0
    images: int = 0
    pages: int = 0
    requests: int = 0
    context: int = 0
    service_tier: str | None = None
    speed: str | None = None
    processing: str | None = None
    geo: str | None = None
    provider_cost_nano_usd: int | None = None
    suspect: bool = False
    raw: msgspec.Raw = msgspec.Raw(b"")
    model: str | None = None
    elsewhere: tuple["Usage", ...] = ()
    rates: msgspec.Raw = msgspec.Raw(b"")
    cost_nano_usd: int = 0

    @property
    def is_spoiled(self) -> bool:
        """Whether nothing of what the provider told can be believed."""
        told = self.input_total or self.output_total or self.seconds or self.characters or self.images or self.pages
        return self.suspect and not told

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
