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


class Expected:
    """A worker's memory. Integers only: mean costs per byte, in which late requests weigh more than early ones."""

    __slots__ = ("_learned", "_remembered")

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._learned: dict[tuple[str, str], list[int]] = {}  # [mean of money, mean of tokens, how many]

    def expect(self, team: str, model: str, size_bytes: int) -> int | None:
        """Return what a request of this size is expected to cost; None: nothing is known yet (`first_guess`)."""
        return self._expect(team, model, size_bytes, 0)

    def expect_tokens(self, team: str, model: str, size_bytes: int) -> int | None:
        """Return how many tokens it is expected to read and write; None: nothing is known yet (`first_tokens`)."""
        return self._expect(team, model, size_bytes, 1)

    def _expect(self, team: str, model: str, size_bytes: int, which: int) -> int | None:
        learned = self._learned.get((team, model))
        return None if learned is None else -(-learned[which] * (size_bytes + _ANSWER_BYTES) // _SCALE)

    def learn(self, team: str, model: str, size_bytes: int, cost_nano_usd: int, tokens: int = 0) -> None:
        """Take in what a request did cost in the end."""
        key = (team, model)
        weight = size_bytes + _ANSWER_BYTES
        money, counted = cost_nano_usd * _SCALE // weight, tokens * _SCALE // weight
        learned = self._learned.pop(key, None)
        if learned is None:
            learned = [money, counted, 1]
            if len(self._learned) >= self._remembered:
                del self._learned[next(iter(self._learned))]
        else:
            if learned[2] < _STEADY:
                learned[2] += 1
            learned[0] += (money - learned[0]) // learned[2]
            learned[1] += (counted - learned[1]) // learned[2]
        self._learned[key] = learned


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
