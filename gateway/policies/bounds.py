"""What can a request cost at most? The hold of a strict budget: a bound, or the reason why there is none.

A token covers at least one byte of text, so that a body's bytes bound the tokens of its text; everything else that a
model reads is bounded by what it can read at all. Whatever price class may apply, the dearest does.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.core.asked import Asked
from gateway.core.money import PICO_PER_NANO, nano_from_pico
from gateway.policies.model_facts import FactBook, Facts
from gateway.policies.pricing import PriceBook
from gateway.policies.rates import Rates, Schedule
from gateway.policies.routing import Provider

# Tokens that a provider adds to what it is sent: words of its own, a frame around each message and function, and what
# it tells the model of a tool that it knows itself.
PREAMBLE: Final = 2_000
FRAME: Final = 16
KIT: Final = 1_000
LEAST_OUTPUT: Final = 16  # providers refuse a smaller maximum
MOST_OUTPUT: Final = 1_000_000_000
PUT_IN: Final = 64  # bytes, and so tokens, of a maximum that is put in
_NO_MAXIMUM: Final = frozenset(("image", "audio"))
CACHED_MOST: Final = 1_024

# Tiers that are never dearer than the usual one. Without one of these the provider's account may say another.
_PLAIN_TIERS: Final = frozenset(("default", "flex", "standard", "standard_only"))
_DEAR_TIERS: Final = ("priority", "fast")
_DEAR_GEO: Final = "us"


class Bound(NamedTuple):
    """So much, at most. `declared`: not worked out; the operator vouches for it."""

    nano_usd: int
    declared: bool = False


class Unbounded(NamedTuple):
    """There is no bound. `reason`: why, and what to change in the request or to set in config."""

    reason: str


class _NoBound(Exception):
    """Why there is none. `remedy`: what to set under `[models.NAME]` so that there is one; "": nothing helps."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class _Work(NamedTuple):
    """Tokens read, by all steps together, and tokens written in each of so many answers (None: nobody knows)."""

    read: int
    written: int | None
    answers: int


class Bounds:
    """The bounds of one snapshot, by its prices and facts. `models`: a model's every name, the provider's own last."""

    __slots__ = ("_facts", "_prices", "_schedules")

    def __init__(self, prices: PriceBook, facts: FactBook) -> None:
        self._prices = prices
        self._facts = facts
        self._schedules: dict[tuple[str | None, ...], tuple[Schedule, ...]] = {}

    def upper(self, asked: Asked, provider: Provider, models: tuple[str, ...], at_s: float) -> Bound | Unbounded:
        """Return the most that a request can cost, as long as the provider honours the limits that stand in it."""
        if asked.free or provider.free:
            return Bound(0)
        facts = self._facts.facts(provider, models)
        try:
            work = _work(asked, facts)
            applying = self._rates(asked, work, provider, models[-1], at_s)
            return Bound(nano_from_pico(max(_pico(asked, work, rates) for rates in applying)))
        except _NoBound as found:
            if facts.strict_ceiling_nano_usd is not None:
                return Bound(facts.strict_ceiling_nano_usd, declared=True)
            return Unbounded(_sentence(found, models[-1]))

    def shrink(
        self, asked: Asked, provider: Provider, models: tuple[str, ...], at_s: float, left_nano_usd: int
    ) -> int | None:
        """Return the largest maximum of output tokens with which a request costs no more than what is left.

        Never more than was asked for, or than the model can write. None: no maximum that is worth sending would do.
        """
        facts = self._facts.facts(provider, models)
        if asked.free or provider.free or not asked.writes or asked.endpoint in _NO_MAXIMUM or facts.thinks_beyond:
            return None
        if asked.max_output_tokens is None:
            asked = replace(asked, text_bytes=asked.text_bytes + PUT_IN)
        try:
            work = _work(asked, facts)
            applying = self._rates(asked, work, provider, models[-1], at_s)
            fitting = [_fitting(asked, work, rates, left_nano_usd * PICO_PER_NANO) for rates in applying]
        except _NoBound:
            return None
        most = min(each for each in (*fitting, work.written, MOST_OUTPUT) if each is not None)
        return most if most >= max(asked.least_output_tokens, LEAST_OUTPUT) else None

    def _rates(self, asked: Asked, work: _Work, provider: Provider, model: str, at_s: float) -> list[Rates]:
        """Return all rates that may apply: of every price class that is not ruled out, and of every tier in reach."""
        applying: list[Rates] = []
        for schedule in self._classes(asked, provider, model, at_s):
            applying.append(schedule.base)
            applying += [rates for start, rates in schedule.tiers if start < work.read]
        return applying

    def _classes(self, asked: Asked, provider: Provider, model: str, at_s: float) -> tuple[Schedule, ...]:
        key = (provider.name, model, asked.dialect, asked.service_tier, asked.speed, asked.geo)
        found = self._schedules.get(key)
        if found is None or not all(each.valid_from_s <= at_s < each.valid_until_s for each in found):
            if len(self._schedules) >= CACHED_MOST:
                self._schedules.clear()
            found = self._schedules[key] = self._find(asked, provider, model, at_s)
        return found

    def _find(self, asked: Asked, provider: Provider, model: str, at_s: float) -> tuple[Schedule, ...]:
        found = [self._prices.schedule(provider, model, context, at_s) for context in _contexts(asked)]
        known = tuple(dict.fromkeys(each for each in found if each is not None))
        if not known:
            raise _NoBound(f"nobody knows what it costs (prices are set under [providers.{provider.name}])")
        return known


