"""What is a request billed by whose answer does not tell? Characters to speak, pictures, seconds of a recording."""

import re
from collections.abc import Callable
from math import ceil

import msgspec

from gateway.core.usage import Usage
from gateway.wire.counts import count, members
from gateway.wire.scan import UNREADABLE
from gateway.wire.shapes import Wanted

# Of a recording only the size is known: 128 kbit a second, the usual rate of a compressed one. What is not compressed
# counts longer.
RECORDED_BYTES_PER_S = 16_000
# Models that are paid by the token write about so many for a character that they speak: 1,250 a minute, in which one
# says 900 characters.
SPOKEN_TOKENS_PER_CHARACTER = 1.4
MOST_IMAGES = 100

_decode = msgspec.json.Decoder(Wanted).decode
_FORM_NUMBER = re.compile(rb'name="?n"?\r\n(?:[^\r\n]+\r\n)*\r\n(\d{1,3})\r\n', re.IGNORECASE)


class Billed:
    """A request's body, as far as it is at hand, and what of it is billed (of its endpoint)."""

    __slots__ = ("body", "counts")

    def __init__(self, body: bytes = b"", counts: str = "") -> None:
        self.body = body
        self.counts = counts


def add_asked(usage: Usage, asked: Billed, body_bytes: int) -> None:
    """Add to an estimate what of the request is billed. `body_bytes`: its true length."""
    _COUNTS[asked.counts](usage, asked.body, body_bytes)


def _add_characters(usage: Usage, body: bytes, _: int) -> None:
    said = _read(body).input
    if isinstance(said, str):
        usage.characters = len(said)
        usage.output_total = usage.output_audio = ceil(len(said) * SPOKEN_TOKENS_PER_CHARACTER)


def _add_images(usage: Usage, body: bytes, _: int) -> None:
    wanted = _read(body)
    form = _FORM_NUMBER.search(body)
    number = count(int(form[1]) if form else wanted.n or members(wanted.parameters).get("sampleCount"))
    usage.images = min(max(number, 1), MOST_IMAGES)


def _add_seconds(usage: Usage, _: bytes, body_bytes: int) -> None:
    usage.seconds = float(ceil(body_bytes / RECORDED_BYTES_PER_S))


def _read(body: bytes) -> Wanted:
    try:
        return _decode(body)
    except UNREADABLE:
        return Wanted()


_COUNTS: dict[str, Callable[[Usage, bytes, int], None]] = {
    "characters": _add_characters,
    "images": _add_images,
    "seconds": _add_seconds,
}
