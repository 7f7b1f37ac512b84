"""What does a text say once its JSON escapes are read, and where did each part of it stand? For who searches in it."""

import re
from bisect import bisect_right
from typing import Final

# A pair of surrogates is one character.
_ESCAPE: Final = re.compile(
    rb'\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})'
)
_PLAIN: Final = {
    b'\\"': b'"', b"\\\\": b"\\", b"\\/": b"/", b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r",
    b"\\t": b"\t",
}  # fmt: skip


class Unescaped:
    """A text whose escapes were read, once."""

    __slots__ = ("_before", "_places", "_sources", "text")

    def __init__(self, source: bytes) -> None:
        parts: list[bytes] = []
        # From each of these places in `text` on, it stands as it does from the same one in the source.
        self._places = places = [0]
        self._sources = sources = [0]
        self._before = before = [0]  # where the escape before it begins in the source
        at = length = 0
        for match in _ESCAPE.finditer(source):
            start, end = match.span()
            character = _PLAIN.get(source[start:end]) or _character(source[start:end])
            parts.append(source[at:start])
            parts.append(character)
            length += start - at + len(character)
            at = end
            places.append(length)
            sources.append(end)
            before.append(start)
        parts.append(source[at:])
        self.text = b"".join(parts)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of the text stands in the source, with all of the escapes that it touches."""
        return self._source(start, -1), self._source(end, 1)

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return a stretch of the source with all of the escapes that it touches: what is left of it can be read."""
        sources, before = self._sources, self._before
        number = bisect_right(sources, start)  # the first escape that ends behind `start`
        if number < len(sources) and before[number] < start:
            start = before[number]
        number = bisect_right(sources, end)
        if number < len(sources) and before[number] < end:
            end = sources[number]
        return start, end

    def forward(self, start: int, end: int) -> tuple[int, int]:
        """Return where a whole stretch of the source stands in the text."""
        return self._place(start), self._place(end)

    def _place(self, source: int) -> int:
        number = bisect_right(self._sources, source) - 1
        place = self._places[number] + source - self._sources[number]
        # An escape that follows is not shorter than what it stands for.
        return min(place, self._places[number + 1]) if number + 1 < len(self._places) else place

    def _source(self, place: int, side: int) -> int:
        number = bisect_right(self._places, place) - 1
        source = self._sources[number] + place - self._places[number]
        if number + 1 < len(self._before) and source > self._before[number + 1]:  # inside a character
            return self._before[number + 1] if side < 0 else self._sources[number + 1]
        return source


def unescape(source: bytes) -> Unescaped | None:
    """Read the escapes of a text once; None: there are none in it."""
    if source.find(b"\\") < 0 or _ESCAPE.search(source) is None:
        return None
    return Unescaped(source)


def _character(escape: bytes) -> bytes:
    units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
