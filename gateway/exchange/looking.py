"""Where in a body does something stand that must go? The texts that it consists of, looked through together."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gateway.policies.redaction import Effort, Hit, Redaction, merged
from gateway.wire.escapes import Unescaped, unescape
from gateway.wire.fragments import Fragment

# JSON in a string of JSON in a string of JSON, once more: tools pass on what other tools said.
_DEEPEST: Final = 4
# Half of a secret is none that could be found: the last word of a text that was cut goes, and numbers before it.
_CUT_BYTES: Final = 512
_LAST_WORDS: Final = re.compile(rb"(?:[A-Z0-9+()./-]*[0-9][A-Z0-9+()./-]*[ \t])*\S*\Z")
CUT: Final = b"[cut]"


class Edit(NamedTuple):
    """What stands in a body from `start` to `end`, and what is kept instead."""

    start: int
    end: int
    kept: bytes


class Text(NamedTuple):
    """A text, in the pieces in which it came. `copies`: where a text of one piece stands besides."""

    pieces: Sequence[Fragment]
    copies: Sequence[Fragment] = ()


class _Piece(NamedTuple):
    fragment: Fragment
    copies: Sequence[Fragment]


def look(
    texts: Sequence[Text], redaction: Redaction, effort: Effort, *, escaped: bool, cut: bool = False
) -> tuple[list[Edit], int]:
    """Find what must go; return how often, too. Raise TooMuch.

    `escaped`: the texts stand as JSON writes them. `cut`: what followed them is not known.
    """
    source, starts, pieces, ends = _joined(texts, rb"\n" if escaped else b"\n")
    hits = _hits(source, redaction, effort, escaped=escaped, more=_cuts(source, ends) if cut else [])
    edits = [edit for hit in hits for edit in _edits(hit, starts, pieces)]
    return edits, sum(edit.kept not in (b"", CUT) for edit in edits)


def _joined(texts: Sequence[Text], between: bytes) -> tuple[bytes, list[int], list[_Piece], list[int]]:
    """Put all texts into one, each on a line of its own, so that looking through them costs little."""
    parts: list[bytes] = []
    starts: list[int] = []
    pieces: list[_Piece] = []
    ends: list[int] = []
    at = 0
    for text in texts:
        for fragment in text.pieces:
            starts.append(at)
            pieces.append(_Piece(fragment, text.copies))
            parts.append(fragment.text)
            at += len(fragment.text)
        ends.append(at)
        parts.append(between)
        at += len(between)
    return b"".join(parts), starts, pieces, ends


def _cuts(source: bytes, ends: Sequence[int]) -> list[Hit]:
    hits: list[Hit] = []
    begun = 0
    for end in ends:
        match = _LAST_WORDS.search(source, max(begun, end - _CUT_BYTES), end)
        if match is not None and match.start() < end:
            hits.append(Hit(match.start(), end, CUT))
        begun = end
    return hits


def _hits(source: bytes, redaction: Redaction, effort: Effort, *, escaped: bool, more: Sequence[Hit]) -> list[Hit]:
    """Look through a text as it stands, and as it reads with its escapes read once, twice and so on.

    What is found is widened to whole escapes of every depth: JSON in which it is replaced stays JSON.
    """
    layers: list[Unescaped] = []
    found: list[tuple[int, Hit]] = [(0, hit) for hit in more]
    text = source
    while True:
        layer = unescape(text) if len(layers) < _DEEPEST else None
        if layers or layer is None or not escaped:
            found += [(len(layers), hit) for hit in redaction.find(text, effort)]
        if layer is None:
            break
        layers.append(layer)
        text = layer.text
    return merged([_traced(hit, depth, layers) for depth, hit in found]) if found else []


def _traced(hit: Hit, depth: int, layers: Sequence[Unescaped]) -> Hit:
    """Tell where a hit stands in the source."""
    start, end, mark = hit
    for layer in layers[depth:]:
        start, end = layer.forward(*layer.whole(start, end))
    for layer in reversed(layers):
        start, end = layer.origin(start, end)
    return Hit(start, end, mark)


def _edits(hit: Hit, starts: Sequence[int], pieces: Sequence[_Piece]) -> Iterator[Edit]:
    """Put the mark where the hit begins, and take away the rest, wherever that stands."""
    mark = hit.mark
    number = max(bisect_right(starts, hit.start) - 1, 0)
    while number < len(pieces) and starts[number] < hit.end:
        (fragment, copies), begins = pieces[number], starts[number]
        start, end = max(hit.start - begins, 0), min(hit.end - begins, len(fragment.text))
        if start < end:
            for each in (fragment, *copies):
                if each.bare:
                    yield Edit(each.start, each.end, b'"%b"' % mark)
                else:
                    yield Edit(each.start + start, each.start + end, mark)
            if not fragment.bare:
                mark = b""
        number += 1
