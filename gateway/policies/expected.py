"""What will a request probably cost, in money and in tokens? Learned by team and model from what requests did cost.

It is what soft budgets hold, and limits on tokens and money.

Agents send a maximum that they never reach, so that a bound would refuse them while nearly all their money is left.
"""

from typing import Final

from gateway.core.money import nano_from_pico
from gateway.policies.rates import Rates

REMEMBERED: Final = 2_048  # teams x models; the longest unused is forgotten
# An answer costs about as much as so many bytes of question do, however short the question is.
_ANSWER_BYTES: Final = 8_192
_SCALE: Final = 1 << 20
_STEADY: Final = 16  # the weight of one cost among those before it is 1/16 at last
_BYTES_PER_TOKEN: Final = 4
_MODEST_OUTPUT: Final = 1_000


class Learned:
    """What requests of one team to one model did cost: means per byte, in which late ones weigh more than early ones.

    Integers only.
    """

    __slots__ = ("_money", "_times", "_tokens")

    def __init__(self) -> None:
        self._money = 0
        self._tokens = 0
        self._times = 0

    def expect(self, size_bytes: int) -> int | None:
        """Return what a request of this size is expected to cost; None: nothing is known yet (`first_guess`)."""
        return -(-self._money * (size_bytes + _ANSWER_BYTES) // _SCALE) if self._times else None

    def expect_tokens(self, size_bytes: int) -> int | None:
        """Return how many tokens it is expected to read and write; None: nothing is known yet (`first_tokens`)."""
        return -(-self._tokens * (size_bytes + _ANSWER_BYTES) // _SCALE) if self._times else None

    def learn(self, size_bytes: int, cost_nano_usd: int, tokens: int = 0) -> None:
        """Take in what a request did cost in the end."""
        weight = size_bytes + _ANSWER_BYTES
        if self._times < _STEADY:
            self._times += 1
        self._money += (cost_nano_usd * _SCALE // weight - self._money) // self._times
        self._tokens += (tokens * _SCALE // weight - self._tokens) // self._times


class Expected:
    """A worker's memory: what each team's requests to each model did cost."""

    __slots__ = ("_learned", "_remembered")

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._learned: dict[tuple[str, str], Learned] = {}

    def of(self, team: str, model: str) -> Learned:
        """Return what is known, to be kept by whoever asks more often. Beyond the bound the longest unused is lost."""
        key = (team, model)
        learned = self._learned.pop(key, None)
        if learned is None:
            learned = Learned()
            if len(self._learned) >= self._remembered:
                del self._learned[next(iter(self._learned))]
        self._learned[key] = learned
        return learned


def first_guess(size_bytes: int, max_output_tokens: int | None, rates: Rates) -> int:
    """Guess a cost of which nothing is known: four bytes a token, and a modest answer."""
    read, written = _read(size_bytes), _written(max_output_tokens)
    return nano_from_pico(read * rates.input + written * rates.output + rates.request)


def first_tokens(size_bytes: int, max_output_tokens: int | None) -> int:
    """Guess the tokens in the same way."""
    return _read(size_bytes) + _written(max_output_tokens)


def _read(size_bytes: int) -> int:
    return -(-size_bytes // _BYTES_PER_TOKEN)


def _written(max_output_tokens: int | None) -> int:
    return _MODEST_OUTPUT if max_output_tokens is None else min(max_output_tokens, _MODEST_OUTPUT)
