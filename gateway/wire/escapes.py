"""What does a text say once its JSON escapes are read, and where did each part of it stand? For who searches in it."""

import re
from bisect import bisect_right
from typing import Final

import orjson

# A pair of surrogates is one character.
_ESCAPE: Final = re.compile(
    rb'\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})'
)
_PLAIN: Final = {
    b'\\"': b'"', b"\\\\": b"\\", b"\\/": b"/", b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r",
    b"\\t": b"\t",
}  # fmt: skip


class Unescaped:
    """A text whose escapes were read, once. Where things stand is worked out when somebody asks."""

    __slots__ = ("_before", "_places", "_source", "_sources", "text")

    def __init__(self, source: bytes) -> None:
        self._source = source
        # From each of these places in `text` on, it stands as it does from the same one in the source.
        self._places: list[int] = []
        self._sources: list[int] = []
        self._before: list[int] = []  # where the escape before it begins in the source
        self.text = _decoded(source)

    def _locate(self) -> None:
        if self._places:
            return
        places, sources, before = [0], [0], [0]
        shorter = 0  # so much is the text than the source, up to here
        for match in _ESCAPE.finditer(self._source):
            start, end = match.span()
            shorter += end - start - len(_character(match))
            places.append(end - shorter)
            sources.append(end)
            before.append(start)
        self._places, self._sources, self._before = places, sources, before

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of the text stands in the source, with all of the escapes that it touches."""
        self._locate()
        return self._origin(start, -1), self._origin(end, 1)

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """Return a stretch of the source with all of the escapes that it touches: what is left of it can be read."""
        self._locate()
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
        self._locate()
        return self._place(start), self._place(end)

    def _place(self, source: int) -> int:
        number = bisect_right(self._sources, source) - 1
        place = self._places[number] + source - self._sources[number]
        # An escape that follows is not shorter than what it stands for.
        return min(place, self._places[number + 1]) if number + 1 < len(self._places) else place

    def _origin(self, place: int, side: int) -> int:
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


def _decoded(source: bytes) -> bytes:
    try:
        text: str = orjson.loads(b'"%b"' % source)
        return text.encode()
    except ValueError:  # it is no whole JSON text, or holds half of a pair
        return _ESCAPE.sub(_character, source)


def _character(escape: re.Match[bytes]) -> bytes:
    written = escape[0]
    plain = _PLAIN.get(written)
    if plain is not None:
        return plain
    units = bytes.fromhex(written.replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
