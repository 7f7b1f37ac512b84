"""What does a usage cost at given rates? Integers only: pico-USD in, pico-USD out, every token charged exactly once."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from gateway.core.money import PICO_PER_USD, pico_per_token
from gateway.core.usage import Usage

_THOUSAND = 1_000
_SECONDS_PER_HOUR = 3_600


class Rates(NamedTuple):
    """Prices in pico-USD per token; `search`, `request` and `character` per one, `hour` per hour of audio."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    cache_write_other: int
    input_audio: int
    input_image: int
    output_reasoning: int
    output_audio: int
    output_image: int
    search: int = 0
    request: int = 0
    hour: int = 0
    character: int = 0


class Schedule(NamedTuple):
    """The rates of a model while they hold: from `valid_from_s` until before `valid_until_s` (Unix time).

    `tiers`: (start, rates), highest start first; a request whose whole input is larger pays these for every token.
    """

    base: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    valid_from_s: float = float("-inf")
    valid_until_s: float = float("inf")


# A kind of token without a price of its own pays the first of these that has one.
_TOKEN_KINDS = {
    "input": (),
    "output": (),
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_5m": ("cache_write", "input"),
    "cache_write_1h": ("cache_write", "cache_write_5m", "input"),
    "input_audio": ("input",),
    "input_image": ("input",),
    "output_reasoning": ("output",),
    "output_audio": ("output",),
    "output_image": ("output",),
}


def rates_from_usd(usd: Mapping[str, Decimal]) -> Rates:
    """Compile prices in USD: per million tokens or characters, per 1,000 searches or requests, per hour of audio."""

    def token(kind: str) -> int:
        for name in (kind, *_TOKEN_KINDS[kind]):
            if name in usd:
                return pico_per_token(usd[name])
        return 0

    return Rates(
        input=token("input"),
        output=token("output"),
        cache_read=token("cache_read"),
        cache_write_5m=token("cache_write_5m"),
        cache_write_1h=token("cache_write_1h"),
        cache_write_other=pico_per_token(usd["cache_write"]) if "cache_write" in usd else token("cache_write_5m"),
        input_audio=token("input_audio"),
        input_image=token("input_image"),
        output_reasoning=token("output_reasoning"),
        output_audio=token("output_audio"),
        output_image=token("output_image"),
        search=_pico(usd.get("web_search", Decimal(0)) / _THOUSAND),
        request=_pico(usd.get("request", Decimal(0)) / _THOUSAND),
        hour=_pico(usd.get("audio_hour", Decimal(0))),
        character=pico_per_token(usd.get("character", Decimal(0))),
    )


def cost_pico_usd(usage: Usage, schedule: Schedule) -> int:
    """Price a usage."""
    total = usage.input_total
    rates = schedule.base
    for start, tier in schedule.tiers:
        if total > start:
            rates = tier
            break
    output = usage.output_total
    pico = output * rates.output + rates.request
    uncached = total
    if read := usage.input_cached_read:
        uncached -= read
        pico += read * rates.cache_read
    if written := usage.input_cache_write_5m:
        uncached -= written
        pico += written * rates.cache_write_5m
    if written := usage.input_cache_write_1h:
        uncached -= written
        pico += written * rates.cache_write_1h
    if written := usage.input_cache_write_other:
        uncached -= written
        pico += written * rates.cache_write_other
    pico += uncached * rates.input
    if reasoning := usage.output_reasoning:
        pico += reasoning * (rates.output_reasoning - rates.output)
    if usage.input_audio or usage.input_image or usage.output_audio or usage.output_image:
        pico += _media_pico_usd(usage, rates, uncached)
    if usage.web_searches or usage.seconds or usage.characters:
        pico += usage.web_searches * rates.search + usage.characters * rates.character
        pico += -(-rates.hour * round(usage.seconds * _THOUSAND) // (_SECONDS_PER_HOUR * _THOUSAND))
    return pico


def _media_pico_usd(usage: Usage, rates: Rates, uncached: int) -> int:
    """Price what sound and pictures cost beyond text; what was cached is already charged as such."""
    audio = min(usage.input_audio, uncached)
    image = min(usage.input_image, uncached - audio)
    visible = usage.output_total - usage.output_reasoning
    spoken = min(usage.output_audio, visible)
    drawn = min(usage.output_image, visible - spoken)
    return (
        audio * (rates.input_audio - rates.input)
        + image * (rates.input_image - rates.input)
        + spoken * (rates.output_audio - rates.output)
        + drawn * (rates.output_image - rates.output)
    )


def _pico(usd: Decimal) -> int:
    return int((usd * PICO_PER_USD).to_integral_value(ROUND_HALF_UP))