def _contexts(asked: Asked) -> Iterator[dict[str, str]]:
    """Give the price classes that an answer may turn out to be of, by what the request says."""
    tiers: list[str | None] = [None]
    if asked.service_tier in _PLAIN_TIERS:
        tiers.append(asked.service_tier)
    else:
        tiers += _DEAR_TIERS
    geos = [None] if asked.dialect != "anthropic" or asked.geo == "global" else [None, _DEAR_GEO]
    for tier in tiers:
        for geo in geos:
            said = {"service_tier": tier, "speed": asked.speed, "geo": geo}
            yield {name: value for name, value in said.items() if value is not None}


def _work(asked: Asked, facts: Facts) -> _Work:
    if asked.unbounded or facts.unbounded:
        raise _NoBound(asked.unbounded or facts.unbounded)
    answers = asked.choices * asked.steps
    if not asked.writes:
        return _Work(_read(asked, facts), 0, answers)
    if asked.max_output_tokens is not None and not facts.thinks_beyond:
        return _Work(_read(asked, facts), asked.max_output_tokens, answers)
    most = [each for each in (facts.max_output_tokens, facts.context_window) if each is not None]
    return _Work(_read(asked, facts), min(most, default=None), answers)


def _read(asked: Asked, facts: Facts) -> int:
    """Return how many tokens are read at most. Whoever has no bound of its own is bounded by the model's window."""
    window, picture = facts.context_window, facts.max_image_tokens
    counted = asked.text_bytes + PREAMBLE + FRAME * asked.framed + KIT * asked.kits
    if asked.text_only or (asked.images and picture is not None and not asked.elsewhere and asked.steps == 1):
        counted += asked.images * (picture or 0)
        return counted if window is None else min(counted, window)
    if window is None:
        what = asked.elsewhere or ("what tools find" if asked.steps > 1 else "a picture")
        remedy = "max_image_tokens or context_window" if what == "a picture" else "context_window"
        raise _NoBound(f"it reads {what}, and nobody knows how much that may be", remedy)
    return window * asked.steps


def _pico(asked: Asked, work: _Work, rates: Rates) -> int:
    """Price the work. What it needs a price for and has none cannot be bounded."""
    each = _dearest_output(asked, rates)
    if each and work.written is None:
        raise _NoBound("nothing says how much it writes at most: send a maximum of tokens", "max_output_tokens")
    return _besides_output(asked, work, rates) + each * work.answers * (work.written or 0)


def _fitting(asked: Asked, work: _Work, rates: Rates, left_pico_usd: int) -> int | None:
    """Return how many tokens an answer may have; below zero: not even what is read fits. None: as many as it likes."""
    each = _dearest_output(asked, rates) * work.answers
    left = left_pico_usd - _besides_output(asked, work, rates)
    if left < 0:
        return -1
    return left // each if each else None


def _besides_output(asked: Asked, work: _Work, rates: Rates) -> int:
    if asked.elsewhere and (rates.page or rates.audio_hour):
        raise _NoBound(f"it reads {asked.elsewhere}, which is billed by its length")
    for calls, price, kind in (
        (asked.searches, rates.web_search, "web_search"),
        (asked.file_searches, rates.file_search, "file_search"),
    ):
        if calls and not price:
            raise _NoBound(f"nobody knows what a search costs: there is no price {kind}")
    fees = asked.searches * rates.web_search + asked.file_searches * rates.file_search
    return work.read * _dearest_input(asked, rates) + rates.request + fees + _units(asked, rates)


def _units(asked: Asked, rates: Rates) -> int:
    """Price what is not counted in tokens: pictures by the piece, speech by the character."""
    if asked.endpoint == "image":
        if not rates.image and not _dearest_output(asked, rates):
            raise _NoBound("nobody knows what a picture costs: there is no price image")
        return asked.choices * rates.image
    if asked.endpoint == "audio":
        if rates.audio_hour or not (rates.character or _dearest_output(asked, rates)):
            raise _NoBound("nobody knows what a character of speech costs: there is no price character")
        return asked.body_bytes * rates.character
    return 0


def _dearest_input(asked: Asked, rates: Rates) -> int:
    """Return the dearest price of a token that is read.

    Anthropic writes into its cache where it is told to, others also on their own.
    """
    kinds = [rates.input, rates.cache_read]
    own_wish = asked.dialect == "anthropic"
    if asked.cache or not own_wish:
        kinds += (rates.cache_write, rates.cache_write_5m)
    if asked.cache == "1h" or not own_wish:
        kinds.append(rates.cache_write_1h)
    if not asked.text_only:
        kinds += (rates.input_audio, rates.input_image, rates.input_video)
        kinds += (rates.cache_read_audio, rates.cache_read_image, rates.cache_read_video)
    return max(kinds)


def _dearest_output(asked: Asked, rates: Rates) -> int:
    if not asked.writes:
        return 0
    kinds = [rates.output, rates.output_reasoning, rates.output_citation]
    if not asked.text_only_answer:
        kinds += (rates.output_audio, rates.output_image, rates.output_video)
    return max(kinds)


def _sentence(found: _NoBound, model: str) -> str:
    """Say what is missing and what would help, to somebody who must now do it."""
    ways = f"{found.remedy} or strict_ceiling_usd" if found.remedy else "strict_ceiling_usd"
    return (
        f"A strict budget must know what a request costs at most, and for '{model}' it cannot: {found.why}. "
        f'The operator can set {ways} under [models."{model}"] in config.toml.'
    )
