"""Money is integers: amounts in nano-USD, prices in pico-USD per their own unit."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

NANO_PER_USD: Final = 10**9
PICO_PER_NANO: Final = 1_000
PICO_PER_USD = 10**12

# Quicker than formatting, twice for bytes.
whole_digits: Final = msgspec.json.Encoder().encode


def nano_from_pico(pico_usd: int) -> int:
    """Round an amount up to whole nano-USD: never book less than was spent."""
    return -(-pico_usd // PICO_PER_NANO)


def usd_text(nano_usd: int) -> str:
    """Write an amount as an exact decimal string in USD, e.g. 1_500 -> "0.0000015"."""
    sign = "-" if nano_usd < 0 else ""
    digits = str(abs(nano_usd)).zfill(10)
    fraction = digits[-9:].rstrip("0")
    return sign + digits[:-9] + "." + fraction if fraction else sign + digits[:-9]


def usd_digits(nano_usd: int) -> bytes:
    """Write an amount that is not negative with all nine digits behind the point: quicker than the shortest text."""
    digits = whole_digits(nano_usd)
    if nano_usd < NANO_PER_USD:
        digits = digits.zfill(10)
    return digits[:-9] + b"." + digits[-9:]


def usd_text_from_pico(pico_usd: int) -> str:
    """Write an amount of pico-USD in the same way."""
    nano_usd, rest = divmod(abs(pico_usd), PICO_PER_NANO)
    sign = "-" if pico_usd < 0 else ""
    if not rest:
        return sign + usd_text(nano_usd)
    return f"{sign}{nano_usd // NANO_PER_USD}.{nano_usd % NANO_PER_USD:09}{rest:03}".rstrip("0")


def nano_from_usd(usd: Decimal | str) -> int:
    """Read an amount in USD, rounded half-up to nano-USD."""
    return int((Decimal(usd) * NANO_PER_USD).to_integral_value(ROUND_HALF_UP))
