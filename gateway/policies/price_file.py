"""Is what somebody offers as a price list one? And how is it kept, so that reading it never takes long?

A source is genai-prices' own data: a JSON array of providers. It is checked completely before anything of it counts.
Kept it is an array, too, of one element a line: what is known of the list, then providers of a few models each.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from genai_prices.types import (
    ClauseAnd,
    ClauseOr,
    ClauseRegex,
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
    _providers_from_raw,
)
from pydantic import ValidationError

from gateway.policies.price_table import KIND_OF_KEY, PriceList

MAX_BYTES = 32 << 20
MAX_USD = 10**6  # as in config: more than that is a mistake, whatever it is for
# A step of reading is so many models: about a millisecond, and meanwhile a worker serves nobody.
_STEP_MODELS = 50
_MAX_WORDS = 200

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class BadPrices(ValueError):
    """This is no price list to go by; the text says why."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kept list. `version` stands in records; `sha256` is that of the source's bytes."""

    version: str
    sha256: str
    obtained_at: float
    source: str
    models: int


_decode_header = msgspec.json.Decoder(Header).decode


class Checked(NamedTuple):
    """A sound source, in the pieces that it is kept in."""

    sha256: str
    models: int
    pieces: list[dict[str, Any]]


def check(raw: bytes, known_models: int) -> Checked:
    """Check a source; raise BadPrices. One with less than half of the models that are known now lost its other half."""
    providers = _providers(raw)
    pieces = [piece for provider in providers for piece in _pieces(provider)]
    models = sum(_check(piece) for piece in pieces)
    if not models:
        raise BadPrices("it has no models")
    if 2 * models < known_models:
        raise BadPrices(f"it has {models} models, less than half of the {known_models} of the list in force")
    return Checked(digest(raw), models, pieces)


def digest(raw: bytes) -> str:
    """Name a source by its content."""
    return sha256(raw).hexdigest()


def header_of(checked: Checked, source: str, at_unix_s: float) -> Header:
    """Describe a source that was obtained at that instant."""
    instant = datetime.fromtimestamp(at_unix_s, UTC).strftime("%Y-%m-%dT%H:%MZ")
    return Header(
        version=f"prices.json {checked.sha256[:8]} {instant}",
        sha256=checked.sha256,
        obtained_at=at_unix_s,
        source=source,
        models=checked.models,
    )


def kept(header: Header, checked: Checked) -> bytes:
    """Write a list as it is kept."""
    return b"[" + b",\n".join([_encode(header), *map(_encode, checked.pieces)]) + b"]\n"


def prepare() -> None:
    """Make the library build its parser now: that takes ten milliseconds, in which a worker serves nobody."""
    _providers_from_raw([])


class Reading:
    """Read a kept list step by step, so that others get their turn in between. Raises BadPrices if it is damaged."""

    def __init__(self, data: bytes) -> None:
        lines = (line.strip(b"[,]") for line in data.splitlines())
        try:
            self.header = _decode_header(next(lines, b""))
        except msgspec.DecodeError as error:
            raise BadPrices(f"it does not begin as a kept list does: {error}") from error
        self._lines: Iterator[bytes] = lines
        self._providers: dict[str, Provider] = {}

    def steps(self) -> Iterator[None]:
        """Read on with each step, to the end."""
        for line in self._lines:
            try:
                provider = _parsed(_decode(line))
            except msgspec.DecodeError as error:
                raise BadPrices(f"it is damaged: {error}") from error
            known = self._providers.setdefault(provider.id, provider)
            if known is not provider:
                known.models += provider.models
            yield

    def prices(self) -> PriceList:
        """Return the list, once it was read to its end."""
        prices = PriceList(list(self._providers.values()), self.header.version)
        if prices.size != self.header.models:
            raise BadPrices(f"it is damaged: {prices.size} of {self.header.models} models are left")
        return prices


def _providers(raw: bytes) -> list[dict[str, Any]]:
    if len(raw) > MAX_BYTES:
        raise BadPrices(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        providers = _decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadPrices(f"it is no JSON that can be read ({error}), and begins with {_shown(raw[:40])}") from error
    if not isinstance(providers, list) or not all(isinstance(each, dict) for each in providers):
        raise BadPrices("it is no array of providers, as genai-prices' v2/data.json is")
    ids = [each.get("id") for each in providers]
    if doubled := {name for name in map(str, ids) if ids.count(name) > 1}:
        raise BadPrices(f"it lists {_shown(min(doubled))} twice")
    return providers


def _pieces(provider: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut a provider up. How usage is extracted is left out: that we know ourselves, and its forms are many."""
    about = {name: value for name, value in provider.items() if name not in ("models", "extractors")}
    models = provider.get("models")
    if not isinstance(models, list):
        raise BadPrices(f"provider {_shown(provider.get('id'))} has no array of models")
    for at in range(0, len(models) or 1, _STEP_MODELS):
        yield about | {"models": models[at : at + _STEP_MODELS]}


def _check(piece: dict[str, Any]) -> int:
    """Check a piece and count its models."""
    provider = _parsed(piece)
    try:
        re.compile(provider.api_pattern)
        for clause in (provider.model_match, provider.provider_match, *(model.match for model in provider.models)):
            _check_clause(clause)
        for model in provider.models:
            _check_prices(model)
    except (ValueError, re.error, RecursionError) as error:
        raise BadPrices(f"provider {_shown(provider.id)}: {_shown(error)[1:-1]}") from error
    return len(provider.models)


def _parsed(piece: dict[str, Any]) -> Provider:
    try:
        (provider,) = _providers_from_raw([piece])
    except Exception as error:  # whatever the library makes of data that is none
        raise BadPrices(f"provider {_shown(piece.get('id'))}: {_shown(_what(error))[1:-1]}") from error
    return provider


def _what(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__} {error}"
    first = error.errors()[0]
    place = [str(step) for step in first["loc"] if step != 0]
    return f"{'.'.join(place)}: {first['msg']}"


def _check_clause(clause: object) -> None:
    if isinstance(clause, ClauseRegex):
        re.compile(clause.regex)
    elif isinstance(clause, ClauseOr | ClauseAnd):
        for each in clause.or_ if isinstance(clause, ClauseOr) else clause.and_:
            _check_clause(each)


def _check_prices(model: ModelInfo) -> None:
    sets = [model.prices] if isinstance(model.prices, ModelPrice) else [each.prices for each in model.prices]
    if not sets:
        raise ValueError(f"model {model.id} has no prices")
    for prices in (*sets, *(variant.prices for variant in model.price_variants or ())):
        for key, price in vars(prices).items():
            if key in KIND_OF_KEY and not all(0 <= usd <= MAX_USD for usd in _figures(price)):
                raise ValueError(f"model {model.id}: {key} is not between 0 and {MAX_USD} USD")


def _figures(price: Decimal | TieredPrices | None) -> Iterable[Decimal]:
    """Return what must be a price; a tier below the first token makes none of it one."""
    if isinstance(price, TieredPrices):
        if any(tier.start < 0 for tier in price.tiers):
            raise ValueError("a tier starts below 0")
        return (price.base, *(tier.price for tier in price.tiers))
    return () if price is None else (price,)


def _shown(value: object) -> str:
    """Quote what came from elsewhere: short, on one line, and harmless for a terminal."""
    text = ascii(value if isinstance(value, bytes | str) else str(value))
    return text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS]}…"
