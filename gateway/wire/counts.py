"""How are a provider's numbers read without trusting them? Anything that is no plausible count is no count."""

from decimal import Decimal
from typing import Any, Final

from gateway.core.money import nano_from_usd
from gateway.core.usage import Usage

MOST: Final = 1 << 40  # no exchange has more tokens; keeps every sum inside 64 bits
MOST_USD: Final = 1_000_000


def count(value: Any) -> int:
    """Read a count: whole numbers, also as a float or as text; 0 for anything else."""
    if type(value) is int:
        return value if 0 <= value <= MOST else 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 14:
        value = float(value)
    if isinstance(value, float) and 0 <= value <= MOST:
        return int(value)
    return 0


def amount(value: Any) -> float:
    """Read a measure such as seconds; 0 for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST:
        return float(value)
    return 0.0


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


def clamp(usage: Usage) -> Usage:
    """Cut every part to its total: a provider's details may contradict its totals, our books may not."""
    room = usage.input_total
    room -= _cut(usage, "input_cached_read", room) if usage.input_cached_read else 0
    if usage.input_cache_write_5m or usage.input_cache_write_1h or usage.input_cache_write_other:
        for name in ("input_cache_write_1h", "input_cache_write_5m", "input_cache_write_other"):
            room -= _cut(usage, name, room)
    if usage.input_audio or usage.input_image or usage.input_tool:
        for name in ("input_audio", "input_image", "input_tool"):
            _cut(usage, name, usage.input_total)
    if usage.output_reasoning:
        _cut(usage, "output_reasoning", usage.output_total)
    if usage.output_audio or usage.output_image:
        for name in ("output_audio", "output_image"):
            _cut(usage, name, usage.output_total)
    return usage


def _cut(usage: Usage, name: str, most: int) -> int:
    value: int = getattr(usage, name)
    if value > most:
        setattr(usage, name, most)
        return most
    return value
