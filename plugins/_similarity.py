"""How alike are two texts? Four measures from 0 to 1, each as its inventors define it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway_plugins._text import words

_ORDERS: Final = range(1, 7)  # of chrF
_BETA_SQUARED: Final = 4


def levenshtein(one: str, other: str) -> float:
    """Return 1 - edits / length of the longer one."""
    longest = max(len(one), len(other))
    return 1 - distance(one, other) / longest if longest else 1.0


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the insertions, deletions and replacements that lead from one to the other.

    A column of the table of differences is two bit vectors (Myers 1999, Hyyrö 2003), so that it costs a few operations
    on long integers instead of one for each cell.
    """
    if not one or not other:
        return max(len(one), len(other))
    places = _places(one)
    everywhere, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    up, down, edits = everywhere, 0, len(one)
    for item in other:
        here = places.get(item, 0)
        same = (((here & up) + up) ^ up) | here | down
        right_up = down | ~(same | up) & everywhere
        right_down = up & same
        edits += (1 if right_up & last else 0) - (1 if right_down & last else 0)
        right_up = (right_up << 1 | 1) & everywhere
        right_down = right_down << 1 & everywhere
        up = right_down | ~(same | right_up) & everywhere
        down = right_up & same
    return edits


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by bit vectors, too (Crochemore 2001)."""
    places = _places(one)
    everywhere = (1 << len(one)) - 1
    row = everywhere
    for item in other:
        taken = row & places.get(item, 0)
        row = ((row + taken) | (row - taken)) & everywhere
    return len(one) - row.bit_count()


def token_f1(one: str, other: str) -> float:
    """Return the F1 of the words that both have, as often as both have them."""
    mine, theirs = Counter(words(one)), Counter(words(other))
    total = mine.total() + theirs.total()
    return 2 * (mine & theirs).total() / total if total else 1.0


def rouge_l(one: str, other: str) -> float:
    """Return the F1 of the longest common subsequence of words."""
    mine, theirs = words(one), words(other)
    total = len(mine) + len(theirs)
    return 2 * longest_common(mine, theirs) / total if total else 1.0


def chrf2(one: str, other: str) -> float:
    """Return the F2 of sequences of 1 to 6 characters, `other` being the reference; white space does not count."""
    mine, theirs = "".join(one.split()), "".join(other.split())
    if not mine and not theirs:
        return 1.0
    precisions, recalls = [], []
    for order in _ORDERS:
        ours, expected = _sequences(mine, order), _sequences(theirs, order)
        if ours and expected:
            both = (ours & expected).total()
            precisions.append(both / ours.total())
            recalls.append(both / expected.total())
    if not any(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + _BETA_SQUARED) * precision * recall / (_BETA_SQUARED * precision + recall)


MEASURES: Final[Mapping[str, Callable[[str, str], float]]] = {
    "token_f1": token_f1,
    "levenshtein": levenshtein,
    "rouge_l": rouge_l,
    "chrf2": chrf2,
}


def _places(text: Sequence[str]) -> dict[str, int]:
    """Return for each item the bits of the places where it stands."""
    places: dict[str, int] = {}
    for number, item in enumerate(text):
        places[item] = places.get(item, 0) | 1 << number
    return places


def _sequences(text: str, length: int) -> Counter[str]:
    return Counter(text[at : at + length] for at in range(len(text) - length + 1))
