"""Exchange ids: UUIDv7, so that ids sort by time and name the day file that holds them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final


class IdMaker:
    """Make UUIDv7 strings; `random_bytes(n)` is the entropy (os.urandom), drawn for many ids at once."""

    __slots__ = ("_at", "_ms", "_pool", "_prefix", "_random_bytes")

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._pool = ""
        self._at = 0
        self._ms = -1
        self._prefix = ""

    def new(self, now_ns: int) -> str:
        """Return a new id for the wall-clock instant `now_ns` (nanoseconds since the epoch)."""
        at = self._at
        bits = self._pool[at : at + 19]
        if len(bits) < 19:
            self._pool = self._random_bytes(4750).hex()
            at = 0
            bits = self._pool[:19]
        self._at = at + 19
        ms = now_ns // 1_000_000
        if ms != self._ms:
            digits = f"{ms:012x}"
            self._ms = ms
            self._prefix = f"{digits[:8]}-{digits[8:]}-7"
        return f"{self._prefix}{bits[:3]}-{_VARIANT[bits[3]]}{bits[4:7]}-{bits[7:]}"


# RFC 9562: the two top bits of this digit are 10.
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def started_ms(exchange_id: str) -> int:
    """Read the milliseconds since the epoch out of an exchange id."""
    return int(exchange_id[:8] + exchange_id[9:13], 16)


def day_of(exchange_id: str) -> str:
    """Return the UTC day ("2026-11-23") to whose file an exchange id belongs."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=started_ms(exchange_id))).date().isoformat()
