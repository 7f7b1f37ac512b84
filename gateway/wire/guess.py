"""How many tokens is what an answer says, where nobody tells? A few numbers for each dialect, and the sum they make.

The numbers are fitted to recorded answers, and rounded; docs/estimates.md says how well they do.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

# A stream whose deltas are shorter on average sends a token in each: their number is the better count.
SINGLE_TOKENS: Final = 1.6


class Numbers(NamedTuple):
    """What the models of a dialect take for a token.

    `text_bytes`: of text, in UTF-8. `call_tokens`: what a call takes beside its name and its arguments. `seal_bytes`:
    how much of a sealed (encrypted) reasoning is only the seal. `sealed_bytes`: how much of the rest is a token.
    """

    text_bytes: float
    call_tokens: int
    seal_bytes: int
    sealed_bytes: float


# Text: English prose has 4.4 bytes a token with OpenAI, Groq, Mistral and others, code 4.1, Markdown 3.7; Claude takes
# more tokens for the same. Calls: the frame that a model writes around them; Claude's is XML. Sealed reasoning: base64
# of four or five bytes a token, behind a head of its own.
OPENAI: Final = Numbers(text_bytes=4, call_tokens=10, seal_bytes=850, sealed_bytes=6.5)
ANTHROPIC: Final = Numbers(text_bytes=3.5, call_tokens=40, seal_bytes=250, sealed_bytes=16 / 3)
GEMINI: Final = Numbers(text_bytes=4, call_tokens=8, seal_bytes=64, sealed_bytes=16 / 3)


def utf8_length(text: str) -> int:
    """Return how many bytes a text takes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


class Guess:
    """Adds up what was said: what flows, delta by delta, and what stands there once."""

    __slots__ = ("_numbers", "_once", "_sealed", "_shown", "aside", "deltas", "flowing")

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.flowing = 0.0  # tokens of text by its length
        self.deltas = 0  # events that held some of it
        self.aside = False  # the event that was read last is counted elsewhere
        self._once = 0.0
        self._shown = 0.0  # reasoning that flowed: a seal holds it once more
        self._sealed = 0.0

    def text(self, value: Any) -> None:
        """Add a piece of text."""
        if type(value) is str and value:
            self.flowing += utf8_length(value) / self._numbers.text_bytes

    def thought(self, value: Any) -> None:
        """Add a piece of reasoning, or of its summary."""
        before = self.flowing
        self.text(value)
        self._shown += self.flowing - before

    def call(self, name: Any, arguments: Any = None) -> None:
        """Add a call; of a stream, without the arguments that flow."""
        size = utf8_length(name) if type(name) is str else 0
        if type(arguments) is str:
            size += utf8_length(arguments)
        elif arguments:
            size += len(msgspec.json.encode(arguments))
        self._once += self._numbers.call_tokens + size / self._numbers.text_bytes

    def seal(self, value: Any) -> None:
        """Add reasoning that came encrypted: its length tells how much there was, that of a summary does not."""
        if type(value) is str:
            self._sealed += max(0.0, (len(value) - self._numbers.seal_bytes) / self._numbers.sealed_bytes)

    def flow(self) -> float:
        """Return the tokens of the text."""
        single = self.deltas > 0 and self.flowing <= self.deltas * SINGLE_TOKENS
        return float(self.deltas) if single else self.flowing

    def once(self) -> float:
        """Return the tokens of the rest."""
        return self._once + max(0.0, self._sealed - self._shown)


Reader = Callable[[dict[str, Any], Guess], None]  # adds what a document, or an event, says


class Words(NamedTuple):
    """How the text of a dialect's whole answers is found, and counted."""

    numbers: Numbers
    read: Reader


def _read_all(document: dict[str, Any], guess: Guess) -> None:
    guess.text(msgspec.json.encode(document).decode("utf-8", "replace"))


BY_SIZE: Final = Words(OPENAI, _read_all)  # where a dialect does not say how
