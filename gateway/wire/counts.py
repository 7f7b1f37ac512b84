"""How are a provider's numbers read without trusting them? What no count can be spoils what it is part of."""

from decimal import Decimal
from typing import Any, Final

from gateway.core.money import nano_from_usd
from gateway.core.usage import Usage

MOST: Final = 1 << 40  # no exchange has more tokens; keeps every sum inside 64 bits
MOST_USD: Final = 1_000_000
SPOILED: Final = -(1 << 50)  # stands for a value that none can be: every sum that it is in is below zero


def count(value: Any) -> int:
    """Read a count: whole numbers, also as a float or as text; 0 for what is not there, else SPOILED."""
    if type(value) is int:
        return value if 0 <= value <= MOST else SPOILED
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 14:
        value = float(value)
    if isinstance(value, float) and 0 <= value <= MOST:
        return int(value)
    return SPOILED


def amount(value: Any) -> float:
    """Read a measure such as seconds; 0 for what is not there, else SPOILED."""
    if value is None:
        return 0.0
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST:
        return float(value)
    return float(SPOILED)


def cost_nano_usd(value: Any) -> int | None:
    """Read an amount in USD that a provider charged; None: it named none."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_USD:
        return None
    return nano_from_usd(Decimal(str(value)))


def members(value: Any) -> dict[str, Any]:
    """Return a nested object, empty where it is none."""
    return value if type(value) is dict else {}


def text(value: Any) -> str | None:
    """Return a short text such as a service tier."""
    return value[:64] if isinstance(value, str) and value else None


def clamp(usage: Usage, *, plain: bool = False) -> Usage:
    """Cut every part to its total: a provider's details may contradict its totals, our books may not.

    What is spoiled is left out and makes the usage suspect; with a spoiled total nothing of it is believed.
    `plain`: no parts were read but the cache's and reasoning.
    """
    room, written = usage.input_total, usage.output_total
    if room < 0 or written < 0:
        return Usage(raw=usage.raw, suspect=True)
    if usage.input_cached_read:
        room -= _cut(usage, "input_cached_read", room)
    if usage.input_cache_write_5m or usage.input_cache_write_1h or usage.input_cache_write_other:
        for name in ("input_cache_write_1h", "input_cache_write_5m", "input_cache_write_other"):
            room -= _cut(usage, name, room)
    if usage.output_reasoning:
        _cut(usage, "output_reasoning", written)
    if not plain:
        _clamp_rare(usage)
    return usage


def _clamp_rare(usage: Usage) -> None:
    bounds = (
        (usage.input_total, ("input_audio", "input_image", "input_video", "input_tool")),
        (usage.input_cached_read, ("input_cached_audio", "input_cached_image", "input_cached_video")),
        (usage.output_total, ("output_audio", "output_image", "output_video", "output_citation")),
        (MOST, ("web_searches", "file_searches", "characters", "images", "pages")),
    )
    for most, names in bounds:
        for name in names:
            _cut(usage, name, most)
    if usage.seconds < 0:
        usage.seconds = 0.0
        usage.suspect = True


def _cut(usage: Usage, name: str, most: int) -> int:
    value: int = getattr(usage, name)
    if value > most:
        value = most
    elif value < 0:
        value = 0
        usage.suspect = True
    else:
        return value
    setattr(usage, name, value)
    return value
