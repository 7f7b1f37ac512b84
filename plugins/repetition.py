"""Does the answer go round in circles?

`rep4`: share of its sequences of four words that came before (of Chinese and Japanese: of eight characters). `zratio`:
its size when compressed by zlib, by its true size. `tail_loop_chars`: how much of its end is one unit of at most 200
characters, four times or more. The main score is True where the loop at the end has 80 characters and a quarter of the
text; or, of the prose without code, tables and base64, where 100 words or more have a rep4 above 0.5, or 500 bytes or
more a zratio below 0.15.
"""

import re
import zlib
from typing import Final, NamedTuple

from gateway.evaluation.api import Evaluator, Exchange, NoParams, Result, ScoreSpec, Skip
from gateway_plugins._answer import answer_of
from gateway_plugins._text import capped, prose, words

_LONGEST_UNIT: Final = 200
_FEWEST_REPEATS: Final = 4
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class Loop(NamedTuple):
    """What a text ends in: `chars` of it are `repeats` times one unit."""

    chars: int = 0
    unit: int = 0
    repeats: int = 0


class Repetition(Evaluator[NoParams]):
    """Say how much an answer repeats itself."""

    name = "repetition"
    version = "1.0.0"
    scores = (
        ScoreSpec(direction="min"),
        ScoreSpec("rep4", "numeric", low=0, high=1, direction="min"),
        ScoreSpec("zratio", "numeric", low=0, direction="none"),
        ScoreSpec("tail_loop_chars", "numeric", low=0, direction="min"),
    )

    def evaluate(self, target: Exchange) -> list[Result]:
        """Measure the answer; also one that was broken off, which is what people do with such answers."""
        text, evidence = capped(answer_of(target).text)
        if not text.strip():
            raise Skip("no_text")
        loop = tail_loop(text)
        if loop.repeats:
            evidence["loop"] = {"unit": loop.unit, "repeats": loop.repeats}
        is_looping = loop.chars >= max(80, 0.25 * len(text))
        return [
            Result(is_looping or _is_monotonous(prose(text)), evidence=evidence),
            Result(rep4(text)[0], "rep4"),
            Result(zratio(text), "zratio"),
            Result(loop.chars, "tail_loop_chars"),
        ]


def rep4(text: str) -> tuple[float, int]:
    """Return the share of repeated sequences, and the number of words (of Chinese and Japanese: characters)."""
    tokens: list[str] | str = words(text)
    length = 4
    letters = "".join(tokens)
    if letters and len(_CJK.findall(letters)) * 2 > len(letters):
        tokens, length = letters, 8
    total = len(tokens) - length + 1
    if total < 1:
        return 0.0, len(tokens)
    distinct = {tuple(tokens[at : at + length]) for at in range(total)}
    return 1 - len(distinct) / total, len(tokens)


def zratio(text: str) -> float:
    """Return how far a text can be compressed."""
    data = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(data, 6)) / len(data)


def tail_loop(text: str) -> Loop:
    """Find the unit that makes up most of a text's end; of equal ones the shortest."""
    text = text.rstrip()
    best = Loop()
    for unit in range(1, min(_LONGEST_UNIT, len(text) // _FEWEST_REPEATS) + 1):
        repeats = _repeats(text, unit)
        if repeats >= _FEWEST_REPEATS and repeats * unit > best.chars:
            best = Loop(repeats * unit, unit, repeats)
    return best


def _repeats(text: str, unit: int) -> int:
    last = text[-unit:]
    at = len(text) - unit
    while at >= unit and text.startswith(last, at - unit):
        at -= unit
    return (len(text) - at) // unit


def _is_monotonous(text: str) -> bool:
    repeated, count = rep4(text)
    if count >= 100 and repeated > 0.5:
        return True
    return len(text.encode("utf-8", "surrogatepass")) >= 500 and zratio(text) < 0.15
