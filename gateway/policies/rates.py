"""What does a usage cost at given rates? Integers only: pico-USD in, pico-USD out, every token charged exactly once."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

import msgspec

from gateway.core.money import PICO_PER_USD
from gateway.core.usage import Usage

_MILLI: Final = 1_000
_HOUR_MS: Final = 3_600_000


class Kind(NamedTuple):
    """A thing that has a price. `per`: how many of it a price in USD is for.

    `instead`: whose price it pays where it has none of its own: the first of these that has one.
    """

    per: int
    instead: tuple[str, ...] = ()


_TOKENS, _THOUSAND = 10**6, 10**3

# The words of config's `prices`, of `rates` in the record and of an explained cost.
KINDS: dict[str, Kind] = {
    "input": Kind(_TOKENS),
    "cache_read": Kind(_TOKENS, ("input",)),
    "cache_read_audio": Kind(_TOKENS, ("cache_read", "input_audio", "input")),
    "cache_read_image": Kind(_TOKENS, ("cache_read", "input_image", "input")),
    "cache_read_video": Kind(_TOKENS, ("cache_read", "input_video", "input")),
    "cache_write_5m": Kind(_TOKENS, ("cache_write", "input")),
    "cache_write_1h": Kind(_TOKENS, ("cache_write", "cache_write_5m", "input")),
    "cache_write": Kind(_TOKENS, ("cache_write_5m", "input")),
    "input_audio": Kind(_TOKENS, ("input",)),
    "input_image": Kind(_TOKENS, ("input",)),
    "input_video": Kind(_TOKENS, ("input",)),
    "output": Kind(_TOKENS),
    "output_reasoning": Kind(_TOKENS, ("output",)),
    "output_audio": Kind(_TOKENS, ("output",)),
    "output_image": Kind(_TOKENS, ("output",)),
    "output_video": Kind(_TOKENS, ("output",)),
    "output_citation": Kind(_TOKENS, ("output",)),
    "web_search": Kind(_THOUSAND),
    "file_search": Kind(_THOUSAND),
    "request": Kind(_THOUSAND),
    "page": Kind(_THOUSAND),
    "character": Kind(_TOKENS),
    "image": Kind(1),
    "audio_minimum": Kind(1),  # what a request with sound costs at least
    "audio_hour": Kind(1),
}
# What a price list changes by where the tokens are read and written: everything that is counted in tokens.
TOKEN_KINDS = tuple(name for name in KINDS if name.startswith(("input", "cache", "output")))


# What is seldom told apart, and what it costs as much as where it need not be.
_USUALLY = {
    "input_audio": "input", "input_image": "input", "input_video": "input",
    "cache_read_audio": "cache_read", "cache_read_image": "cache_read", "cache_read_video": "cache_read",
    "output_audio": "output", "output_image": "output", "output_video": "output", "output_citation": "output",
    "page": "", "character": "", "image": "", "audio_minimum": "", "audio_hour": "",
}  # fmt: skip


class Rates(NamedTuple):
    """Prices in pico-USD for one of each of KINDS, in their order.

    `given`: those that were not inherited, as JSON. `is_plain`: nothing but the cache, thoughts and searches has a
    price of its own, so that only those must be told from other tokens.
    """

    input: int
    cache_read: int
    cache_read_audio: int
    cache_read_image: int
    cache_read_video: int
    cache_write_5m: int
    cache_write_1h: int
    cache_write: int
    input_audio: int
    input_image: int
    input_video: int
    output: int
    output_reasoning: int
    output_audio: int
    output_image: int
    output_video: int
    output_citation: int
    web_search: int
    file_search: int
    request: int
    page: int
    character: int
    image: int
    audio_minimum: int
    audio_hour: int
    given: bytes
    is_plain: bool


class Schedule(NamedTuple):
    """The rates of a model while they hold: from `valid_from_s` until before `valid_until_s` (Unix time).

    `tiers`: (start, rates), highest start first; a request whose whole input is larger pays these for every token.
    """

    base: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    valid_from_s: float = float("-inf")
    valid_until_s: float = float("inf")


class Line(NamedTuple):
    """One line of a bill: so many of a kind at this rate. Of `audio_hour` the amount is in seconds."""

    kind: str
    amount: int | float
    rate_pico_usd: int
    pico_usd: int


def rates_from_usd(usd: Mapping[str, Decimal]) -> Rates:
    """Compile prices in USD, each for as many as its kind says, rounded half-up once."""
    return rates_from_pico({kind: _pico(price / KINDS[kind].per) for kind, price in usd.items()})


def rates_from_pico(given: Mapping[str, int]) -> Rates:
    """Complete prices in pico-USD: what has none pays what stands in for it, or nothing. Inverse of `Rates.given`."""
    prices = [next((given[name] for name in (kind, *KINDS[kind].instead) if name in given), 0) for kind in KINDS]
    at = dict(zip(KINDS, prices, strict=True))
    is_plain = all(at[kind] == (at[usual] if usual else 0) for kind, usual in _USUALLY.items())
    return Rates._make([*prices, msgspec.json.encode(given), is_plain])


def rates_for(usage: Usage, schedule: Schedule) -> Rates:
    """Choose the tier: a cliff, by the whole input of the request (of several requests, the largest of them)."""
    if schedule.tiers:
        context = usage.context or usage.input_total
        for start, tier in schedule.tiers:
            if context > start:
                return tier
    return schedule.base


def cost_pico_usd(usage: Usage, rates: Rates) -> int:
    """Price a usage: what `bill` adds up to, without writing it out where prices are plain."""
    if not rates.is_plain:
        return sum([line.pico_usd for line in bill(usage, rates)])
    pico = rates.request * (usage.requests or 1)
    uncached = usage.input_total
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
        pico += written * rates.cache_write
    visible = usage.output_total
    if reasoning := usage.output_reasoning:
        visible -= reasoning
        pico += reasoning * rates.output_reasoning
    pico += uncached * rates.input + visible * rates.output
    if usage.web_searches or usage.file_searches:
        pico += usage.web_searches * rates.web_search + usage.file_searches * rates.file_search
    return pico


def bill(usage: Usage, rates: Rates) -> list[Line]:
    """Write out what a usage costs, line by line; what there was none of, and what is free, has no line."""
    counted = [*_tokens_read(usage), *_tokens_written(usage)]
    counted += [
        ("web_search", usage.web_searches),
        ("file_search", usage.file_searches),
        ("request", usage.requests or 1),
        ("page", usage.pages),
        ("character", usage.characters),
        ("image", usage.images),
    ]
    prices = dict(zip(KINDS, rates[:-2], strict=True))
    lines = [Line(kind, count, prices[kind], count * prices[kind]) for kind, count in counted if count]
    if usage.seconds:
        lines.append(_heard(usage, rates))
    return [line for line in lines if line.pico_usd or line.kind in TOKEN_KINDS]


def _heard(usage: Usage, rates: Rates) -> Line:
    """Price sound by the second, or at the least that its requests cost."""
    hour, requests = rates.audio_hour, usage.requests or 1
    pico = -(-hour * round(usage.seconds * _MILLI) // _HOUR_MS)
    least = rates.audio_minimum * requests
    return (
        Line("audio_hour", usage.seconds, hour, pico)
        if pico >= least
        else Line("audio_minimum", requests, rates.audio_minimum, least)
    )


def _tokens_read(usage: Usage) -> list[tuple[str, int]]:
    """Part the input so that every token is in one place: cached first, then by what it was."""
    read = usage.input_cached_read
    sound, picture, film = _shares(read, usage.input_cached_audio, usage.input_cached_image, usage.input_cached_video)
    fresh = usage.input_total - read - usage.input_cache_write
    heard, seen, watched = _shares(
        fresh, usage.input_audio - sound, usage.input_image - picture, usage.input_video - film
    )
    return [
        ("input", fresh - heard - seen - watched),
        ("cache_read", read - sound - picture - film),
        ("cache_read_audio", sound),
        ("cache_read_image", picture),
        ("cache_read_video", film),
        ("cache_write_5m", usage.input_cache_write_5m),
        ("cache_write_1h", usage.input_cache_write_1h),
        ("cache_write", usage.input_cache_write_other),
        ("input_audio", heard),
        ("input_image", seen),
        ("input_video", watched),
    ]


def _tokens_written(usage: Usage) -> list[tuple[str, int]]:
    """Part the output in the same way: thoughts first."""
    reasoning = usage.output_reasoning
    visible = usage.output_total - reasoning
    spoken, drawn, filmed = _shares(visible, usage.output_audio, usage.output_image, usage.output_video)
    cited = min(usage.output_citation, visible - spoken - drawn - filmed)
    return [
        ("output", visible - spoken - drawn - filmed - cited),
        ("output_reasoning", reasoning),
        ("output_audio", spoken),
        ("output_image", drawn),
        ("output_video", filmed),
        ("output_citation", cited),
    ]


def _shares(room: int, *wanted: int) -> list[int]:
    """Give each its share as long as there is room: a provider's details may add up to more than their total."""
    given: list[int] = []
    for each in wanted:
        share = max(0, min(each, room))
        given.append(share)
        room -= share
    return given


def _pico(usd: Decimal) -> int:
    return int((usd * PICO_PER_USD).to_integral_value(ROUND_HALF_UP))
